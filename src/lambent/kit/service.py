"""A service: its name and its operations.

An operation is a function named like the model's operation (`put_object` is PutObject); a name that the model does not
have fails at import. Handlers that say `tx="read"` or `tx="write"` are plain functions `(ctx, tx, req) -> result`: no
I/O, no await, safe to run twice. Handlers of `tx="none"` are `async (ctx, req) -> result` and open their own
transactions with `ctx.cloud.store`; nothing waits inside a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeVar

from lambent import model
from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader

from .context import Context

Handler = TypeVar("Handler", bound=Callable[..., Any])
Conditions = Mapping[str, str | tuple[str, ...]]
BODY_BYTES_MAX = 16 << 20
"""The longest body of an operation that does not stream and does not say otherwise."""
_NO_CONDITIONS: Conditions = MappingProxyType({})
TxMode = Literal["read", "write", "none"]


class Check(NamedTuple):
    """One question to the policy room. `resource_policy` is the document attached to the resource, if any;
    `resource_account` its owner (empty: the caller's account); `policy_owner` the ARN of the resource that carries the
    document, where that is another one (an object's bucket)."""

    action: str
    resource: str
    conditions: Conditions = _NO_CONDITIONS
    resource_policy: str | None = None
    resource_account: str = ""
    policy_owner: str = ""


Authorizer = Callable[[Context, Reader, dict[str, Any]], list[Check]]


def pass_role(role: str, principal: str) -> Check:
    """The question whether the caller may hand the role of this ARN to the service `principal`. Nobody hands on a role
    of another account, not even root: a role trusts a service, not whoever asks it."""
    parts = role.split(":", 5)
    account = parts[4] if len(parts) == 6 else ""
    return Check("iam:PassRole", role, {"iam:passedtoservice": principal}, resource_account=account)


class Operation(NamedTuple):
    """One operation as the gateway's dispatch room sees it. `authorize` runs in the handler's own transaction, before
    it (in a read of its own for `tx="none"`); None means: open to whoever is authenticated."""

    name: str
    tx: TxMode
    handler: Callable[..., Any]
    authorize: Authorizer | None
    unbuilt: frozenset[str]
    anonymous: bool
    body_bytes_max: int


def _owner(arn: str) -> str:
    """The account that an ARN names, empty for none: what a request calls by the ARN of another account is that
    account's, whose root and users the caller's own permissions do not make anybody."""
    account = (arn.split(":", 5) + [""] * 5)[4] if arn.startswith("arn:") else ""
    return account if account.isdigit() else ""


class Service:
    """Collects the operations of one service. `name` is botocore's (`s3`, `logs`, `lambda`); `iam` the action prefix
    where it differs from the name; `anonymous` whether its operations may be asked for without a signature."""

    def __init__(self, name: str, *, iam: str = "", anonymous: bool = False) -> None:
        self.name = name
        self.anonymous = anonymous
        self.iam = iam or name
        self.operations: dict[str, Operation] = {}
        self._names = {n.lower(): n for n in model.service_model(name).operations}

    def operation(
        self,
        *,
        tx: TxMode,
        resource: Callable[[Context, dict[str, Any]], str] | None = None,
        action: str = "",
        authorize: Authorizer | None = None,
        open: bool = False,
        anonymous: bool | None = None,
        unbuilt: tuple[str, ...] = (),
        harmless: tuple[str, ...] = (),
        body_bytes_max: int = BODY_BYTES_MAX,
    ) -> Callable[[Handler], Handler]:
        """Register the decorated function.

        `resource(ctx, req)` gives the ARN that IAM is asked about (default `*`), `action` the action where it is not
        `prefix:OperationName`; `authorize(ctx, tx, req)` replaces both when one question does not do. `open=True`:
        no permission is needed. `anonymous=True`: unsigned callers reach the handler's authorization too, instead of
        being asked for a signature; the service's `anonymous` where it is not given.
        `unbuilt` lists parameters that are refused by name; `harmless` ones that are accepted without effect (each
        is explained in the service's DESIGN.md). `body_bytes_max` bounds the request's body where it does not stream.
        """

        def register(fn: Handler) -> Handler:
            wanted = fn.__name__.rstrip("_").replace("_", "").lower()
            name = self._names.get(wanted)
            if name is None:
                raise LookupError(f"{self.name} has no operation like {fn.__name__!r}")
            check = None if open else (authorize or self._single(action or f"{self.iam}:{name}", resource))
            unsigned = self.anonymous if anonymous is None else anonymous
            self.operations[name] = Operation(name, tx, fn, check, frozenset(unbuilt), unsigned, body_bytes_max)
            return fn

        return register

    @staticmethod
    def _single(action: str, resource: Callable[[Context, dict[str, Any]], str] | None) -> Authorizer:
        def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
            arn = resource(ctx, req) if resource is not None else "*"
            return [Check(action, arn, resource_account=_owner(arn))]

        return authorize


def refuse_unbuilt(operation: Operation, req: dict[str, Any]) -> None:
    """Raise `NotBuilt` when `req` uses a parameter that has no effect yet."""
    for name in operation.unbuilt:
        if name in req:
            raise NotBuilt(f"Lambent has not built the parameter {name} of {operation.name} yet.")
