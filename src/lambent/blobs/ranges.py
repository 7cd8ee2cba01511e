"""Parts of blobs: which bytes are meant, and streams of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from . import names


def check_name(name: str) -> None:
    """`KeyError` for what can be the name of no blob."""
    if not names.valid(name):
        raise KeyError(name)


def check_part(name: str, offset: int, length: int) -> None:
    """What can be said of a slice before its blob is looked at: `KeyError` or `ValueError`."""
    check_name(name)
    if offset < 0 or length < 0:
        raise ValueError(f"bytes {offset} to {offset + length}")


def check_bytes(offset: int, length: int, size: int) -> None:
    """`ValueError` for bytes that a blob of `size` bytes does not have."""
    if offset < 0 or length < 0 or offset + length > size:
        raise ValueError(f"bytes {offset} to {offset + length} of {size}")


async def joined(streams: list[AsyncIterator[bytes]]) -> AsyncIterator[bytes]:
    """The pieces of several streams, one stream after another."""
    for stream in streams:
        try:
            async for piece in stream:
                yield piece
        finally:
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()


class Readers:
    """Which blobs are being read on this node. `idle` is called with one that was to be removed meanwhile, when its
    last reader is done with it."""

    def __init__(self, idle: Callable[[str], None]) -> None:
        self._idle = idle
        self._counts: Counter[str] = Counter()
        self._doomed: set[str] = set()

    def defer(self, name: str) -> bool:
        """Whether `name` is being read; if so, `idle` is called with it later."""
        if name in self._counts:
            self._doomed.add(name)
            return True
        return False

    @contextmanager
    def reading(self, name: str) -> Iterator[None]:
        """While `name` is being read."""
        self._counts[name] += 1
        try:
            yield
        finally:
            self._counts[name] -= 1
            if not self._counts[name]:
                del self._counts[name]
                if name in self._doomed:
                    self._doomed.discard(name)
                    self._idle(name)
