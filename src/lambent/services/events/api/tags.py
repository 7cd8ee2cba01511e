"""Tags of buses and rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kit.tags import pairs, without

from .. import errors, keys
from ..errors import invalid
from ..model import DEFAULT, Bus, Rule
from ..service import events, parsed, read_tags


def _resource(ctx: Context, req: dict[str, Any]) -> str:
    return str(req["ResourceARN"])


def _tagged(tx: Reader, text: str) -> Bus | Rule:
    """The bus or rule of an ARN."""
    place, kind, path = parsed(text, "ResourceARN")
    if place.service != "events" or kind not in ("event-bus", "rule") or not path:
        raise invalid("ResourceARN")
    if kind == "event-bus":
        return keys.get_bus(tx, place.account, place.region, path)
    bus, _, name = path.rpartition("/")
    found = keys.rules.get(tx, place.account, place.region, bus or DEFAULT, name)
    if found is None:
        raise errors.no_rule(name, bus or DEFAULT)
    return found


@events.operation(tx="read", resource=_resource)
def list_tags_for_resource(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": pairs(_tagged(tx, req["ResourceARN"]).tags)}


def _change(tx: Transaction, text: str, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    found = _tagged(tx, text)
    if isinstance(found, Bus):
        keys.put_bus(tx, replace(found, tags=change(found.tags)))
    else:
        keys.rules.put(tx, replace(found, tags=change(found.tags)), *found.place)


@events.operation(tx="write", resource=_resource)
def tag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    def merged(tags: dict[str, str]) -> dict[str, str]:
        return read_tags(pairs({**tags, **read_tags(req["Tags"])}))

    _change(tx, req["ResourceARN"], merged)


@events.operation(tx="write", resource=_resource)
def untag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    _change(tx, req["ResourceARN"], lambda tags: without(tags, req["TagKeys"]))
