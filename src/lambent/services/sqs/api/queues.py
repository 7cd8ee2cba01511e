"""Queues: made, found, listed, changed, emptied and deleted."""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context
from lambent.kit.paging import page, unseal

from .. import attributes, keys
from ..emitting import emit_purge, emit_sweep
from ..errors import (
    InvalidAttributeName,
    InvalidParameterValueException,
    PurgeQueueInProgress,
    QueueDeletedRecently,
    QueueNameExists,
    missing,
)
from ..model import RECENT_MS, SHELVES_SHARED, Deleted, Mark, Queue
from ..service import Place, access, on_queue, queue_in, sqs, url_of
from .tags import check_tags

LIST_MAX: Final = 1000
_NAME: Final = re.compile(r"[A-Za-z0-9_\-]{1,80}", re.ASCII).fullmatch
_FIFO: Final = ".fifo"


def _named(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    name = req.get("QueueName")
    if not name:
        raise missing("QueueName")
    place = Place(req.get("QueueOwnerAWSAccountId") or ctx.account, ctx.region, name)
    queue = req["_queue"] = keys.queues.get(tx, *place)
    operation = "sqs:GetQueueUrl"
    return [access(operation, place, queue)]


def _new(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    name = req.get("QueueName")
    if not name:
        raise missing("QueueName")
    conditions: dict[str, str | tuple[str, ...]] = {}
    if req.get("tags"):
        conditions = {f"aws:requesttag/{tag.lower()}": value for tag, value in req["tags"].items()}
        conditions["aws:tagkeys"] = tuple(req["tags"])
    checks = [Check("sqs:CreateQueue", ctx.arn("sqs", name), conditions)]
    if req.get("tags"):
        checks.append(Check("sqs:TagQueue", ctx.arn("sqs", name), conditions))
    return checks


@sqs.operation(tx="write", authorize=_new)
def create_queue(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Make a queue, or find the one of this name and these attributes."""
    given = {name: str(value) for name, value in (req.get("Attributes") or {}).items()}
    name = req["QueueName"]
    fifo = _check_name(name, given)
    tags = dict(req.get("tags") or {})
    check_tags(tags)
    existing = keys.queues.get(tx, ctx.account, ctx.region, name)
    if existing is not None:
        differs = attributes.differing(tx, existing, given)
        if differs:
            raise QueueNameExists(
                f"A queue already exists with the same name and a different value for attribute {differs}"
            )
        return {"QueueUrl": url_of(ctx, existing)}
    gone = keys.deleted.get(tx, ctx.account, ctx.region, name)
    if gone is not None:
        if ctx.now_ms < gone.at_ms + RECENT_MS:
            raise QueueDeletedRecently(
                "You must wait 60 seconds after deleting a queue before you can create another with the same name."
            )
        keys.deleted.delete(tx, ctx.account, ctx.region, name)
    blank = Queue(
        account=ctx.account,
        region=ctx.region,
        name=name,
        id=ctx.cloud.ids.bytes(keys.CONTENTS_BYTES),
        contents=ctx.cloud.ids.bytes(keys.CONTENTS_BYTES),
        created_ms=ctx.now_ms,
        modified_ms=ctx.now_ms,
        shelves=SHELVES_SHARED if ctx.cloud.store.shared else 1,
        fifo=fifo,
        tags=tags,
    )
    queue = attributes.change(tx, blank, given)
    attributes.check_principals(tx, ctx.cloud.directory, given)
    _put(tx, None, queue)
    emit_sweep(tx, queue, ctx.now_ms + queue.retention_s * 1000)
    return {"QueueUrl": url_of(ctx, queue)}


def _check_name(name: str, given: dict[str, str]) -> bool:
    """Whether the queue will be FIFO; raises when name and attributes do not say the same."""
    fifo = given.get("FifoQueue")
    if fifo is not None and fifo.lower() == "true":
        if not name.endswith(_FIFO) or len(name) > 80 or not _NAME(name.removesuffix(_FIFO)):
            raise InvalidParameterValueException(
                "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end "
                "with .fifo suffix and be 1 to 80 in length."
            )
        return True
    if not _NAME(name):
        raise InvalidParameterValueException(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )
    if fifo is not None:
        raise InvalidAttributeName("Unknown Attribute FifoQueue.")
    return False


def _put(tx: Transaction, old: Queue | None, new: Queue) -> None:
    """Store a queue, and where its dead letters go."""
    before = old.dead_letter if old is not None else ""
    if before != new.dead_letter:
        if before:
            keys.sources.delete(tx, before, new.arn)
        if new.dead_letter:
            keys.sources.put(tx, Mark(), new.dead_letter, new.arn)
    keys.put_queue(tx, new)


@on_queue("write")
def set_queue_attributes(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Change attributes; they hold from the next call on."""
    queue = queue_in(req)
    given = req.get("Attributes")
    if not given:
        raise missing("Attribute.Name")
    changed = attributes.change(tx, queue, {name: str(value) for name, value in given.items()})
    attributes.check_principals(tx, ctx.cloud.directory, given)
    changed = replace(changed, modified_ms=ctx.now_ms)
    if changed.retention_s < queue.retention_s:
        changed = replace(changed, sweeper=queue.sweeper + 1)
        emit_sweep(tx, changed, 0)
    _put(tx, queue, changed)
    tx.wake(changed.topic)


@on_queue("read")
def get_queue_attributes(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Show attributes; the counts are exact."""
    queue = queue_in(req)
    found = attributes.show(tx, queue, req.get("AttributeNames") or [], ctx.now_ms)
    return {"Attributes": found} if found else {}


@sqs.operation(tx="read", authorize=_named)
def get_queue_url(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The URL of a queue of this account or another."""
    return {"QueueUrl": url_of(ctx, queue_in(req))}


@sqs.operation(tx="read")
def list_queues(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The URLs of queues, by name."""
    limit = check_limit(req)
    prefix = req.get("QueueNamePrefix") or ""
    after = unseal(req["NextToken"], InvalidParameterValueException).decode("utf-8", "replace") if _more(req) else ""
    where = (ctx.account, ctx.region)
    start = keys.queues.key(*where, after or prefix)
    begin = start + b"\x00" if after else start
    # Names that begin with the prefix: up to the first that is greater than all of them.
    end = keys.queues.key(*where, prefix)[:-1] + b"\xff" if prefix else keys.queues.key(*where) + b"\xff"
    rows = [keys.queues.decode(raw) for _, raw in tx.scan(begin, end, limit=limit + 1)]
    shown, token = page(rows, limit, lambda queue: queue.name.encode())
    result: dict[str, Any] = {"QueueUrls": [url_of(ctx, queue) for queue in shown]} if shown else {}
    return result | {"NextToken": token} if token and "MaxResults" in req else result


def check_limit(req: dict[str, Any]) -> int:
    """How many results a page has."""
    limit = req.get("MaxResults", LIST_MAX)
    if not 1 <= limit <= LIST_MAX:
        raise InvalidParameterValueException(
            f"Value for parameter MaxResults is invalid. Reason: must be an integer between 1 and {LIST_MAX}."
        )
    if "MaxResults" not in req and _more(req):
        raise missing("MaxResults")
    return int(limit)


def _more(req: dict[str, Any]) -> bool:
    return bool(req.get("NextToken"))


@on_queue("read")
def list_dead_letter_source_queues(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The URLs of queues whose dead letters come here."""
    queue = queue_in(req)
    limit = check_limit(req)
    after = unseal(req["NextToken"], InvalidParameterValueException) if _more(req) else None
    rows = keys.sources.scan(tx, queue.arn, after=after, limit=limit + 1)
    shown, token = page(rows, limit, lambda row: row[0])
    names = [str(keys.sources.parts(key)[1]).rpartition(":")[2] for key, _ in shown]
    result: dict[str, Any] = {"queueUrls": [url_of(ctx, Place(queue.account, queue.region, name)) for name in names]}
    return result | {"NextToken": token} if token else result


@on_queue("write")
def purge_queue(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Empty a queue at once; its rows are removed in the background."""
    queue = queue_in(req)
    if ctx.now_ms < queue.purged_ms + RECENT_MS:
        raise PurgeQueueInProgress(
            f"Only one PurgeQueue operation on {queue.name} is allowed every {RECENT_MS // 1000} seconds."
        )
    emit_purge(tx, queue)
    keys.put_queue(tx, replace(queue, contents=ctx.cloud.ids.bytes(keys.CONTENTS_BYTES), purged_ms=ctx.now_ms))


@on_queue("write")
def delete_queue(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Delete a queue at once; its rows are removed in the background."""
    queue = queue_in(req)
    emit_purge(tx, queue, forget=True)
    if queue.dead_letter:
        keys.sources.delete(tx, queue.dead_letter, queue.arn)
    keys.queues.delete(tx, queue.account, queue.region, queue.name)
    keys.deleted.put(tx, Deleted(ctx.now_ms), queue.account, queue.region, queue.name)
    tx.wake(queue.topic)
