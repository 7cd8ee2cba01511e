"""How an object store is told to make one body of others, and how large the parts of a stream are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("aiohttp", reason="aiohttp is not installed")

from lambent.blobs.s3.plans import COPY_BYTES_MAX, PART_BYTES_LEAST, Slice, plan
from lambent.blobs.s3.uploads import MEBIBYTE, PART_BYTES_MAX, PARTS_MAX, part_bytes

LENGTHS = st.one_of(
    st.integers(1, 100),
    st.integers(PART_BYTES_LEAST - 2, PART_BYTES_LEAST + 2),
    st.integers(1, 300 * MEBIBYTE),
)


def joined(slices: list[Slice]) -> list[Slice]:
    """Slices with neighbours that go on in the same blob made one."""
    found: list[Slice] = []
    for name, offset, length in slices:
        if found and found[-1][0] == name and sum(found[-1][1:]) == offset:
            found[-1] = (name, found[-1][1], found[-1][2] + length)
        else:
            found.append((name, offset, length))
    return found


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1000), LENGTHS), max_size=12))
def test_a_plan_has_every_byte_in_order_in_parts_that_s3_takes(given: list[tuple[int, int]]) -> None:
    slices = [(f"{index}", offset, length) for index, (offset, length) in enumerate(given)]
    steps = plan(slices)
    assert joined([part for step in steps for part in step.slices]) == slices
    sizes = [sum(length for _, _, length in step.slices) for step in steps]
    assert all(size >= PART_BYTES_LEAST for size in sizes[:-1])
    for step, size in zip(steps, sizes, strict=True):
        if step.copied:
            assert len(step.slices) == 1
            assert PART_BYTES_LEAST <= size <= COPY_BYTES_MAX
        else:
            assert size < 3 * PART_BYTES_LEAST  # it is in memory


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 1024, 10_000])
def test_five_tebibytes_are_ten_thousand_parts_at_most(count: int) -> None:
    total = 5 * 1024 * 1024 * MEBIBYTE
    slices = [(f"{index}", 0, total // count) for index in range(count)]
    steps = plan(slices)
    assert len(steps) <= PARTS_MAX
    assert all(step.copied and step.slices[0][2] <= COPY_BYTES_MAX for step in steps)


def test_parts_of_a_stream_grow_within_bounds() -> None:
    sizes = [part_bytes(number) for number in range(1, PARTS_MAX + 1)]
    assert sizes[0] == 8 * MEBIBYTE
    assert max(sizes) == sizes[-1] == PART_BYTES_MAX
    assert sizes == sorted(sizes)
    assert sum(sizes) > 500 * 1024 * MEBIBYTE
    # What one request brings, 5 GiB, never needs the larger parts.
    assert sum(sizes[:500]) > 5 * 1024 * MEBIBYTE
    assert max(sizes[:500]) == 16 * MEBIBYTE
