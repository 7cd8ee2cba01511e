"""The decision. The order of questions is AWS's: any explicit deny; service control policies; the resource's policy;
the caller's own policies; the permissions boundary; the session's policies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from lambent.contracts.access import AccessRequest, Decision, NamedPolicy, PolicySet
from lambent.contracts.caller import Caller, Principal

from .context import Asked, Values, caller_keys
from .document import Document, Index, Named, Statement, compile_document
from .principals import Match

Key = TypeVar("Key")
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """A bounded cache of what `make` derives from frozen objects, by their identity.

    Hashing a caller or a set of policies costs more than a decision. An entry keeps its object alive, so that its id
    cannot come to stand for another; the oldest entries leave first.
    """

    def __init__(self, make: Callable[[Key], Value], size_max: int) -> None:
        self._make = make
        self._size_max = size_max
        self._found: dict[int, tuple[Key, Value]] = {}

    def __call__(self, key: Key) -> Value:
        entry = self._found.get(id(key))
        if entry is not None and entry[0] is key:
            return entry[1]
        value = self._make(key)
        while len(self._found) >= self._size_max:
            self._found.pop(next(iter(self._found)), None)
        self._found[id(key)] = (key, value)
        return value


class Prepared:
    """A `PolicySet`, compiled. `boundary` and `session` are None where there is no such limit."""

    __slots__ = ("boundary", "identity", "levels", "session")

    def __init__(self, policies: PolicySet) -> None:
        self.identity = _index(policies.identity)
        self.boundary = None if policies.boundary is None else _index((policies.boundary,))
        self.session = None if policies.session is None else _index(policies.session)
        self.levels = tuple(_index(level) for level in policies.service_control)


def _index(policies: tuple[NamedPolicy, ...]) -> Index:
    return Index((s, policy.name) for policy in policies for s in compile_document(policy.document).statements)


# Pure derivations of immutable values: what they hold can be dropped at any time.
_prepared: Remembered[PolicySet, Prepared] = Remembered(Prepared, 2048)
_caller_keys: Remembered[Caller, dict[str, Values]] = Remembered(caller_keys, 2048)


def evaluate(request: AccessRequest, policies: PolicySet) -> Decision:
    """May the caller do it? Never raises. `policies` are ignored for services and anonymous callers, which have
    none: for them the resource's policy alone decides."""
    asked = Asked(request, _caller_keys(request.caller))
    prepared = _prepared(policies)
    alone = request.caller.kind in (Principal.SERVICE, Principal.ANONYMOUS)
    denied = _denied_by_resource(asked) if alone else _denied(asked, prepared)
    if denied is not None:
        return denied
    granted, match = _resource_grant(asked)
    if alone:
        return granted if granted is not None and match is Match.DIRECT else _missing("resource")
    limited = _service_control(asked, prepared)
    if limited is not None:
        return limited
    return _granted(asked, prepared, granted, match)


def matching(request: AccessRequest, document: str) -> list[Statement]:
    """The statements of an identity policy that apply to a request, whatever their effect; for simulations."""
    asked = Asked(request, _caller_keys(request.caller))
    statements = compile_document(document).statements
    return [statement for statement in statements if statement.has_action(asked.action) and statement.applies(asked)]


def _granted(asked: Asked, prepared: Prepared, granted: Decision | None, match: Match) -> Decision:
    """The rest of the decision once nothing denies and the organization agrees."""
    request = asked.request
    caller = request.caller
    own_account = request.resource_account in ("", caller.account)
    if match is Match.DIRECT and own_account and granted is not None:
        # Named itself: neither its policies, nor boundary, nor session policies are asked.
        return granted
    if granted is None and (not own_account or _needs_resource_policy(asked)):
        missing = _limits(asked, prepared, _identity(asked, prepared))
        return missing if not missing.allowed else _missing("resource")
    if match is Match.ROLE and own_account and granted is not None:
        return _limits(asked, prepared, granted)
    return _limits(asked, prepared, _identity(asked, prepared))


