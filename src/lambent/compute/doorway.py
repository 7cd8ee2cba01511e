"""The way from inside a sandbox to Lambent's own endpoint: what connects to the sandbox's port is carried there."""

from __future__ import annotations

import asyncio
import ssl
from typing import cast
from urllib.parse import urlsplit

_HALVES_MAX = 4096
_HIGH_WATER_BYTES = 256 * 1024


class _Half(asyncio.Protocol):
    """One direction's reader; what it reads goes to `other`, which holds it back when its own writer is full."""

    def __init__(self, all_open: set[_Half]) -> None:
        self._all_open = all_open
        self.transport: asyncio.Transport | None = None
        self.other: _Half | None = None
        self.early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are not of asyncio's class
        self._all_open.add(self)
        self.transport.set_write_buffer_limits(_HIGH_WATER_BYTES)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)
        else:
            self.early.append(data)

    def eof_received(self) -> bool:
        if self.other is not None and self.other.transport is not None and self.other.transport.can_write_eof():
            self.other.transport.write_eof()
            return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._all_open.discard(self)
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()


class Doorway:
    """Carries connections of sandboxes to `endpoint` (a base URL)."""

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self._host = parts.hostname or "127.0.0.1"
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls: ssl.SSLContext | None = None
        if parts.scheme == "https":
            # Our own endpoint, reached on this machine: its certificate may be one that Lambent made itself.
            self._tls = ssl.create_default_context()
            self._tls.check_hostname = False
            self._tls.verify_mode = ssl.CERT_NONE
        self._joining: set[asyncio.Task[None]] = set()
        self.halves: set[_Half] = set()

    def accept(self) -> asyncio.Protocol:
        """A protocol for a connection that a sandbox has made."""
        return _Inside(self)

    def connect(self, inside: _Half) -> None:
        """Open the other half for `inside`."""
        assert inside.transport is not None
        if len(self.halves) >= _HALVES_MAX:
            inside.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._join(inside))
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)

    def close(self) -> None:
        """End every connection."""
        for task in self._joining:
            task.cancel()
        for half in list(self.halves):
            if half.transport is not None:
                half.transport.abort()

    async def _join(self, inside: _Half) -> None:
        outside = _Half(self.halves)
        outside.other = inside
        try:
            await asyncio.get_running_loop().create_connection(lambda: outside, self._host, self.port, ssl=self._tls)
        except OSError:
            if inside.transport is not None:
                inside.transport.abort()
            return
        if outside.transport is None or inside.transport is None:
            for half in (outside, inside):
                if half.transport is not None:
                    half.transport.close()
            return
        inside.other = outside
        outside.transport.writelines(inside.early)
        inside.early.clear()
        inside.transport.resume_reading()


class _Inside(_Half):
    def __init__(self, doorway: Doorway) -> None:
        super().__init__(doorway.halves)
        self._doorway = doorway

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        self.transport.pause_reading()
        self._doorway.connect(self)
