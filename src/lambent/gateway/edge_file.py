"""Files as response bodies: sendfile where the socket allows it, pieces through the transport where not.

uvloop has no `loop.sendfile`, and its transport owns the socket. So the transport's buffer is drained first and the
file goes through a duplicate of the descriptor, which the loop may watch. Below `_SMALL` one read and one write cost
less; over TLS the bytes must pass through the transport in any case.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable

from lambent.contracts.http import FileSlice

_SMALL = 128 * 1024
_PIECE = 256 * 1024
_TURN = 4 << 20
"""Bytes sent at most before other connections get their turn."""
Drain = Callable[[], Awaitable[None]]
Patiently = Callable[[asyncio.Future[None]], Awaitable[None]]


class FileMissing(Exception):
    """The file cannot be opened; nothing was sent yet."""


class FileShort(Exception):
    """The file ended before the slice did; the response cannot be completed."""


async def send_file(
    transport: asyncio.Transport,
    head: bytes,
    part: FileSlice,
    drain: Drain,
    patiently: Patiently,
    secure: bool,
) -> None:
    """Write `head` and the slice. Raises `FileMissing` before anything is written, `FileShort` later.

    `drain` waits until the transport takes more; `patiently` waits for a future, under the connection's time-out.
    """
    try:
        file = os.open(part.path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise FileMissing(f"cannot open {part.path}: {error.strerror}") from error
    try:
        if part.length <= _SMALL:
            data = os.pread(file, part.length, part.offset)
            if len(data) != part.length:
                raise FileShort(f"{part.path} ends before {part.offset + part.length}")
            transport.write(head + data)
            await drain()
            return
        transport.write(head)
        wire = None if secure else transport.get_extra_info("socket")
        if wire is None or not hasattr(os, "sendfile"):
            await _copy(transport, file, part, drain)
        else:
            await _sendfile(transport, wire, file, part, drain, patiently)
    finally:
        os.close(file)


async def _copy(transport: asyncio.Transport, file: int, part: FileSlice, drain: Drain) -> None:
    at, end = part.offset, part.offset + part.length
    while at < end:
        data = os.pread(file, min(_PIECE, end - at), at)
        if not data:
            raise FileShort(f"{part.path} ends before {end}")
        at += len(data)
        transport.write(data)
        await drain()


async def _sendfile(
    transport: asyncio.Transport,
    wire: socket.socket,
    file: int,
    part: FileSlice,
    drain: Drain,
    patiently: Patiently,
) -> None:
    loop = asyncio.get_running_loop()
    low, high = transport.get_write_buffer_limits()
    transport.set_write_buffer_limits(high=0)
    try:
        # The head must have left the transport's buffer before the file may pass it by.
        while transport.get_write_buffer_size():
            await drain()
            await asyncio.sleep(0)
    finally:
        transport.set_write_buffer_limits(high=high, low=low)
    out = os.dup(wire.fileno())
    try:
        at, end = part.offset, part.offset + part.length
        turn = _TURN
        while at < end:
            try:
                sent = os.sendfile(out, file, at, min(_PIECE * 4, end - at))
            except BlockingIOError:
                await _until_writable(loop, out, patiently)
                continue
            if not sent:
                raise FileShort(f"{part.path} ends before {end}")
            at += sent
            turn -= sent
            if turn <= 0:
                turn = _TURN
                await asyncio.sleep(0)
    finally:
        os.close(out)


async def _until_writable(loop: asyncio.AbstractEventLoop, out: int, patiently: Patiently) -> None:
    writable = loop.create_future()

    def ready() -> None:
        if not writable.done():
            writable.set_result(None)

    loop.add_writer(out, ready)
    try:
        await patiently(writable)
    finally:
        loop.remove_writer(out)
