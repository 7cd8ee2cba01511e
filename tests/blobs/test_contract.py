"""The contract of blobs, on every kind of them."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from array import array
from collections.abc import AsyncIterator
from typing import Any  # blobs of any kind, whose `collect` takes a grace as well

import pytest

from lambent.blobs.digests import ALGORITHMS, digest
from lambent.contracts.clock import ManualClock
from lambent.contracts.http import FileSlice

SECOND = 1_000_000_000
SIZES = [0, 1, 65_536, 65_537, 1_048_576, 3_000_001]


def data_of(size: int) -> bytes:
    """Bytes that differ from place to place."""
    return array("I", range(size // 4 + 1)).tobytes()[:size]


async def stream(data: bytes, piece: int = 50_000) -> AsyncIterator[bytes]:
    """A body in pieces, with turns of the loop between them."""
    for start in range(0, len(data), piece):
        await asyncio.sleep(0)
        yield data[start : start + piece]


async def broken_stream(size: int) -> AsyncIterator[bytes]:
    """A sender who goes away."""
    async for piece in stream(data_of(size)):
        yield piece
    raise ConnectionResetError


async def content(part: FileSlice | AsyncIterator[bytes]) -> bytes:
    """What a response with this body would send."""
    if isinstance(part, FileSlice):
        with open(part.path, "rb") as file:  # noqa: ASYNC230 (a small file)
            file.seek(part.offset)
            return file.read(part.length)
    return b"".join([piece async for piece in part])


@pytest.mark.parametrize("size", SIZES)
async def test_a_body_comes_back_with_its_digests(blobs: Any, size: int) -> None:
    data = data_of(size)
    info = await blobs.write(stream(data), tuple(sorted(ALGORITHMS)))
    assert info.length == size
    assert info.digests == {name: digest(data, name) for name in ALGORITHMS}
    assert info.digests["md5"] == hashlib.md5(data).digest()
    assert info.digests["sha256"] == hashlib.sha256(data).digest()
    assert info.digests["crc32"] == zlib.crc32(data).to_bytes(4, "big")
    assert await blobs.read(info.name) == data
    assert await content(blobs.stream(info.name)) == data


def test_checksums_are_those_of_their_standards() -> None:
    # The check values of the CRC catalogue for the digits 1 to 9.
    assert digest(b"123456789", "crc32").hex() == "cbf43926"
    assert digest(b"123456789", "crc32c").hex() == "e3069283"
    assert digest(b"123456789", "crc64nvme").hex() == "ae8b14860a799888"
    assert digest(b"", "sha1").hex() == "da39a3ee5e6b4b0d3255bfef95601890afd80709"


async def test_only_digests_that_were_asked_for(blobs: Any) -> None:
    assert (await blobs.write(stream(b"x"))).digests == {}
    with pytest.raises(ValueError, match="sha3"):
        await blobs.write(stream(b"x"), ("md5", "sha3"))


async def test_slices(blobs: Any) -> None:
    data = data_of(700_000)
    name = (await blobs.write(stream(data))).name
    for offset, length in ((0, 700_000), (0, 0), (700_000, 0), (1, 3), (299_999, 400_001)):
        assert await content(blobs.slice(name, offset, length)) == data[offset : offset + length]
    for offset, length in ((0, 700_001), (-1, 2), (5, -1), (700_001, 0)):
        with pytest.raises(ValueError):  # at once, or with the first piece
            await content(blobs.slice(name, offset, length))


async def test_a_stream_of_nothing(blobs: Any) -> None:
    with pytest.raises(KeyError):
        await content(blobs.stream("0" * 32))


@pytest.mark.parametrize("digests", [(), ("md5", "crc64nvme")])
async def test_concat(blobs: Any, digests: tuple[str, ...]) -> None:
    one, two = data_of(2_500_000), data_of(100)[::-1]
    names = [(await blobs.write(stream(data))).name for data in (one, two)]
    parts = [(names[0], 0, 2_500_000), (names[1], 10, 50), (names[0], 7, 70_000), (names[1], 0, 0)]
    info = await blobs.concat(parts, digests)
    data = one + two[10:60] + one[7:70_007]
    assert await blobs.read(info.name) == data
    assert info.length == len(data)
    assert info.digests == {name: digest(data, name) for name in digests}
    assert await blobs.read(names[0]) == one
    assert (await blobs.concat([])).length == 0


async def test_concat_of_what_is_not_there(blobs: Any) -> None:
    name = (await blobs.write(stream(b"abc"))).name
    with pytest.raises(KeyError):
        await blobs.concat([(name, 0, 3), ("0" * 32, 0, 1)])
    with pytest.raises(ValueError):
        await blobs.concat([(name, 1, 3)])


@pytest.mark.parametrize("name", ["0" * 32, "", "../../etc/passwd", "ab/../../x", "A" * 32, "0" * 32 + "\n", "tmp"])
async def test_a_name_that_was_never_given_out_is_no_blob(blobs: Any, name: str) -> None:
    with pytest.raises(KeyError):  # at once, or with the first piece
        await content(blobs.slice(name, 0, 0))
    with pytest.raises(KeyError):
        await blobs.read(name)
    with pytest.raises(KeyError):
        await blobs.concat([(name, 0, 0)])
    blobs.release(name)


@pytest.mark.parametrize("size", [10, 100_000, 3_000_000])
async def test_a_broken_body_leaves_nothing(blobs: Any, size: int) -> None:
    with pytest.raises(ConnectionResetError):
        await blobs.write(broken_stream(size), ("md5",))
    assert await blobs.collect([], grace_s=0) == 0


async def test_writers_at_the_same_time(blobs: Any) -> None:
    bodies = [data_of(300_000 * i + 7) for i in range(6)]
    infos = await asyncio.gather(*(blobs.write(stream(body), ("crc32",)) for body in bodies))
    assert len({info.name for info in infos}) == 6
    for info, body in zip(infos, bodies, strict=True):
        assert await blobs.read(info.name) == body


async def test_what_nothing_names_is_collected(blobs: Any) -> None:
    kept, lost = [(await blobs.write(stream(data_of(1000)))).name for _ in range(2)]

    async def named() -> set[str]:
        await asyncio.sleep(0)
        return {kept}

    assert await blobs.collect(named, grace_s=3600) == 0
    assert len(await blobs.read(lost)) == 1000
    assert await blobs.collect(named, grace_s=0) == 1
    assert await blobs.collect(lambda: [kept], grace_s=0) == 0
    assert len(await blobs.read(kept)) == 1000
    with pytest.raises(KeyError):
        await blobs.read(lost)


async def test_a_blob_named_during_a_collection_is_safe(blobs: Any) -> None:
    name = (await blobs.write(stream(b"x"))).name
    committed: set[str] = set()

    def named() -> set[str]:
        committed.add(name)  # the transaction that names it commits between listing and asking
        return committed

    assert await blobs.collect(named, grace_s=0) == 0
    assert await blobs.read(name) == b"x"


async def _gone(blobs: Any, name: str) -> bool:
    """Whether a blob goes within 5 s; removal is somebody else's work, so it takes some turns of the loop."""
    end_s = asyncio.get_running_loop().time() + 5
    while asyncio.get_running_loop().time() < end_s:
        try:
            await blobs.read(name)
        except KeyError:
            return True
        await asyncio.sleep(0)
    return False


