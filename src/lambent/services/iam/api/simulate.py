"""Simulations: what would be decided, and by which statements."""

from __future__ import annotations

from typing import Any, NamedTuple

from lambent import policy
from lambent.contracts import arn as arns
from lambent.contracts.access import AccessRequest, Decision, NamedPolicy, PolicySet
from lambent.contracts.caller import Caller, Principal
from lambent.contracts.ports import Reader
from lambent.kit import Check, Context
from lambent.services.iam import directory, keys, model, texts
from lambent.services.iam.base import iam, page
from lambent.services.iam.errors import InvalidInput, no_such

Req = dict[str, Any]
_KINDS = ("user", "group", "role")


class Source(NamedTuple):
    """A policy under simulation, with the name that results show."""

    id: str
    document: str


class Subject(NamedTuple):
    """Who is simulated, with which policies."""

    caller: Caller
    identity: list[Source]
    boundary: Source | None


def _entity(ctx: Context, tx: Reader, source_arn: str) -> model.AnyEntity:
    try:
        kind, _, name = arns.parse(source_arn).resource.partition("/")
    except ValueError:
        raise InvalidInput(f"Invalid Entity Arn: {source_arn} does not clearly define entity type and name.") from None
    if kind not in _KINDS:
        raise InvalidInput(f"Invalid Entity Arn: {source_arn} does not clearly define entity type and name.")
    name = name.rpartition("/")[2]
    entity = keys.find(tx, kind, ctx.account, name)
    if entity is None or entity.arn != source_arn:
        raise no_such(kind, name)
    return entity


def _caller(entity: model.AnyEntity) -> Caller:
    if isinstance(entity, model.RoleRecord):
        return Caller(
            kind=Principal.ROLE,
            account=entity.account,
            arn=f"arn:aws:sts::{entity.account}:assumed-role/{entity.name}/simulation",
            role_arn=entity.arn,
            user_id=f"{entity.id}:simulation",
            tags=entity.tags,
        )
    return Caller(kind=Principal.USER, account=entity.account, arn=entity.arn, user_id=entity.id, tags=entity.tags)


def _sources(tx: Reader, entity: model.AnyEntity) -> list[Source]:
    kind = keys.kind_of(entity)
    found = [Source(f"{kind}_{entity.name}_{name}", document) for name, document in entity.inline]
    for arn in entity.attached:
        found.append(Source(arn.rpartition("/")[2], directory.managed_policy(tx, arn).document))
    for name in entity.groups if isinstance(entity, model.User) else ():
        group = keys.GROUPS.get(tx, entity.account, name.lower())
        found += _sources(tx, group) if group is not None else []
    return found


def _given(documents: list[str], member: str) -> list[Source]:
    for document in documents:
        policy.parse_document(document, "identity")
    return [Source(f"{member}.{number}", document) for number, document in enumerate(documents, 1)]


def _boundary(req: Req) -> Source | None:
    given = _given(req.get("PermissionsBoundaryPolicyInputList", []), "PermissionsBoundaryPolicyInputList")
    return given[0] if given else None


def _about_principal(operation: str) -> Any:
    def authorize(ctx: Context, tx: Reader, req: Req) -> list[Check]:
        return [Check(f"iam:{operation}", req["PolicySourceArn"])]

    return authorize


@iam.operation(tx="read", authorize=_about_principal("SimulatePrincipalPolicy"), unbuilt=("ResourceHandlingOption",))
def simulate_principal_policy(ctx: Context, tx: Reader, req: Req) -> Req:
    entity = _entity(ctx, tx, req["PolicySourceArn"])
    boundary = _boundary(req)
    if boundary is None and entity.boundary:
        document = directory.managed_policy(tx, entity.boundary).document
        boundary = Source(entity.boundary.rpartition("/")[2], document)
    identity = _sources(tx, entity) + _given(req.get("PolicyInputList", []), "PolicyInputList")
    return _simulate(Subject(_caller(entity), identity, boundary), req)


@iam.operation(tx="read", unbuilt=("ResourceHandlingOption",))
def simulate_custom_policy(ctx: Context, tx: Reader, req: Req) -> Req:
    caller = _custom_caller(ctx, req.get("CallerArn", ""))
    return _simulate(Subject(caller, _given(req["PolicyInputList"], "PolicyInputList"), _boundary(req)), req)


def _custom_caller(ctx: Context, caller_arn: str) -> Caller:
    if not caller_arn:
        arn = f"arn:aws:iam::{ctx.account}:user/simulation"
        return Caller(kind=Principal.USER, account=ctx.account, arn=arn, user_id="AIDASIMULATION000000")
    try:
        parts = arns.parse(caller_arn)
    except ValueError:
        raise InvalidInput(f"Invalid Caller Arn: {caller_arn}") from None
    return Caller(kind=Principal.USER, account=parts.account, arn=caller_arn, user_id="AIDASIMULATION000000")


def _conditions(req: Req) -> dict[str, str | tuple[str, ...]]:
    found: dict[str, str | tuple[str, ...]] = {}
    for entry in req.get("ContextEntries", ()):
        values = tuple(entry.get("ContextKeyValues", ()))
        multiple = entry.get("ContextKeyType", "").endswith("List")
        found[entry["ContextKeyName"].lower()] = values if multiple or len(values) != 1 else values[0]
    return found


