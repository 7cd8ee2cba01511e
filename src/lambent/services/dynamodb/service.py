"""The services that the modules in api/ register their operations with, and the way into each operation.

Before a handler runs, in the same transaction: the parameters' types and constraints (requests.py), then the question
to IAM. What was found on the way is left in the request: `req[TABLE]` is the table's record, or None where there is no
such table, which each operation says in its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final, TypeVar

from lambent.contracts import arn
from lambent.contracts.caller import Principal
from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Reader
from lambent.kit import Check, Context, Service
from lambent.kit.service import TxMode

from . import keys, measuring
from .errors import AccessDeniedException, ResourceNotFoundException, ValidationException, no_table
from .model import TableRecord
from .numbers import Invalid
from .requests import door

dynamodb = Service("dynamodb", iam="dynamodb")
streams = Service("dynamodbstreams", iam="dynamodb")

TABLE: Final = "_table"
RESOURCE: Final = "_resource"
Handler = TypeVar("Handler", bound=Callable[..., Any])
Conditions = Mapping[str, str | tuple[str, ...]]
Describe = Callable[[Context, TableRecord | None, dict[str, Any]], Conditions]
NAME_MIN, NAME_MAX = 3, 255


def operation_name(function: Callable[..., Any]) -> str:
    """The operation that a handler is named after."""
    return "".join(word.capitalize() for word in function.__name__.split("_"))


def locate(ctx: Context, tx: Reader, text: str) -> tuple[TableRecord | None, str]:
    """The table that a name or an ARN means, if there is one, and its ARN."""
    if text.startswith("arn:"):
        owner = table_arn(text)
        name = owner.resource.split("/")[1]
        return keys.tables.get(tx, owner.account, owner.region, name), str(owner)
    record = keys.tables.get(tx, ctx.account, ctx.region, text)
    return record, ctx.arn("dynamodb", f"table/{text}")


def table_arn(text: str) -> arn.Arn:
    """The parts of a table's ARN, without what follows the table's name."""
    try:
        found = arn.parse(text)
        kind, name, *_ = found.resource.split("/")
    except ValueError:
        kind = name = ""
    if kind != "table" or found.service != "dynamodb" or not NAME_MIN <= len(name) <= NAME_MAX:
        raise ValidationException(f"Invalid TableArn: Invalid ResourceArn provided as input {text}")
    return found._replace(resource=f"table/{name}")


def access(action: str, table: TableRecord | None, resource: str, conditions: Conditions) -> Check:
    """The question to IAM about one table, or an index of it (`resource`)."""
    if table is None:
        return Check(action, resource, conditions)
    policy = table.policy or None
    return Check(action, resource, conditions, policy, table.account, table.arn if policy is not None else "")


def table_operation(
    tx: TxMode, *, control: bool = False, describe: Describe | None = None, unbuilt: tuple[str, ...] = ()
) -> Callable[[Handler], Handler]:
    """Register an operation on the table in TableName. `control`: the control plane's way to refuse a name;
    `describe(ctx, table, req)` gives IAM's condition keys of the request."""

    def register(function: Handler) -> Handler:
        name = operation_name(function)
        action = f"dynamodb:{name}"
        checks: list[Any] = []

        def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
            if not checks:  # compiled at the first request, not at the start
                checks.append(door(name))
            if control:
                checks[0].check_named(req)
            else:
                checks[0].check(req)
            table, resource = locate(ctx, tx, req["TableName"])
            req[TABLE] = table
            if "IndexName" in req:
                resource = f"{resource}/index/{req['IndexName']}"
            if describe is None or (ctx.caller.kind is Principal.ROOT and not (table and table.policy)):
                return [access(action, table, resource, {})]
            return [access(action, table, resource, describe(ctx, table, req))]

        dynamodb.operation(tx=tx, authorize=_told(name, authorize), unbuilt=unbuilt)(_worded(name, function))
        return function

    return register


def checked_operation(
    tx: TxMode, list_checks: Callable[[Context, Reader, dict[str, Any]], list[Check]], *, unbuilt: tuple[str, ...] = ()
) -> Callable[[Handler], Handler]:
    """Register an operation on something else than one table; `list_checks` gives the questions to IAM."""

    def register(function: Handler) -> Handler:
        name = operation_name(function)

        def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
            door(name).check(req)
            return list_checks(ctx, tx, req)

        dynamodb.operation(tx=tx, authorize=_told(name, authorize), unbuilt=unbuilt)(_worded(name, function))
        return function

    return register


def arn_operation(tx: TxMode) -> Callable[[Handler], Handler]:
    """Register an operation on what ResourceArn names: `req[RESOURCE]` is the parsed ARN, `req[TABLE]` its table."""

    def register(function: Handler) -> Handler:
        name = operation_name(function)
        action = f"dynamodb:{name}"

        def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
            door(name).check_types(req)
            text = req.get("ResourceArn")
            if text is None:
                raise ValidationException("Invalid TableArn")
            if text.count(":") < 5 or "/" not in text.split(":", 5)[5]:
                raise AccessDeniedException(
                    f"User: {ctx.caller.arn} is not authorized to perform: {action} on resource: {text or '*'}"
                )
            door(name).check(req)
            owner = table_arn(text)
            req[RESOURCE] = arn.parse(text)
            req[TABLE] = table = keys.tables.get(tx, owner.account, owner.region, owner.resource.partition("/")[2])
            return [access(action, table, text, {})]

        dynamodb.operation(tx=tx, authorize=authorize)(_worded(name, function))
        return function

    return register


def _told(
    name: str, authorize: Callable[[Context, Reader, dict[str, Any]], list[Check]]
) -> Callable[[Context, Reader, dict[str, Any]], list[Check]]:
    """The questions of an operation, whose refusals of parameters CloudWatch hears of."""

    def told(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        try:
            return authorize(ctx, tx, req)
        except ServiceError as error:
            measuring.refused(ctx, name, req.get(TABLE), error)
            raise

    return told


def _worded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A handler whose pure parts may raise `Invalid`; types inside of values are wrong before anything else is."""

    @wraps(function)
    def handler(ctx: Context, tx: Any, req: dict[str, Any]) -> Any:
        try:
            return function(ctx, tx, req)
        except Invalid as error:
            door(name).check_types(req)
            refused = ValidationException(error.message)
            measuring.refused(ctx, name, req.get(TABLE), refused)
            raise refused from error
        except ServiceError as error:
            measuring.refused(ctx, name, req.get(TABLE), error)
            raise

    return handler


def found_table(req: dict[str, Any]) -> TableRecord:
    """The table of a request to the data plane; its error where there is none, or not yet."""
    table: TableRecord | None = req[TABLE]
    if table is None or table.status == "CREATING":
        raise no_table()
    return table


def described_table(req: dict[str, Any]) -> TableRecord:
    """The table of a request to the control plane; its error where there is none."""
    table: TableRecord | None = req[TABLE]
    if table is None:
        name = req["TableName"]
        if name.startswith("arn:"):
            name = table_arn(name).resource.partition("/")[2]
        raise no_table(name)
    return table


def no_resource(text: str) -> ResourceNotFoundException:
    """The error of tagging what does not exist; the misspelling is AWS's."""
    return ResourceNotFoundException(f"Requested resource not found: ResourcArn: {text} not found")
