"""A connection to PostgreSQL at the level of its protocol: prepared statements sent together, answers taken together.

The driver's own cursors cost several times what libpq does. Everything is binary; parameters are bytes already.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Iterable, Sequence
from struct import pack
from typing import Final

import psycopg
from psycopg import pq

from .fibers import wait_for
from .postgres_setup import one_line

Command = tuple[bytes, Sequence[bytes]]
"""The name of a prepared statement, and its parameters."""

SYNC: Final[Command] = (b"", ())
"""Between commands that are to be transactions of their own, or the snapshot of the first would be that of all."""

_BYTEA: Final = 17
_SYNC: Final = pq.ExecStatus.PIPELINE_SYNC
_GOOD: Final = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)
_ABORTED: Final = pq.ExecStatus.PIPELINE_ABORTED
Answer = pq.abc.PGresult
CONFLICT: Final = "40001"
_DEADLOCK: Final = "40P01"


class Failed(Exception):
    """What was sent did not all succeed. `code` is the SQLSTATE, empty when the connection was lost."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code

    @property
    def conflict(self) -> bool:
        """Whether another transaction was in the way."""
        return self.code in (CONFLICT, _DEADLOCK)


class Wire:
    """A connection with its statements prepared.

    It waits in the way of the fiber that uses it, once it has been attached to an event loop, and of a thread before.
    A connection that was left in the middle of anything is closed.
    """

    def __init__(self, connection: psycopg.Connection, statements: dict[bytes, bytes]) -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        for name, text in statements.items():
            result = self._libpq.prepare(name, text)
            if result.status not in _GOOD:
                raise _failure(result)
        self._libpq.nonblocking = 1
        self._libpq.enter_pipeline_mode()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._socket = self._libpq.socket
        self._poller = select.poll()
        self._poller.register(self._socket, select.POLLIN)
        self.lost = False

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait in fibers of `loop` from now on."""
        self._loop = loop
        loop.add_reader(self._socket, self._ready)

    def run(self, commands: Iterable[Command]) -> list[Answer]:
        """Send commands together, return a result for each; `Failed` for the first that failed (the rest was not
        done then) or when the connection is lost."""
        if self.lost:
            raise Failed("the connection is closed")
        try:
            syncs = 1
            for name, parameters in commands:
                if name:
                    self._libpq.send_query_prepared(name, parameters, [1] * len(parameters), 1)
                else:
                    self._libpq.pipeline_sync()
                    syncs += 1
            self._libpq.pipeline_sync()
            return self._answers(syncs)
        except psycopg.Error as error:
            self.close()
            raise Failed(one_line(error)) from error
        except Failed as failed:
            if not failed.code or self._libpq.status != pq.ConnStatus.OK:
                self.close()
            raise
        except BaseException:
            self.close()
            raise

    def _answers(self, syncs: int) -> list[Answer]:
        libpq = self._libpq
        found: list[Answer] = []
        failed: Failed | None = None
        while libpq.flush():
            self._wait(writing=True)
        while syncs:
            while libpq.is_busy():
                self._wait()
            result = libpq.get_result()
            if result is None:
                if libpq.status != pq.ConnStatus.OK:
                    raise Failed(_line(libpq.get_error_message()) or "the connection is closed")
            elif result.status in _GOOD:
                found.append(result)
            elif result.status == _SYNC:
                syncs -= 1
            elif result.status != _ABORTED and failed is None:
                failed = _failure(result)
        if failed is not None:
            raise failed
        return found

    def _wait(self, writing: bool = False) -> None:
        """Wait until there is something to read, or room to write, and read what is there."""
        loop = self._loop
        if loop is None:
            poller = select.poll()
            poller.register(self._socket, select.POLLIN | (select.POLLOUT if writing else 0))
            poller.poll()
        else:
            self._waiter = loop.create_future()
            if writing:
                loop.add_writer(self._socket, self._ready)
            try:
                wait_for(self._waiter)
            finally:
                self._waiter = None
                if writing:
                    loop.remove_writer(self._socket)
        if self.lost:
            raise Failed("the connection is closed")
        self._libpq.consume_input()

    def _ready(self) -> None:
        """On the loop: the socket has something."""
        if self._waiter is None:
            self.look()
        elif not self._waiter.done():
            self._waiter.set_result(None)

    def look(self) -> bool:
        """Whether the connection is good, as far as is known here; for one that nothing is asked of at the moment."""
        if not self.lost:
            try:
                while self._poller.poll(0):  # a farewell may come before the end
                    self._libpq.consume_input()
            except (psycopg.Error, OSError):
                self.close()
            if self._libpq.status != pq.ConnStatus.OK:
                self.close()
        return not self.lost

    def close(self) -> None:
        """Hang up. May be called twice."""
        if self.lost:
            return
        self.lost = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
        self._connection.close()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def same(one: Answer, two: Answer) -> bool:
    """Whether two answers to the same query have the same rows."""
    if one.ntuples != two.ntuples:
        return False
    cells = [(row, column) for row in range(one.ntuples) for column in range(one.nfields)]
    return all(one.get_value(*cell) == two.get_value(*cell) for cell in cells)


def array(items: Sequence[bytes]) -> bytes:
    """A bytea[] in PostgreSQL's binary form."""
    parts = [pack("!5i", 1, 0, _BYTEA, len(items), 1)]
    for item in items:
        parts.append(len(item).to_bytes(4))
        parts.append(item)
    return b"".join(parts)


def number(value: int) -> bytes:
    """A bigint in PostgreSQL's binary form."""
    return value.to_bytes(8, signed=True)


def _failure(result: Answer) -> Failed:
    code = result.error_field(pq.DiagnosticField.SQLSTATE) or b""
    return Failed(_line(result.get_error_message()), code.decode())


def _line(message: str) -> str:
    return " ".join(message.split())
