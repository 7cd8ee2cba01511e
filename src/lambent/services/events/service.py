"""The service that the modules in api/ register their operations with, and what they share: names, questions to IAM."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from lambent.contracts import arn
from lambent.contracts.ports import Reader
from lambent.kit import Check, Context, Service, pass_role
from lambent.kit.paging import seal, unseal
from lambent.kit.service import Authorizer
from lambent.kit.tags import limited
from lambent.kv.table import Table

from .errors import LimitExceededException, ValidationException, invalid
from .model import DEFAULT, PAGE, PRINCIPAL, TAGS_MAX

events = Service("events")


class Place(NamedTuple):
    """Where a bus is: the parts of its key."""

    account: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        """The ARN of what is or would be there."""
        return arn.build("events", self.region, self.account, f"event-bus/{self.name}")


def bus_place(ctx: Context, given: str | None) -> Place:
    """The bus that a name or an ARN means; the default one where nothing is said."""
    if not given:
        return Place(ctx.account, ctx.region, DEFAULT)
    if not given.startswith("arn:"):
        return Place(ctx.account, ctx.region, given)
    found, kind, name = parsed(given, "EventBusName")
    if found.service != "events" or kind != "event-bus" or not name:
        raise invalid("EventBusName")
    return Place(found.account, found.region, name)


def parsed(text: str, parameter: str) -> tuple[arn.Arn, str, str]:
    """The ARN that a parameter gives, with its resource's kind and name (`event-bus/a`); `invalid` where it is none."""
    try:
        found = arn.parse(text)
    except ValueError:
        raise invalid(parameter) from None
    kind, _, name = found.resource.partition("/")
    return found, kind, name


def one_filter(req: Mapping[str, Any], operation: str) -> None:
    """Raise where a request lists archives or replays by more than one thing."""
    if sum(name in req for name in ("State", "EventSourceArn", "NamePrefix")) > 1:
        raise ValidationException(
            f"At most one filter is allowed for {operation}. Use either : State, EventSourceArn, or NamePrefix."
        )


def rule_arn(place: Place, name: str) -> str:
    """The ARN of a rule that is or would be on a bus."""
    path = name if place.name == DEFAULT else f"{place.name}/{name}"
    return arn.build("events", place.region, place.account, f"rule/{path}")


def on_rule(action: str, member: str = "Name") -> Authorizer:
    """Asks about the rule that a request names, and whether the caller may hand on the roles that are in it."""

    def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        place = bus_place(ctx, req.get("EventBusName"))
        roles = {given.get("RoleArn") for given in (req, *req.get("Targets", ()))}
        passing = [pass_role(role, PRINCIPAL) for role in sorted(filter(None, roles))]
        return [Check(action, rule_arn(place, req[member]), resource_account=place.account), *passing]

    return authorize


def named(kind: str, member: str) -> Callable[[Context, dict[str, Any]], str]:
    """The ARN that IAM is asked about: of a bus, an archive, a replay, ... that a request names."""

    def resource(ctx: Context, req: dict[str, Any]) -> str:
        name = str(req.get(member) or DEFAULT)
        return name if name.startswith("arn:") else ctx.arn("events", f"{kind}/{name}")

    return resource


def paged(
    req: Mapping[str, Any],
    rows: Callable[[bytes | None, int], list[tuple[bytes, Any]]],
    name: str,
    show: Callable[[Any], Any],
) -> dict[str, Any]:
    """An answer with a page. `rows` gives the key and record of so many things after a key."""
    limit = req.get("Limit") or PAGE
    token = req.get("NextToken")
    after = unseal(token, _bad_token) if token else None
    found = rows(after, limit + 1)
    result: dict[str, Any] = {name: [show(record) for _, record in found[:limit]]}
    if len(found) > limit:
        result["NextToken"] = seal(found[limit - 1][0])
    return result


def _bad_token(message: str) -> ValidationException:
    return invalid("NextToken")


def listed(
    table: Table[Any], tx: Reader, place: tuple[str, ...], prefix: str, wanted: Callable[[Any], bool] = lambda _: True
) -> Callable[[bytes | None, int], list[tuple[bytes, Any]]]:
    """The rows of a table below `place` whose last part begins with `prefix`, for `paged`."""

    def rows(after: bytes | None, limit: int) -> list[tuple[bytes, Any]]:
        found: list[tuple[bytes, Any]] = []
        if after is not None and not after.startswith(table.prefix):
            raise invalid("NextToken")
        for key, record in table.scan(tx, *place, after=after):
            if record.name.startswith(prefix) and wanted(record):
                found.append((key, record))
                if len(found) == limit:
                    break
        return found

    return rows


def read_tags(given: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags, checked."""
    found: dict[str, str] = {}
    for tag in given:
        if tag["Key"].lower().startswith("aws:"):
            raise ValidationException("Tag keys that start with aws: are reserved.")
        found[tag["Key"]] = tag.get("Value", "")
    too_many = LimitExceededException("The requested resource exceeds the maximum number of tags allowed.")
    return limited(found, TAGS_MAX, too_many)
