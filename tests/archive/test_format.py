"""The file: what is written is read; what is not as it was written is refused, whatever happened to it."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.archive.errors import ArchiveError, BackupFailed, Damaged, TooNew
from lambent.archive.format import FRAME_BYTES_MAX, Decoder, Encoder
from lambent.archive.items import Count, Head, Item, Page, Piece, Restart, Totals

HEAD = Head(program="1.2.3", made_ms=1_700_000_000_000, engine="embedded")
_keys = st.binary(max_size=12)


@st.composite
def streams(draw: st.DrawFn) -> list[Item]:
    """Streams as a source makes them."""
    items: list[Item] = [HEAD]
    for round in range(draw(st.integers(0, 2))):
        if round:
            items.append(Restart())
        rows = sorted(draw(st.dictionaries(_keys, st.binary(max_size=40), max_size=12)).items())
        cut = draw(st.integers(0, len(rows)))
        items += [Page(part) for part in (rows[:cut], rows[cut:])]
    for name in sorted(draw(st.sets(st.binary(min_size=16, max_size=16), max_size=4))):
        pieces = draw(st.lists(st.binary(max_size=60), min_size=1, max_size=3))
        items += [Piece(name.hex(), piece, index == len(pieces) - 1) for index, piece in enumerate(pieces)]
    return [*items, totals(items)]


def totals(items: list[Item], missing: int = 0) -> Totals:
    count = Count()
    for item in items:
        count.add(item)
    return count.totals(missing)


def written(items: list[Item]) -> bytes:
    return b"".join(Encoder().encode(items))


def read(data: bytes, chunk: int = 1 << 20) -> list[Item]:
    decoder = Decoder()
    items = [item for at in range(0, len(data), chunk) for item in decoder.feed(data[at : at + chunk])]
    assert decoder.finish() == items[-1]
    return items


def frames(data: bytes) -> list[bytes]:
    """The format's line, then the frames."""
    at = data.index(b"\n") + 1
    found = [data[:at]]
    while at < len(data):
        end = at + 9 + struct.unpack_from(">I", data, at + 1)[0]
        found.append(data[at:end])
        at = end
    return found


SAMPLE: list[Item] = [
    HEAD,
    Page([(b"a", b"1"), (b"b", b"2" * 300)]),
    Restart(),
    Page([(b"a", b"3")]),
    Page([(b"c", b"4" * 50)]),
    Piece("00" * 16, b"first", False),
    Piece("00" * 16, b"second", True),
    Piece("0f" * 16, b"", True),
    Piece("ff" * 16, b"third" * 20, True),
    Totals(keys=2, blobs=3, blob_bytes=111),
]


@given(streams(), st.integers(1, 200))
def test_what_is_written_is_read(items: list[Item], chunk: int) -> None:
    assert read(written(items), chunk) == items


def test_a_file_that_ends_early_is_refused_wherever_it_ends() -> None:
    data = written(SAMPLE)
    for end in range(len(data)):
        with pytest.raises(Damaged, match=r"ends before|not a backup"):
            read(data[:end])


def test_a_flipped_bit_is_found_whichever_it_is() -> None:
    data = written(SAMPLE)
    for at in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[at] ^= 1 << bit
            with pytest.raises(ArchiveError):
                read(bytes(damaged))


@pytest.mark.parametrize("seed", range(300))
def test_longer_damage_is_found(seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray(written(SAMPLE))
    at = chance.randrange(len(data))
    length = chance.randrange(1, 64)
    before = bytes(data)
    match chance.randrange(3):
        case 0:
            data[at : at + length] = chance.randbytes(length)
        case 1:
            del data[at : at + length]
        case _:
            data[at:at] = chance.randbytes(length)
    if bytes(data) != before:
        with pytest.raises(ArchiveError):
            read(bytes(data))


def test_a_frame_that_is_missing_doubled_or_out_of_place_is_found() -> None:
    parts = frames(written(SAMPLE))
    for at in range(1, len(parts)):
        others = [parts[:at] + parts[at + 1 :], [*parts[:at], parts[at], *parts[at:]]]
        if at + 1 < len(parts):
            others.append([*parts[:at], parts[at + 1], parts[at], *parts[at + 2 :]])
        for other in others:
            with pytest.raises(Damaged):
                read(b"".join(other))


def test_frames_of_another_backup_do_not_fit() -> None:
    one, other = frames(written(SAMPLE)), frames(written([SAMPLE[0], Page([(b"z", b"9")]), *SAMPLE[2:]]))
    for at in range(1, len(one)):
        if one[at] != other[at]:
            with pytest.raises(Damaged):
                read(b"".join([*one[:at], other[at], *one[at + 1 :]]))


def test_the_damaged_frames_place_is_said() -> None:
    parts = frames(written(SAMPLE))
    position = sum(map(len, parts[:4]))
    parts[4] = parts[4][:-1] + bytes([parts[4][-1] ^ 1])
    with pytest.raises(Damaged, match=f"frame 3 at byte {position}: its checksum differs") as caught:
        read(b"".join(parts), 7)
    assert (caught.value.position, caught.value.frame) == (position, 3)


def test_a_length_that_cannot_be_is_not_waited_for() -> None:
    data = written(SAMPLE[:1])
    with pytest.raises(Damaged, match="cannot be true"):
        Decoder().feed(data + b"K" + struct.pack(">II", FRAME_BYTES_MAX + 1, 0))


@pytest.mark.parametrize(
    "items",
    [
        [Page([(b"a", b"")])],
        [HEAD, Page([(b"b", b""), (b"a", b"")])],
        [HEAD, Page([(b"a", b"")]), Page([(b"a", b"")])],
        [HEAD, Piece("01" * 16, b"", True), Piece("01" * 16, b"", True)],
        [HEAD, Piece("02" * 16, b"", False), Piece("03" * 16, b"", True)],
        [HEAD, Piece("02" * 16, b"", False), Totals(blobs=0)],
        [HEAD, Piece("02" * 16, b"", True), Page([])],
        [HEAD, Piece("02" * 16, b"", True), Restart()],
        [HEAD, Page([(b"a", b"")]), Totals(keys=2)],
        [HEAD, Totals(), Totals()],
        [HEAD, HEAD, Totals()],
    ],
    ids=str,
)
def test_a_stream_that_no_source_makes_is_refused(items: list[Item]) -> None:
    with pytest.raises(Damaged):
        read(written(items))


def test_what_comes_after_the_end_is_refused() -> None:
    with pytest.raises(Damaged):
        read(written(SAMPLE) + b"\n")


def test_a_newer_format_is_said_in_one_line() -> None:
    with pytest.raises(TooNew, match="the backup has format 2; this program knows formats up to 1"):
        read(b"lambent-backup 2\nwhatever")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04" * 20, b"lambent-backup 0\n", b"lambent-backup 01\n", b"\n" * 99])
def test_another_file_is_no_backup(data: bytes) -> None:
    with pytest.raises(Damaged):
        read(data)


def test_a_backup_that_broke_off_says_why() -> None:
    encoder = Encoder()
    data = b"".join([*encoder.encode(SAMPLE[:2]), *encoder.broken_off("the disk is on fire")])
    with pytest.raises(BackupFailed, match="the disk is on fire"):
        read(data)
    with pytest.raises(BackupFailed, match="at once"):
        read(b"".join(Encoder().broken_off("at once")))
