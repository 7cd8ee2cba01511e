"""Wakes between the nodes on one PostgreSQL database: LISTEN and NOTIFY, each on a connection of its own.

A NOTIFY inside a data transaction would make every commit of the database wait for one global lock. So topics are sent
after the commit, by one connection per node that says NOTIFY for whatever came in since the last time. Topics travel
as digests: each has the same few bytes then, and a false match is only a wake for nothing.
"""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from hashlib import blake2b
from typing import Final

import psycopg

from lambent.contracts.clock import SystemClock, sleep_until
from lambent.contracts.ids import Ids
from lambent.kv.topics import Topics

from .postgres_setup import one_line

DIGEST_BYTES: Final = 12
DIGEST_CHARACTERS: Final = 16
PAYLOAD_BYTES_MAX: Final = 7900
"""PostgreSQL takes 7,999."""
GATHER_NS: Final = 1_000_000
"""How long a node waits after a NOTIFY for more to send: what a stream of wakes costs is bounded by this."""
PAUSE_NS: Final = 50_000_000
PAUSE_NS_MAX: Final = 2_000_000_000

_log = logging.getLogger("lambent.kv")

# The table's id tells clouds in one database apart: channels are the database's.
_CHANNEL: Final = "SELECT 'lambent_' || to_regclass('lambent_kv')::oid"
_NOTIFY: Final = "SELECT pg_notify(%s, payload) FROM unnest(%s::text[]) AS payload"


class Wakes:
    """One node's listeners, and its word to the other nodes. Used from the event loop; nothing is connected before
    the first `listen` or `wake`. A database that is away is tried again, with growing pauses, until `close`."""

    def __init__(self, conninfo: str, node: str, ids: Ids) -> None:
        self._conninfo = conninfo
        self._node = node
        self._ids = ids
        self._machine = SystemClock()
        self._topics = Topics()
        self._outgoing: dict[str, None] = {}
        self._arrived = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None
        self._sending: asyncio.Task[None] | None = None
        self._closed = False

    def listen(self, topic: bytes, fn: Callable[[], None]) -> Callable[[], None]:
        """See `contracts.ports.Store.listen`."""
        if self._listening is None and not self._closed:
            self._listening = asyncio.create_task(self._lasting(self._receive))
        return self._topics.listen(digest(topic).encode(), fn)

    def wake(self, topics: Iterable[bytes]) -> None:
        """Call this node's listeners now, and have the other nodes told."""
        digests = dict.fromkeys(digest(topic) for topic in topics)
        self._topics.call(text.encode() for text in digests)
        if self._closed:
            return
        self._outgoing |= digests
        self._arrived.set()
        if self._sending is None:
            self._sending = asyncio.create_task(self._lasting(self._send))

    async def close(self) -> None:
        """Send what is waiting if that goes at once, and hang up."""
        self._closed = True
        for task in (self._listening, self._sending):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _lasting(self, work: Callable[[psycopg.AsyncConnection, str], Awaitable[None]]) -> None:
        """Do `work` on a connection, again and again on a new one."""
        failures = 0
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
                async with connection:
                    await connection.execute("SET default_transaction_isolation = 'read committed'")
                    row = await (await connection.execute(_CHANNEL)).fetchone()
                    assert row is not None
                    failures = 0
                    await work(connection, row[0])
            except psycopg.Error as error:
                if not failures:
                    _log.warning("wakes of other nodes are interrupted: %s", one_line(error))
                failures += 1
            pause_ns = min(PAUSE_NS << min(failures, 6), PAUSE_NS_MAX) * (0.5 + self._ids.random.random() / 2)
            await sleep_until(self._machine, self._machine.now_ns() + int(pause_ns))

    async def _receive(self, connection: psycopg.AsyncConnection, channel: str) -> None:
        await connection.execute(f"LISTEN {channel}".encode())
        # What was woken while nobody listened is not known.
        self._topics.call_all()
        async for notice in connection.notifies():
            sender, _, digests = notice.payload.partition(" ")
            if sender != self._node:
                self._topics.call(split(digests))

    async def _send(self, connection: psycopg.AsyncConnection, channel: str) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            gathered, self._outgoing = self._outgoing, {}
            try:
                await connection.execute(_NOTIFY, (channel, payloads(self._node, gathered)), prepare=True)
            except psycopg.Error:
                self._outgoing = gathered | self._outgoing  # late is better than never
                self._arrived.set()
                raise
            await sleep_until(self._machine, self._machine.now_ns() + GATHER_NS)


def digest(topic: bytes) -> str:
    """What stands for a topic on the way: 16 characters."""
    return b64encode(blake2b(topic, digest_size=DIGEST_BYTES).digest()).decode()


def payloads(node: str, digests: Iterable[str]) -> list[str]:
    """As few payloads as hold the digests: the sender, a space, the digests one after another."""
    texts = list(digests)
    size = (PAYLOAD_BYTES_MAX - len(node) - 1) // DIGEST_CHARACTERS
    return [f"{node} {''.join(texts[i : i + size])}" for i in range(0, len(texts), size)]


def split(digests: str) -> list[bytes]:
    """The digests of a payload."""
    return [digests[i : i + DIGEST_CHARACTERS].encode() for i in range(0, len(digests), DIGEST_CHARACTERS)]