def _identity(asked: Asked, prepared: Prepared) -> Decision:
    if asked.caller.kind is Principal.ROOT:
        return _ROOT
    return _first(prepared.identity.select(asked.action)[1], asked, "identity") or _missing("identity")


def _limits(asked: Asked, prepared: Prepared, decision: Decision) -> Decision:
    """`decision`, unless it is an allow that the boundary or the session's policies do not share."""
    if not decision.allowed:
        return decision
    if prepared.boundary is not None and not _some(prepared.boundary.select(asked.action)[1], asked):
        return _missing("boundary")
    if prepared.session is not None and not _some(prepared.session.select(asked.action)[1], asked):
        return _missing("session")
    return decision


def _service_control(asked: Asked, prepared: Prepared) -> Decision | None:
    """Every level of the organization must allow; service-linked roles are exempt."""
    if prepared.levels and ":role/aws-service-role/" not in asked.caller.role_arn:
        for level in prepared.levels:
            if not _some(level.select(asked.action)[1], asked):
                return _missing("service-control")
    return None


def _denied(asked: Asked, prepared: Prepared) -> Decision | None:
    action = asked.action
    if prepared.levels and ":role/aws-service-role/" not in asked.caller.role_arn:
        for level in prepared.levels:
            denied = _first(level.select(action)[0], asked, "service-control", allowed=False)
            if denied is not None:
                return denied
    denied = _denied_by_resource(asked) if asked.request.resource_policies else None
    if denied is not None:
        return denied
    for kind, index in (
        ("identity", prepared.identity),
        ("boundary", prepared.boundary),
        ("session", prepared.session),
    ):
        denies = index.select(action)[0] if index is not None else ()
        denied = _first(denies, asked, kind, allowed=False) if denies else None
        if denied is not None:
            return denied
    return None


def _resource_documents(asked: Asked) -> list[tuple[str, Document]]:
    return [(policy.name, compile_document(policy.document)) for policy in asked.request.resource_policies]


def _denied_by_resource(asked: Asked) -> Decision | None:
    for name, document in _resource_documents(asked):
        for statement, _ in document.index.select(asked.action)[0]:
            if statement.names(asked) is not Match.NONE and statement.applies(asked):
                return Decision(False, True, "resource", name, statement.label)
    return None


def _resource_grant(asked: Asked) -> tuple[Decision | None, Match]:
    """The allowing statement of the resource's policies that names the caller most closely."""
    best: Decision | None = None
    closest = Match.NONE
    if not asked.request.resource_policies:
        return best, closest
    for name, document in _resource_documents(asked):
        for statement, _ in document.index.select(asked.action)[1]:
            match = statement.names(asked)
            if match > closest and statement.applies(asked):
                best, closest = Decision(True, True, "resource", name, statement.label), match
    return best, closest


def _needs_resource_policy(asked: Asked) -> bool:
    """Some resources admit nobody whom their own policy does not: roles (their trust policy) and KMS keys."""
    action = asked.action
    if action.startswith("sts:"):
        return action in _TRUST_ACTIONS
    return action.startswith("kms:") and bool(asked.request.resource_policies)


_TRUST_ACTIONS = frozenset({"sts:assumerole", "sts:assumerolewithwebidentity", "sts:assumerolewithsaml",
                            "sts:tagsession", "sts:setsourceidentity"})  # fmt: skip
_ROOT = Decision(allowed=True, explicit=True, kind="root")
_MISSING = {
    kind: Decision(allowed=False, explicit=False, kind=kind)
    for kind in ("identity", "resource", "boundary", "session", "service-control")
}


def _missing(kind: str) -> Decision:
    return _MISSING[kind]


def _first(statements: tuple[Named, ...], asked: Asked, kind: str, *, allowed: bool = True) -> Decision | None:
    for statement, policy in statements:
        if statement.applies(asked):
            return Decision(allowed, True, kind, policy, statement.label)
    return None


def _some(statements: tuple[Named, ...], asked: Asked) -> bool:
    return any(statement.applies(asked) for statement, _ in statements)