def _simulate(subject: Subject, req: Req) -> Req:
    resources = req.get("ResourceArns") or ["*"]
    conditions = _conditions(req)
    results = []
    for action in req["ActionNames"]:
        for resource in resources:
            evaluated = _evaluate(subject, req, action, resource, conditions)
            results.append(_result(subject, action, evaluated, "ResourceArns" in req))
    numbered = [(f"{number:06}", result) for number, result in enumerate(results)]
    found = page(numbered, req, "EvaluationResults", lambda row: row[0])
    found["EvaluationResults"] = [result for _, result in found["EvaluationResults"]]
    return found


class _Evaluated(NamedTuple):
    resource: str
    decision: Decision
    matched: list[Req]
    missing: list[str]
    within_boundary: bool


def _evaluate(
    subject: Subject, req: Req, action: str, resource: str, conditions: dict[str, str | tuple[str, ...]]
) -> _Evaluated:
    caller = subject.caller
    owner = req.get("ResourceOwner", "")
    account = owner.split(":")[4] if owner.count(":") >= 5 else ""
    document = req.get("ResourcePolicy")
    attached = () if document is None else (NamedPolicy("ResourcePolicy", document),)
    request = AccessRequest(caller, action, resource, conditions, attached, account)
    boundary = subject.boundary
    policies = PolicySet(
        identity=tuple(NamedPolicy(*source) for source in subject.identity),
        boundary=NamedPolicy(*boundary) if boundary is not None else None,
    )
    decision = policy.evaluate(request, policies)
    matched = [
        shape
        for source in [*subject.identity, *([boundary] if boundary is not None else [])]
        for shape in _matched(request, source, decision)
    ]
    missing: dict[str, str] = {}
    for source in subject.identity:
        missing.update({name.lower(): name for name in _missing(source, action, conditions)})
    granted = boundary is None or any(not one.deny for one in policy.matching(request, boundary.document))
    within = granted and not (decision.explicit and decision.kind == "boundary")
    return _Evaluated(resource, decision, matched, sorted(missing.values()), within)


def _matched(request: AccessRequest, source: Source, decision: Decision) -> list[Req]:
    """The statements of a policy that speak for the decision; none speaks for an implicit deny."""
    if not decision.explicit:
        return []
    spans = texts.statement_spans(source.document)
    return [
        {
            "SourcePolicyId": source.id,
            "SourcePolicyType": "IAM Policy",
            "StartPosition": texts.position(source.document, spans[statement.index].start),
            "EndPosition": texts.position(source.document, spans[statement.index].end),
        }
        for statement in policy.matching(request, source.document)
        if statement.deny is not decision.allowed
    ]


# Keys that a real request always has, about its caller and itself.
_ALWAYS = ("aws:principal", "aws:userid", "aws:username")


def _missing(source: Source, action: str, conditions: dict[str, str | tuple[str, ...]]) -> list[str]:
    statements = policy.compile_document(source.document).statements
    about = {statement.index for statement in statements if statement.has_action(action.lower())}
    names = texts.context_keys(source.document, about)
    return [name for name in names if name.lower() not in conditions and not name.lower().startswith(_ALWAYS)]


def _word(decision: Decision) -> str:
    if decision.allowed:
        return "allowed"
    return "explicitDeny" if decision.explicit else "implicitDeny"


def _result(subject: Subject, action: str, whole: _Evaluated, named: bool) -> Req:
    """The result of one action on one resource. AWS says everything twice for a resource that the request names."""
    found: Req = {
        "EvalActionName": action,
        "EvalResourceName": whole.resource,
        "EvalDecision": _word(whole.decision),
        "MatchedStatements": whole.matched,
        "MissingContextValues": whole.missing,
        "OrganizationsDecisionDetail": {"AllowedByOrganizations": True},
        "EvalDecisionDetails": {},
    }
    if subject.boundary is not None:
        found["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": whole.within_boundary}
    if named:
        found["ResourceSpecificResults"] = [_specific(subject, whole)]
    return found


def _specific(subject: Subject, one: _Evaluated) -> Req:
    found: Req = {
        "EvalResourceName": one.resource,
        "EvalResourceDecision": _word(one.decision),
        "MatchedStatements": one.matched,
        "MissingContextValues": one.missing,
    }
    if subject.boundary is not None:
        found["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": one.within_boundary}
    return found


@iam.operation(tx="read")
def get_context_keys_for_custom_policy(ctx: Context, tx: Reader, req: Req) -> Req:
    return {"ContextKeyNames": _keys_of(_given(req["PolicyInputList"], "PolicyInputList"))}


@iam.operation(tx="read", authorize=_about_principal("GetContextKeysForPrincipalPolicy"))
def get_context_keys_for_principal_policy(ctx: Context, tx: Reader, req: Req) -> Req:
    sources = _sources(tx, _entity(ctx, tx, req["PolicySourceArn"]))
    return {"ContextKeyNames": _keys_of(sources + _given(req.get("PolicyInputList", []), "PolicyInputList"))}


def _keys_of(sources: list[Source]) -> list[str]:
    found: dict[str, str] = {}
    for source in sources:
        for name in texts.context_keys(source.document):
            found.setdefault(name.lower(), name)
    return sorted(found.values())
