"""Digests computed while a body passes by."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from typing import Protocol

Buffer = bytes | bytearray | memoryview


class _Digest(Protocol):
    def update(self, data: Buffer, /) -> None: ...
    def digest(self) -> bytes: ...


class _Crc:
    """A running CRC in the shape of hashlib's objects; `digest` is big-endian, as AWS writes it."""

    __slots__ = ("_fn", "_size", "_value")

    def __init__(self, fn: Callable[[Buffer, int], int], size: int) -> None:
        self._fn = fn
        self._size = size
        self._value = 0

    def update(self, data: Buffer, /) -> None:
        self._value = self._fn(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


def _crc32c() -> _Digest:
    from awscrt.checksums import crc32c  # a heavy library, which most bodies do not need

    return _Crc(crc32c, 4)


def _crc64nvme() -> _Digest:
    from awscrt.checksums import crc64nvme  # as above

    return _Crc(crc64nvme, 8)


_MAKERS: dict[str, Callable[[], _Digest]] = {
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
    "crc32": lambda: _Crc(zlib.crc32, 4),
    "crc32c": _crc32c,
    "crc64nvme": _crc64nvme,
}
ALGORITHMS = frozenset(_MAKERS)


class Digests:
    """Several digests of one body; `ValueError` for an algorithm that is not in `ALGORITHMS`."""

    __slots__ = ("_running",)

    def __init__(self, algorithms: tuple[str, ...]) -> None:
        unknown = set(algorithms) - ALGORITHMS
        if unknown:
            raise ValueError(f"unknown digests: {', '.join(sorted(unknown))}")
        self._running = {name: _MAKERS[name]() for name in algorithms}

    def __bool__(self) -> bool:
        return bool(self._running)

    def update(self, data: Buffer) -> None:
        """Take in the next bytes. The interpreter's lock is released meanwhile for large pieces."""
        for running in self._running.values():
            running.update(data)

    def finish(self) -> dict[str, bytes]:
        """The raw digests by name."""
        return {name: running.digest() for name, running in self._running.items()}


def digest(data: bytes, algorithm: str) -> bytes:
    """The digest of bytes that are already here."""
    running = _MAKERS[algorithm]()
    running.update(data)
    return running.digest()
