"""Tags of queues."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kit.tags import limited, without

from .. import keys
from ..errors import InvalidParameterValueException, missing
from ..service import on_queue, queue_in

TAGS_MAX: Final = 50


def check_tags(tags: dict[str, str]) -> None:
    """Raise for tags that a queue cannot have."""
    limited(tags, TAGS_MAX, InvalidParameterValueException(f"Too many tags added for queue: the limit is {TAGS_MAX}."))
    for name, value in tags.items():
        if not 1 <= len(name) <= 128 or name.lower().startswith("aws:"):
            raise InvalidParameterValueException("Tag keys must be between 1 and 128 characters in length.")
        if len(value) > 256:
            raise InvalidParameterValueException("Tag values must be between 0 and 256 characters in length.")


@on_queue("write")
def tag_queue(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Set tags."""
    queue = queue_in(req)
    if not req.get("Tags"):
        raise missing("Tags")
    tags = {**queue.tags, **req["Tags"]}
    check_tags(tags)
    keys.put_queue(tx, replace(queue, tags=tags))


@on_queue("write")
def untag_queue(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Remove tags."""
    queue = queue_in(req)
    if not req.get("TagKeys"):
        raise missing("TagKeys")
    keys.put_queue(tx, replace(queue, tags=without(queue.tags, req["TagKeys"])))


@on_queue("read")
def list_queue_tags(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Show tags."""
    queue = queue_in(req)
    return {"Tags": queue.tags} if queue.tags else {}
