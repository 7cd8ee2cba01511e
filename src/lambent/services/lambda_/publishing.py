"""Publishing a version: $LATEST under a number, for good."""

from __future__ import annotations

from msgspec.structs import replace

from lambent.contracts.ports import Transaction
from lambent.kit import Context

from . import keys
from .model import Config, FunctionRecord, same_content
from .names import Ref


def publish(
    ctx: Context, tx: Transaction, target: Ref, function: FunctionRecord, description: str | None = None
) -> tuple[FunctionRecord, Config]:
    """The function after publishing, and the version: a new one, or the newest when nothing changed since."""
    if function.published is not None and same_content(function.published, function.latest):
        newest = keys.versions.get(tx, *target.place, function.version)
        if newest is not None:
            return function, newest
    number = function.version + 1
    version = replace(
        function.latest,
        version=str(number),
        description=function.latest.description if description is None else description,
        revision=ctx.cloud.ids.uuid(),
    )
    function = replace(function, version=number, published=function.latest)
    keys.versions.put(tx, version, *target.place, number)
    keys.functions.put(tx, function, *target.place)
    return function, version
