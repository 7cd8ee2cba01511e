"""`lambent demo thumbnailer`: a photograph goes up, a thumbnail comes back, and what happened on the way is shown."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from . import runtimes
from .common import Failure, client
from .demo_common import ensure_running, find_application, program, waiting, where
from .deploy import deploy_template

STACK = "thumbnailer"
PHOTOGRAPH = "cat.jpg"
WAIT_S = 60.0
POLL_S = 0.02
_REPORT = re.compile(r"(Init Duration|Billed Duration|Duration|Max Memory Used): ([\d.]+) (ms|MB)")
_console = Console(highlight=False)


def show(data: Path, region: str) -> None:
    """Deploy the thumbnailer and send a photograph through it. `data` is the data folder."""
    source = find_application(STACK)
    address = ensure_running(data)
    runtime = runtimes.prepare(data)
    outputs = deploy_template(source, STACK, {"Runtime": runtime}, address, region)
    _console.print()
    chain = _send(source / "photos" / PHOTOGRAPH, outputs, address, region)
    _show(chain, address, outputs, data)


class Chain:
    """What happened, in order: (time in ms since the upload began, what, detail)."""

    def __init__(self) -> None:
        self.steps: list[tuple[float, str, str]] = []
        self.source = ""
        self.thumbnail = ""
        self.original: bytes = b""
        self.picture: bytes = b""


def _send(photograph: Path, outputs: dict[str, str], address: str, region: str) -> Chain:
    """Upload the photograph, wait for its thumbnail and for the function's log, and tell the story."""
    objects = client("s3", address, region)
    logs = client("logs", address, region)
    chain = Chain()
    chain.original = photograph.read_bytes()
    source, destination = outputs["SourceBucketName"], outputs["DestinationBucketName"]
    thumbnail_key = f"thumbnails/{photograph.name}"
    objects.delete_object(Bucket=destination, Key=thumbnail_key)
    chain.source = f"s3://{source}/raw/{photograph.name}"
    chain.thumbnail = f"s3://{destination}/{thumbnail_key}"
    started = time.time()
    objects.put_object(Bucket=source, Key=f"raw/{photograph.name}", Body=chain.original, ContentType="image/jpeg")
    uploaded = time.time()
    chain.steps.append((0.0, "upload", f"raw/{photograph.name}, {len(chain.original):,} bytes"))
    chain.steps.append(((uploaded - started) * 1e3, "stored", "acknowledged, with its event, in one transaction"))
    with waiting(_console, "waiting for the thumbnail"):
        chain.picture = _await_thumbnail(objects, logs, destination, thumbnail_key, outputs, started)
        appeared = time.time()
        chain.steps += _from_log(_await_report(logs, outputs["LogGroupName"], started), started)
    chain.steps.append(
        (
            (appeared - started) * 1e3,
            "thumbnail",
            f"{thumbnail_key}, {len(chain.picture):,} bytes, {_size(chain)}",
        )
    )
    chain.steps.sort(key=lambda step: step[0])
    return chain


def _await_thumbnail(objects: Any, logs: Any, bucket: str, key: str, outputs: dict[str, str], started: float) -> bytes:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        try:
            body: bytes = objects.get_object(Bucket=bucket, Key=key)["Body"].read()
        except objects.exceptions.ClientError:
            time.sleep(POLL_S)
        else:
            return body
    said = "".join(f"\n  {line['message'].rstrip()}" for line in _lines(logs, outputs["LogGroupName"], started))
    raise Failure(f"no thumbnail within {WAIT_S:.0f} s; the function's log says:{said or ' nothing'}")


def _lines(logs: Any, group: str, started: float) -> list[dict[str, Any]]:
    found = logs.filter_log_events(logGroupName=group, startTime=int(started * 1000) - 5)
    return list(found["events"])


def _await_report(logs: Any, group: str, started: float) -> list[dict[str, Any]]:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        lines = _lines(logs, group, started)
        if any(line["message"].startswith("REPORT") for line in lines):
            return lines
        time.sleep(POLL_S)
    return []


def _from_log(lines: list[dict[str, Any]], started: float) -> Iterator[tuple[float, str, str]]:
    """The function's own lines as steps of the story."""
    for line in lines:
        at_ms = max(0.0, line["timestamp"] - started * 1e3)
        message = line["message"].strip()
        if message.startswith("INIT_START"):
            yield at_ms, "cold start", "s3:ObjectCreated:Put starts a sandbox for the function"
        elif message.startswith("START"):
            yield at_ms, "invocation", f"request {message.split()[2]}"
        elif message.startswith("REPORT"):
            figures = {name: f"{value} {unit}" for name, value, unit in _REPORT.findall(message)}
            cold = f"init {figures['Init Duration']}, " if "Init Duration" in figures else "warm, "
            memory = figures.get("Max Memory Used", "?")
            yield at_ms, "report", f"{cold}handler {figures.get('Duration', '?')}, {memory} of memory"
        elif message.startswith("{"):
            yield at_ms, "result", _result(message)


def _result(message: str) -> str:
    try:
        results = json.loads(message)["results"]
        return "; ".join(_short(result.get("thumbnail")) or str(result.get("skipped")) for result in results)
    except (ValueError, KeyError, TypeError):
        return message


def _short(address: str | None) -> str:
    """The key of an s3:// address."""
    return f"wrote {address.split('/', 3)[-1]}" if address else ""


def _size(chain: Chain) -> str:
    """The thumbnail's size in pixels, as its JPEG header says."""
    stream = io.BytesIO(chain.picture)
    if stream.read(2) != b"\xff\xd8":
        return "not a JPEG"
    while True:
        marker = stream.read(2)
        length = int.from_bytes(stream.read(2), "big")
        if len(marker) < 2 or marker[0] != 0xFF:
            return "size unknown"
        if 0xC0 <= marker[1] <= 0xCF and marker[1] not in (0xC4, 0xC8, 0xCC):
            header = stream.read(5)
            return f"{int.from_bytes(header[3:5], 'big')} x {int.from_bytes(header[1:3], 'big')} pixels"
        stream.seek(length - 2, io.SEEK_CUR)


def _show(chain: Chain, address: str, outputs: dict[str, str], folder: Path) -> None:
    table = Table("at", "what", "", box=None, padding=(0, 2, 0, 0), show_header=False)
    table.columns[0].justify = "right"
    _console.print("[bold]From upload to thumbnail[/]\n")
    for at_ms, what, detail in chain.steps:
        table.add_row(f"{at_ms:,.0f} ms", f"[bold]{what}[/]", detail)
    _console.print(table)
    copy = folder / "demo"
    copy.mkdir(parents=True, exist_ok=True)
    (copy / PHOTOGRAPH).write_bytes(chain.original)
    (copy / f"thumbnail-{PHOTOGRAPH}").write_bytes(chain.picture)
    _console.print()
    print(f"photograph  {chain.source}\n            {copy / PHOTOGRAPH}")
    print(f"thumbnail   {chain.thumbnail}\n            {copy / ('thumbnail-' + PHOTOGRAPH)}")
    at, on = where(folder, address)
    print(f"log         {program()} logs {outputs['FunctionName']}{at}")
    print(f"\nLambent goes on running at {address}; stop it with `{program()} down{on}`.")