async def test_a_released_blob_goes(blobs: Any) -> None:
    kept, name = [(await blobs.write(stream(data_of(1000)))).name for _ in range(2)]
    blobs.release(name)
    blobs.release(name)
    assert await _gone(blobs, name)
    assert await blobs.read(kept) == data_of(1000)


async def test_a_hold_keeps_everything_and_what_was_released_goes_after_it(blobs: Any, clock: ManualClock) -> None:
    released, lost = [(await blobs.write(stream(data_of(1000)))).name for _ in range(2)]
    blobs.hold(clock.now_ns() + 10 * SECOND)
    blobs.release(released)
    clock.advance(9 * SECOND)
    assert await blobs.collect([], grace_s=0) == 0
    assert await blobs.read(released) == await blobs.read(lost) == data_of(1000)
    blobs.hold(clock.now_ns() + 5 * SECOND)  # a hold can be prolonged
    clock.advance(4 * SECOND)
    assert await blobs.collect([], grace_s=0) == 0
    assert await blobs.read(released) == data_of(1000)
    clock.advance(1 * SECOND)
    assert await _gone(blobs, released)
    assert await blobs.collect([], grace_s=0) == 1
    assert await _gone(blobs, lost)


async def test_a_hold_can_be_ended_early(blobs: Any, clock: ManualClock) -> None:
    name = (await blobs.write(stream(b"x"))).name
    blobs.hold(clock.now_ns() + 10 * SECOND)
    blobs.release(name)
    blobs.hold(0)
    assert await _gone(blobs, name)


async def test_a_hold_that_begins_during_a_collection_counts(blobs: Any, clock: ManualClock) -> None:
    name = (await blobs.write(stream(b"x"))).name

    async def in_use() -> set[str]:
        blobs.hold(clock.now_ns() + SECOND)
        return set()

    assert await blobs.collect(in_use, grace_s=0) == 0
    assert await blobs.read(name) == b"x"
