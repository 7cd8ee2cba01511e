"""Imports in the background: each event reads one object and stores its items, 200 lines in a transaction, which also
notes how far it got. After a crash the object is read again, and the lines that are stored already are passed over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.errors import ServiceError
from lambent.contracts.events import Event
from lambent.contracts.ports import Cloud, Transaction

from .. import keychecks, keys, writes
from ..model import BATCH, TableRecord
from ..numbers import Invalid
from ..recovery.tasks import emit
from ..sizes import ITEM_MAX, item_size
from ..values import Item, check_depth
from .reading import CsvReader, item_of_json, lines_of, pieces_of, unzipped
from .records import Import, imports

BATCH_BYTES_MAX: Final = 4 << 20
"""A transaction stores no more lines than these bytes."""


def emit_object(tx: Transaction, record: Import) -> None:
    """Have the next object read."""
    task = {"task": "import", "id": record.id, "step": record.step}
    emit(tx, record.account, record.region, record.table_name, task)


async def read_object(cloud: Cloud, event: Event, task: dict[str, Any]) -> None:
    """Read the object that comes after the last one, or go on with it; at the end make the table ACTIVE."""
    record = await cloud.store.read(lambda tx: imports.get(tx, event.account, event.region, task["id"]))
    if record is None or record.status != "IN_PROGRESS" or record.step != task["step"]:
        return
    try:
        found = await _next_object(cloud, record)
        if found is None:
            await _end(cloud, record, "COMPLETED")
            return
        if record.key != found["Key"]:
            record = replace(record, key=found["Key"], lines=0)
        await _store_object(cloud, record, found["Size"])
    except ServiceError as error:
        code = error.code if error.code.startswith("S3") else f"S3{error.code}"
        await _end(cloud, record, "FAILED", code, error.message)
    except Invalid as error:
        await _end(cloud, record, "FAILED", "InvalidFile", f"{record.key}: {error.message}")


async def _next_object(cloud: Cloud, record: Import) -> dict[str, Any] | None:
    """The object that is being read, as `step` says, or the next one."""
    source = record.request["S3BucketSource"]
    params: dict[str, Any] = {"Bucket": source["S3Bucket"], "MaxKeys": 1}
    if "S3KeyPrefix" in source:
        params["Prefix"] = source["S3KeyPrefix"]
    if "S3BucketOwner" in source:
        params["ExpectedBucketOwner"] = source["S3BucketOwner"]
    if record.lines:
        head = {name: value for name, value in params.items() if name in ("Bucket", "ExpectedBucketOwner")}
        answer = await cloud.api.call(record.caller, record.region, "s3", "HeadObject", {**head, "Key": record.key})
        return {"Key": record.key, "Size": answer["ContentLength"]}
    if record.key:
        params["StartAfter"] = record.key
    answer = await cloud.api.call(record.caller, record.region, "s3", "ListObjectsV2", params)
    listed: list[dict[str, Any]] = answer.get("Contents") or []
    return listed[0] if listed else None


async def _store_object(cloud: Cloud, record: Import, size: int) -> None:
    request = record.request
    source = request["S3BucketSource"]
    params = {"Bucket": source["S3Bucket"], "Key": record.key}
    answer = await cloud.api.call(record.caller, record.region, "s3", "GetObject", params)
    pieces = pieces_of(answer["Body"])
    if request.get("InputCompressionType", "NONE") == "GZIP":
        pieces = unzipped(pieces)
    csv = request["InputFormat"] == "CSV"
    lines = lines_of(pieces, quoted=csv)
    read: Callable[[str], Item] = item_of_json
    if csv:
        creation = request["TableCreationParameters"]
        types = {one["AttributeName"]: one["AttributeType"] for one in creation["AttributeDefinitions"]}
        reader = CsvReader(request.get("InputFormatOptions", {}).get("Csv", {}), types)
        if not reader.header:
            async for line in lines:
                reader.header = reader.row(line)
                break
        read = reader.item
    async for batch in _batches(lines, record.lines):
        going = record
        record = await cloud.store.write(partial(_store, cloud, read, going, batch))
        if record.step != going.step or record.lines == going.lines:
            return  # another delivery is at it
    record = replace(record, lines=0, step=record.step + 1, read_bytes=record.read_bytes + size)
    await cloud.store.write(lambda tx: _advance(tx, record))


async def _batches(lines: AsyncIterator[str], skipped: int) -> AsyncIterator[list[str]]:
    batch: list[str] = []
    size = 0
    async for line in lines:
        if skipped:
            skipped -= 1
            continue
        batch.append(line)
        size += len(line)
        if len(batch) == BATCH or size >= BATCH_BYTES_MAX:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _store(cloud: Cloud, read: Callable[[str], Item], record: Import, batch: list[str], tx: Transaction) -> Import:
    """Store the items of some lines, and that they are stored; the import as it is then."""
    now = imports.get(tx, record.account, record.region, record.id)
    table = keys.tables.get(tx, record.account, record.region, record.table_name)
    if now is None or now.step != record.step or now.status != "IN_PROGRESS":
        return record
    if now.key == record.key and now.lines != record.lines:
        return record
    if table is None or table.id != record.table_id:
        record = replace(record, status="FAILED", failure="ResourceNotFoundException", message="The table is gone")
        imports.put(tx, record, record.account, record.region, record.id)
        return replace(record, step=record.step + 1)
    stored = 0
    now_ms = cloud.clock.now_ns() // 1_000_000
    for line in batch:
        try:
            _put(tx, table, read(line), now_ms)
            stored += 1
        except (Invalid, ServiceError):
            continue
    record = replace(
        record,
        lines=record.lines + len(batch),
        processed=record.processed + len(batch),
        imported=record.imported + stored,
        errors=record.errors + len(batch) - stored,
    )
    imports.put(tx, record, record.account, record.region, record.id)
    return record


def _put(tx: Transaction, table: TableRecord, item: Item, now_ms: int) -> None:
    """Put an item that fits the table; `Invalid` or `ServiceError` for another."""
    size = item_size(item)
    if size > ITEM_MAX:
        raise Invalid("Item size has exceeded the maximum allowed size")
    check_depth(item)
    keychecks.check_item(table, item)
    writes.change(tx, table, writes.find(tx, table, keys.item_key(table, item)), item, size, now_ms)


def _advance(tx: Transaction, record: Import) -> None:
    """The object has been read."""
    now = imports.get(tx, record.account, record.region, record.id)
    if now is not None and now.step == record.step - 1 and now.status == "IN_PROGRESS":
        imports.put(tx, record, record.account, record.region, record.id)
        emit_object(tx, record)


async def _end(cloud: Cloud, record: Import, status: str, failure: str = "", message: str = "") -> None:
    """The import is over; its table can be used with what is in it."""
    ended_ms = cloud.clock.now_ns() // 1_000_000

    def end(tx: Transaction) -> None:
        now = imports.get(tx, record.account, record.region, record.id)
        if now is None or now.status != "IN_PROGRESS":
            return
        ended = replace(now, status=status, failure=failure, message=message, ended_ms=ended_ms)
        imports.put(tx, ended, ended.account, ended.region, ended.id)
        table = keys.tables.get(tx, record.account, record.region, record.table_name)
        if table is not None and table.id == record.table_id:
            keys.put_table(tx, replace(table, status="ACTIVE"))

    await cloud.store.write(end)
