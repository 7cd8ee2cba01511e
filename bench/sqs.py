"""SQS: what a SendMessage costs, and a whole cycle of send, receive and delete, on an empty queue and on a deep one.

`python -m bench --only SQS`. A cycle's requests depend on the answers before them, so they come from a small client of
our own over raw sockets instead of wrk; it shares the machine, so "per core" (of the server's CPU) is the figure.
LAMBENT_BENCH_DEPTH says how many messages lie in the deep queue; 0 leaves it out.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from .cases import KEYS, Case, client
from .server import Server, cpu_s
from .signed import CREDENTIALS, REGION, sign

QUEUE = "bench"
SENT = "bench-sent"
DEEP = "bench-deep"
DEPTH = int(os.environ.get("LAMBENT_BENCH_DEPTH", "100000"))
BODY = "x" * 100
CYCLE = "SQS send, receive, delete"
"""The name of the row that the others of its kind are measured with."""
CONNECTIONS = 16
_TYPE = "application/x-amz-json-1.0"


def prepare(url: str) -> None:
    """The queue that is only sent to."""
    client("sqs", url).create_queue(QueueName=SENT)


def _prepare_cycles(url: str) -> None:
    """The queues of the cycles; the deep one is filled."""
    sqs = client("sqs", url)
    sqs.create_queue(QueueName=QUEUE)
    deep = sqs.create_queue(QueueName=DEEP)["QueueUrl"]
    entries = [{"Id": str(number), "MessageBody": BODY} for number in range(10)]
    for _ in range(DEPTH // 10):
        sqs.send_message_batch(QueueUrl=deep, Entries=entries)


def _sends(queue: str) -> Callable[[str], list[bytes]]:
    headers = {"Content-Type": _TYPE, "X-Amz-Target": "AmazonSQS.SendMessage"}

    def requests(url: str) -> list[bytes]:
        where = client("sqs", url).get_queue_url(QueueName=queue)["QueueUrl"]
        bodies = (json.dumps({"QueueUrl": where, "MessageBody": BODY}).encode() for _ in range(KEYS))
        return [sign("sqs", "POST", f"{url}/", body, headers) for body in bodies]

    return requests


CASES = (Case("SQS SendMessage", _sends(SENT)),)


class _Connection:
    """A keep-alive connection that signs and sends one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host

    async def call(self, operation: str, **params: Any) -> dict[str, Any]:
        """One operation of SQS; raises for any answer but 200."""
        body = json.dumps(params).encode()
        self._writer.write(_signed(self._host, operation, body))
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        answer = await self._reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200"):
            raise AssertionError(answer)
        found: dict[str, Any] = json.loads(answer)
        return found

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


def _signed(host: str, operation: str, body: bytes) -> bytes:
    """A request with a Signature Version 4 header; botocore's signer would cost more than the server."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    target = f"AmazonSQS.{operation}"
    names = "content-type;host;x-amz-date;x-amz-target"
    headers = f"content-type:{_TYPE}\nhost:{host}\nx-amz-date:{stamp}\nx-amz-target:{target}\n"
    canonical = f"POST\n/\n\n{headers}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{stamp[:8]}/{REGION}/sqs/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{CREDENTIALS.secret_key}".encode()
    for part in (stamp[:8], REGION, "sqs", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={CREDENTIALS.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return (
        f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: {_TYPE}\r\nX-Amz-Date: {stamp}\r\nX-Amz-Target: {target}\r\n"
        f"Authorization: {authorization}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def cycles(server: Server, seconds: int) -> list[list[str]]:
    """Rows for the cycle of send, receive and delete."""
    _prepare_cycles(server.url)
    rows = [_row(server, CYCLE, QUEUE, seconds)]
    if DEPTH:
        rows.append(_row(server, f"SQS the same, {DEPTH:,} messages deep", DEEP, seconds))
    return rows


def _row(server: Server, name: str, queue: str, seconds: int) -> list[str]:
    before = cpu_s(server.pid)
    where = client("sqs", server.url).get_queue_url(QueueName=queue)["QueueUrl"]
    taken_ms = asyncio.run(_cycle_all(server.url, where, seconds))
    spent_s = cpu_s(server.pid) - before
    cost_us = spent_s / len(taken_ms) * 1e6
    taken_ms.sort()
    p99 = taken_ms[int(len(taken_ms) * 0.99)]
    per_core = f"{1e6 / cost_us:,.0f}" if cost_us else "?"
    cells = [f"{len(taken_ms) / seconds:,.0f}", per_core, f"{cost_us:,.0f}"]
    return [name, *cells, f"{statistics.median(taken_ms):.2f}", f"{p99:.2f}", "a cycle is three requests"]


async def _cycle_all(url: str, where: str, seconds: int) -> list[float]:
    """Cycles on all connections for some seconds, with the queue whose URL is `where`; how long each took."""
    until = time.perf_counter() + seconds
    parts = urlsplit(url)
    taken_ms: list[float] = []

    async def work() -> None:
        streams = await asyncio.open_connection(parts.hostname, parts.port)
        connection = _Connection(*streams, parts.netloc)
        while time.perf_counter() < until:
            started = time.perf_counter()
            await connection.call("SendMessage", QueueUrl=where, MessageBody=BODY)
            found = await connection.call("ReceiveMessage", QueueUrl=where)
            for message in found.get("Messages", ()):
                await connection.call("DeleteMessage", QueueUrl=where, ReceiptHandle=message["ReceiptHandle"])
            taken_ms.append((time.perf_counter() - started) * 1e3)
        connection.close()

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return taken_ms
