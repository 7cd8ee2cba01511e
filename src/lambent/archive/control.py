"""A running node is asked for a backup through a Unix socket in its data folder, for it has its folder locked.

A client sends one line, `backup` or `backup skip-missing`, and receives the bytes of a backup file; what goes wrong is
their last frame. The socket is for the node's own user (and root): nothing of it can be reached over a network.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lambent.contracts.ports import Cloud

from .errors import ArchiveError
from .items import PIECE_BYTES

if TYPE_CHECKING:
    from .source import Named
    from .stream import Bytes

SOCKET: Final = "control.sock"
BACKUP: Final = "backup"
SKIP_MISSING: Final = "skip-missing"
BACKUPS_MAX: Final = 2
"""Each keeps a thread of the loop's few while its reader is slow, and needs another now and then."""
_ADDRESS_BYTES_MAX: Final = 107
_REQUEST_BYTES_MAX: Final = 256
_CREDENTIALS: Final = struct.Struct("3i")

_log = logging.getLogger("lambent.archive")


class NobodyThere(ArchiveError):
    """No node listens in the data folder."""


class ControlServer:
    """The node's side, as `serve_control` starts it. `talks` are under way."""

    def __init__(self, cloud: Cloud, named: Named, path: Path) -> None:
        self._cloud = cloud
        self._named = named
        self._path = path
        self._inode = 0
        self._server: asyncio.AbstractServer | None = None
        self._backups = 0
        self.talks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. What lies at the path is a dead node's, for this one holds the folder's lock."""
        listener = socket.socket(socket.AF_UNIX)
        try:
            self._path.unlink(missing_ok=True)
            with _short(self._path) as address:
                listener.bind(address)
            # Nobody can connect before `listen`, so there is no moment at which others may.
            self._path.chmod(0o600)
            self._inode = self._path.stat().st_ino
            self._server = await asyncio.start_unix_server(self._talk, sock=listener, limit=_REQUEST_BYTES_MAX)
        except BaseException:
            listener.close()
            raise

    async def close(self) -> None:
        """End the talks that are under way, and the socket. To be called before the store is closed."""
        if self._server is not None:
            self._server.close()
        for talk in self.talks:
            talk.cancel()
        if self.talks:
            await asyncio.wait(self.talks)
        with contextlib.suppress(FileNotFoundError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk is not None
        self.talks.add(talk)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, ValueError, asyncio.LimitOverrunError) as error:
            _log.info("a client of the control socket is gone: %s", error)
        finally:
            self.talks.discard(talk)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not _is_own_user(writer):
            return
        request = (await reader.readline()).decode(errors="replace").split()
        if request not in ([BACKUP], [BACKUP, SKIP_MISSING]):
            await _refuse(writer, f"the node does not know the request {' '.join(request)!r}")
        elif self._backups >= BACKUPS_MAX:
            await _refuse(writer, f"{BACKUPS_MAX} backups of this cloud are under way already; wait for the end of one")
        else:
            self._backups += 1
            try:
                await self._send_backup(writer, skip_missing=SKIP_MISSING in request)
            finally:
                self._backups -= 1

    async def _send_backup(self, writer: asyncio.StreamWriter, *, skip_missing: bool) -> None:
        # Deferred: most nodes never make a backup, and all of them start.
        from .source import Source
        from .stream import encode

        cloud = self._cloud
        source = Source(cloud.store, cloud.blobs, cloud.clock, cloud.ids, self._named, skip_missing=skip_missing)
        async with aclosing(encode(source.items())) as data:
            async for chunk in data:
                writer.write(chunk)
                await writer.drain()


async def _refuse(writer: asyncio.StreamWriter, reason: str) -> None:
    from .format import Encoder  # deferred, as above

    writer.writelines(Encoder().broken_off(reason))
    await writer.drain()


async def serve_control(cloud: Cloud, named: Named, path: Path) -> ControlServer:
    """Answer requests at the socket `path` (`DATA/control.sock`) until `close`. `named` gives the blobs in use.
    Raises `OSError`."""
    server = ControlServer(cloud, named, path)
    await server.start()
    return server


async def ask_backup(path: Path, *, skip_missing: bool) -> Bytes:
    """The bytes of a backup of the cloud whose node listens at `path`; `NobodyThere` when none does."""
    asked = socket.socket(socket.AF_UNIX)
    try:
        with _short(path) as address:
            asked.connect(address)
    except (FileNotFoundError, ConnectionRefusedError):
        asked.close()
        raise NobodyThere(f"no node listens at {path}") from None
    except BaseException:
        asked.close()
        raise
    reader, writer = await asyncio.open_unix_connection(sock=asked, limit=PIECE_BYTES)
    return _receive(reader, writer, f"{BACKUP} {SKIP_MISSING}\n" if skip_missing else f"{BACKUP}\n")


async def _receive(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: str
) -> AsyncGenerator[bytes, None]:
    try:
        writer.write(request.encode())
        while chunk := await reader.read(PIECE_BYTES):
            yield chunk
    finally:
        writer.close()


def _is_own_user(writer: asyncio.StreamWriter) -> bool:
    raw = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(raw)
    return user in (0, os.geteuid())


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """An address for the socket `path` that is short enough for the kernel: by way of the folder's descriptor if not
    as it is."""
    if len(os.fsencode(path)) <= _ADDRESS_BYTES_MAX:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
