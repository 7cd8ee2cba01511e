"""Exports in the background: each event reads a page, writes it as a data file, and notes it with the place where the
next one begins. A page that is written a second time, after a crash, has the same name and the same content."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
from typing import Any, Final

import orjson
from msgspec.structs import replace

from lambent.contracts.errors import ServiceError
from lambent.contracts.events import Event
from lambent.contracts.ports import Cloud, Reader, Transaction

from .. import keys
from ..describe import moment as shown_time
from ..keys import Stored
from ..model import BATCH
from ..recovery import journal
from ..recovery.records import Moment, holds
from ..recovery.tasks import emit
from .records import DataFile, Export, exports, files

FILE_BYTES_MAX: Final = 8 << 20
"""A data file ends when the items in it have this much."""
_FOLDER: Final = "AWSDynamoDB"


def emit_page(tx: Transaction, export: Export) -> None:
    """Have the next page written."""
    task = {"task": "export", "id": export.id, "step": export.step}
    emit(tx, export.account, export.region, export.table_name, task)


async def write_page(cloud: Cloud, event: Event, task: dict[str, Any]) -> None:
    """Write a page of an export, or its manifest when all is written."""
    export = await cloud.store.read(lambda tx: exports.get(tx, event.account, event.region, task["id"]))
    if export is None or export.status != "IN_PROGRESS" or export.step != task["step"]:
        return
    lines, rest, size = await cloud.store.survey(lambda tx: _page(tx, export))
    try:
        file = await _put_file(cloud, export, lines) if lines else None
        done = replace(export, count=export.count + len(lines), size=export.size + size, step=export.step + 1)
        if rest is None:
            earlier = await cloud.store.read(lambda tx: [found for _, found in files.scan(tx, export.id)])
            done = await _finish(cloud, done, [*earlier, *([file] if file is not None else ())])
        else:
            done = replace(done, done=rest)
    except ServiceError as error:
        file = None
        done = replace(export, status="FAILED", failure=_failure(error), message=error.message, ended_ms=_now_ms(cloud))
    await cloud.store.write(lambda tx: _note(tx, export, done, file))


def _failure(error: ServiceError) -> str:
    return error.code if error.code.startswith("S3") else f"S3{error.code}"


def _now_ms(cloud: Cloud) -> int:
    return cloud.clock.now_ns() // 1_000_000


def _note(tx: Transaction, before: Export, after: Export, file: DataFile | None) -> None:
    """Put away what a page has come to, unless another delivery has."""
    now = exports.get(tx, before.account, before.region, before.id)
    if now is None or now.step != before.step or now.status != "IN_PROGRESS":
        return
    exports.put(tx, after, after.account, after.region, after.id)
    if after.status == "IN_PROGRESS":
        if file is not None:
            files.put(tx, file, after.id, before.step)
        emit_page(tx, after)
        return
    for key, _ in files.scan(tx, after.id):
        tx.delete(key)
    holds.delete(tx, after.moment.prefix, after.id)
    table = keys.tables.get(tx, after.account, after.region, after.table_name)
    if table is not None and table.prefix == after.moment.prefix and not table.pitr_since_ms:
        # Recovery was switched off meanwhile: whoever did that left the journal to this export.
        emit(tx, after.account, after.region, after.table_name, {"task": "settle journal", "name": after.table_name})


def _page(tx: Reader, export: Export) -> tuple[list[bytes], bytes | None, int]:
    """Lines of a data file, where the next begins (None at the end), and the size of their items."""
    lines: list[bytes] = []
    size, begin = 0, export.done
    while True:
        rest: bytes | None
        if export.from_ms:
            found, rest, more = _changes(tx, export, begin)
            lines += found
        else:
            rows, rest = journal.page(tx, export.moment, begin, BATCH)
            lines += [b'{"Item":' + Stored.json(stored) + b"}" for _, stored in rows]
            more = sum(Stored.size(stored) for _, stored in rows)
        size += more
        if rest is None or size >= FILE_BYTES_MAX:
            return lines, rest, size
        begin = rest


def _changes(tx: Reader, export: Export, begin: bytes) -> tuple[list[bytes], bytes | None, int]:
    """A page of an incremental export: items whose last change in the window made them other than they were before."""
    moment = export.moment
    before = Moment(prefix=moment.prefix, journal=moment.journal, at_ms=export.from_ms)
    changed = journal.changed_keys(tx, moment.journal, begin, None, BATCH)
    lines, size = [], 0
    for own_key in changed:
        last_ms = journal.last_change_ms(tx, moment.journal, own_key, moment.at_ms)
        if last_ms is None or last_ms <= export.from_ms:
            continue
        current = tx.get(keys.prefixed(moment.prefix) + own_key)
        new = journal.stored_at(tx, moment, own_key, current)
        old = journal.stored_at(tx, before, own_key, current)
        if new is None and old is None:
            continue
        some = orjson.loads(Stored.json(new if new is not None else old or b""))
        line: dict[str, Any] = {
            "Metadata": {"WriteTimestampMicros": str(last_ms * 1000)},
            "Keys": {name: some[name] for name in export.keys},
        }
        if old is not None and export.view == "NEW_AND_OLD_IMAGES":
            line["OldImage"] = orjson.Fragment(Stored.json(old))
        if new is not None:
            line["NewImage"] = orjson.Fragment(Stored.json(new))
        lines.append(orjson.dumps(line))
        size += Stored.size(new if new is not None else old or b"")
    return lines, changed[-1] + b"\x00" if len(changed) == BATCH else None, size


def _folder(export: Export) -> str:
    return f"{export.prefix}/{_FOLDER}" if export.prefix else _FOLDER


async def _put(cloud: Cloud, export: Export, key: str, body: bytes) -> str:
    """Write an object as the caller; its ETag."""
    params: dict[str, Any] = {"Bucket": export.bucket, "Key": key, "Body": body}
    if export.owner:
        params["ExpectedBucketOwner"] = export.owner
    if export.sse == "KMS":
        params |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": export.sse_key}
    answer = await cloud.api.call(export.caller, export.region, "s3", "PutObject", params)
    return str(answer["ETag"]).strip('"')


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


async def _put_file(cloud: Cloud, export: Export, lines: list[bytes]) -> DataFile:
    # The same lines give the same bytes: gzip's time is left out.
    data = await asyncio.to_thread(gzip.compress, b"\n".join(lines) + b"\n", mtime=0)
    name = hashlib.sha256(f"{export.id}/{export.step}".encode()).hexdigest()[:26]
    within = f"{_FOLDER}/data" if export.from_ms else f"{_FOLDER}/{export.id}/data"
    key = f"{export.prefix}/{within}/{name}.json.gz" if export.prefix else f"{within}/{name}.json.gz"
    etag = await _put(cloud, export, key, data)
    return DataFile(key, len(lines), _md5(data), etag)


async def _finish(cloud: Cloud, export: Export, written: list[DataFile]) -> Export:
    """Write the manifests; the export as it is then."""
    export = replace(export, status="COMPLETED", ended_ms=_now_ms(cloud))
    folder = f"{_folder(export)}/{export.id}"
    listed = [
        {"itemCount": file.count, "md5Checksum": file.md5, "etag": file.etag, "dataFileS3Key": file.key}
        for file in written
    ]
    list_key = f"{folder}/manifest-files.json"
    documents = {
        "manifest-files.json": b"".join(orjson.dumps(file) + b"\n" for file in listed),
        "manifest-summary.json": orjson.dumps(_summary(export, list_key)),
    }
    for name, document in documents.items():
        await _put(cloud, export, f"{folder}/{name}", document)
        await _put(cloud, export, f"{folder}/{name.removesuffix('.json')}.md5", _md5(document).encode())
    return replace(export, manifest=f"{folder}/manifest-summary.json")


def _summary(export: Export, list_key: str) -> dict[str, Any]:
    def text(time_ms: int) -> str:
        return shown_time(time_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    times: dict[str, Any] = {"exportTime": text(export.at_ms)}
    if export.from_ms:
        times = {"exportFromTime": text(export.from_ms), "exportToTime": text(export.at_ms)}
    kind = {"exportType": "INCREMENTAL_EXPORT", "outputView": export.view} if export.from_ms else {}
    return {
        "version": "2023-08-01" if export.from_ms else "2020-06-30",
        "exportArn": export.arn,
        "startTime": text(export.started_ms),
        "endTime": text(export.ended_ms),
        "tableArn": export.table_arn,
        "tableId": export.table_id,
        **times,
        "s3Bucket": export.bucket,
        "s3Prefix": export.prefix or None,
        "s3SseAlgorithm": export.sse,
        "s3SseKmsKeyId": export.sse_key or None,
        "manifestFilesS3Key": list_key,
        "billedSizeBytes": export.size,
        "itemCount": export.count,
        "outputFormat": "DYNAMODB_JSON",
        **kind,
    }
