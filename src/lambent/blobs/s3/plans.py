"""How a blob is made of slices of others: what the store copies by itself, and what passes through this process.

S3 wants every part but the last to have 5 MiB, and copies ranges of objects that are at least that large.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, NamedTuple

from .uploads import MEBIBYTE, PARTS_MAX

PART_BYTES_LEAST: Final = 5 * MEBIBYTE
COPY_BYTES: Final = 64 * MEBIBYTE
COPY_BYTES_MAX: Final = 5 * 1024 * MEBIBYTE

Slice = tuple[str, int, int]
"""Name, offset and length."""


class Step(NamedTuple):
    """A part of the new object: one slice that is copied, or slices that are streamed together."""

    copied: bool
    slices: tuple[Slice, ...]


def plan(slices: list[Slice]) -> list[Step]:
    """Steps for as few and as even parts as there need be."""
    copy_bytes = COPY_BYTES
    steps = _steps(slices, copy_bytes)
    while len(steps) > PARTS_MAX and copy_bytes < COPY_BYTES_MAX:
        copy_bytes = min(COPY_BYTES_MAX, copy_bytes * 2)
        steps = _steps(slices, copy_bytes)
    return steps


def _steps(slices: list[Slice], copy_bytes: int) -> list[Step]:
    steps: list[Step] = []
    waiting: list[Slice] = []
    size = 0
    for name, offset, length in slices:
        if waiting:
            # Small slices are filled up to a part, from the beginning of a large one if need be.
            take = min(length, max(0, PART_BYTES_LEAST - size))
            if 0 < length - take < PART_BYTES_LEAST:
                take = length
            if take:
                waiting.append((name, offset, take))
                size, offset, length = size + take, offset + take, length - take
            if size >= PART_BYTES_LEAST:
                steps.append(Step(False, tuple(waiting)))
                waiting, size = [], 0
        if length >= PART_BYTES_LEAST:
            steps += _copies(name, offset, length, copy_bytes)
        elif length:
            waiting, size = [(name, offset, length)], length
    if waiting:
        steps.append(Step(False, tuple(waiting)))
    return steps


def _copies(name: str, offset: int, length: int, copy_bytes: int) -> list[Step]:
    """Even parts, so that none is too small."""
    count = -(-length // copy_bytes)
    ends = [length * number // count for number in range(count + 1)]
    return [Step(True, ((name, offset + begin, end - begin),)) for begin, end in pairwise(ends)]
