"""The service that the modules in api/ register their operations with, and what they share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader
from lambent.kit import Context, Service
from lambent.kit.paging import page, unseal

from .errors import InvalidNextTokenException, ObjectNotFoundException, ValidationException
from .keys import scalable
from .model import DIMENSIONS, NAMESPACE, ScalableTarget, Where

scaling = Service("application-autoscaling", iam="application-autoscaling")
T = TypeVar("T")
_PAGE: Final = 50
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def moment(time_ms: int) -> datetime:
    """A time as the wire takes it."""
    return _EPOCH + timedelta(milliseconds=time_ms)


def check_namespace(req: Mapping[str, Any]) -> None:
    """Refuse what is not DynamoDB's."""
    if req["ServiceNamespace"] != NAMESPACE:
        raise NotBuilt(f"Lambent has not built auto scaling of the namespace {req['ServiceNamespace']} yet.")


def where_of(ctx: Context, req: Mapping[str, Any]) -> Where:
    """The key of the target that a request means."""
    check_namespace(req)
    resource, dimension = req["ResourceId"], req["ScalableDimension"]
    kind = DIMENSIONS.get(dimension, ("", ""))[0]
    parts = resource.split("/")
    fits = {"table": len(parts) == 2, "index": len(parts) == 4 and parts[2] == "index"}.get(kind, False)
    if not fits or parts[0] != "table":
        raise ValidationException(
            f"Unsupported service namespace, resource type or scalable dimension: {NAMESPACE}, {resource}, {dimension}"
        )
    return ctx.account, ctx.region, resource, dimension


def words(where: Where) -> str:
    """A target as errors name it."""
    return f"service namespace: {NAMESPACE}, resource ID: {where[2]}, scalable dimension: {where[3]}"


def found_target(tx: Reader, where: Where) -> ScalableTarget:
    """The target; its error where there is none."""
    target = scalable.get(tx, *where)
    if target is None:
        raise ObjectNotFoundException(f"No scalable target registered for {words(where)}")
    return target


def names(where: Where) -> dict[str, str]:
    """The members that name a target in every answer."""
    return {"ServiceNamespace": NAMESPACE, "ResourceId": where[2], "ScalableDimension": where[3]}


def filters(ctx: Context, req: Mapping[str, Any]) -> tuple[str, ...]:
    """The prefix of the keys that a Describe operation lists."""
    check_namespace(req)
    if "ScalableDimension" in req and "ResourceId" not in req and "ResourceIds" not in req:
        raise ValidationException("ResourceId must be given with ScalableDimension")
    resource = (req["ResourceId"],) if "ResourceId" in req else ()
    return ctx.account, ctx.region, *resource


def paged(req: Mapping[str, Any], rows: list[tuple[bytes, T]]) -> tuple[list[T], dict[str, str]]:
    """A page of rows (key, what is shown), and its NextToken where there are more."""
    if "NextToken" in req:
        after = unseal(req["NextToken"], InvalidNextTokenException)
        at = next((place for place, row in enumerate(rows) if row[0] == after), None)
        if at is None:
            raise InvalidNextTokenException("The provided token is invalid.")
        rows = rows[at + 1 :]
    shown, token = page(rows, req.get("MaxResults", _PAGE), lambda row: row[0])
    return [row for _, row in shown], {"NextToken": token} if token else {}
