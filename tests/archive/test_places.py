"""Files that appear when they are complete, folders that a cloud arrives in, names of blobs."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.archive.bodies import Bodies
from lambent.archive.errors import ArchiveError, NotEmpty
from lambent.archive.folder import ARRIVING, BLOBS, STORE, ArrivingFolder
from lambent.archive.items import PIECE_BYTES, Piece
from lambent.archive.names import GivenNames, NameSet
from lambent.archive.stream import NewFile, read_file
from lambent.contracts.ids import Ids
from lambent.kv.errors import StoreInUse
from lambent.kv.folder import FolderLock


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


async def test_a_file_appears_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "cloud.backup"
    path.write_text("an older backup")
    with NewFile(str(path)) as file:
        file.write(b"one ")
        file.write(b"two")
        assert path.read_text() == "an older backup"
        assert os.stat(f"{path}.partial").st_mode & 0o777 == 0o600
        file.complete()
    assert listing(tmp_path) == ["cloud.backup"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert [chunk async for chunk in read_file(str(path))] == [b"one two"]


def test_what_is_not_completed_leaves_nothing(tmp_path: Path) -> None:
    with NewFile(str(tmp_path / "b")) as file:
        file.write(b"half")
    assert listing(tmp_path) == []


def test_what_a_killed_backup_left_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "b.partial").write_bytes(b"x" * 1000)
    with NewFile(str(tmp_path / "b")) as file:
        file.write(b"whole")
        file.complete()
    assert (tmp_path / "b").read_bytes() == b"whole"
    assert listing(tmp_path) == ["b"]


def test_two_backups_do_not_write_one_file(tmp_path: Path) -> None:
    with NewFile(str(tmp_path / "b")) as file:
        with pytest.raises(ArchiveError, match="another backup is being written"), NewFile(str(tmp_path / "b")):
            pass
        file.complete()
    assert listing(tmp_path) == ["b"]


def test_neither_folders_nor_devices_nor_links_are_written_over(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for path in ("/dev/null", str(tmp_path), str(tmp_path / "link")):
        with pytest.raises(ArchiveError, match="not a file"), NewFile(path):
            pass
    (tmp_path / "b.partial").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"), NewFile(str(tmp_path / "b")):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_cloud_appears_in_its_folder_whole(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    with ArrivingFolder(data) as folder:
        (folder.path / STORE).mkdir()
        (folder.path / STORE / "row").touch()
        assert not (data / STORE).exists()
        folder.publish()
    assert listing(data) == [BLOBS, STORE, f"{STORE}/row"]


def test_a_restore_that_fails_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "lambent.log").touch()
    for data in (tmp_path, tmp_path / "a" / "b"):
        with contextlib.suppress(ZeroDivisionError), ArrivingFolder(data) as folder:
            (folder.path / BLOBS).mkdir()
            raise ZeroDivisionError
    assert listing(tmp_path) == ["lambent.log"]


@pytest.mark.parametrize("name", [STORE, BLOBS])
def test_a_folder_with_a_cloud_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "something").touch()
    before = listing(tmp_path)
    with pytest.raises(NotEmpty, match="holds a cloud"), ArrivingFolder(tmp_path):
        pass
    assert listing(tmp_path) == before


@pytest.mark.parametrize("name", [STORE, BLOBS])
def test_a_cloud_that_begins_meanwhile_is_not_written_over(tmp_path: Path, name: str) -> None:
    with ArrivingFolder(tmp_path) as folder:
        for part in (STORE, BLOBS):
            (folder.path / part).mkdir()
            (folder.path / part / "restored").touch()
        (tmp_path / name).mkdir()
        (tmp_path / name / "row").touch()
        with pytest.raises(NotEmpty, match="cannot be put in place"):
            folder.publish()
    assert listing(tmp_path) == [name, f"{name}/row"]


def test_two_restores_into_one_folder_do_not_meet(tmp_path: Path) -> None:
    with ArrivingFolder(tmp_path) as first:
        (first.path / STORE).mkdir()
        with pytest.raises(StoreInUse), ArrivingFolder(tmp_path):
            pass
        assert (first.path / STORE).exists()


def test_what_a_killed_restore_left_is_no_cloud(tmp_path: Path) -> None:
    left = tmp_path / ARRIVING
    (left / STORE).mkdir(parents=True)
    (left / STORE / "half").touch()
    FolderLock(left).release()
    with ArrivingFolder(tmp_path) as folder:
        assert not (folder.path / STORE).exists()
        (folder.path / STORE).mkdir()
        folder.publish()
    assert listing(tmp_path) == [BLOBS, STORE]


@given(st.lists(st.binary(min_size=16, max_size=16).map(bytes.hex)))
def test_a_set_of_names_is_one(names: list[str]) -> None:
    found = NameSet()
    for name in [*names, *names[::2]]:
        found.add(name)
    assert list(found) == sorted(set(names))


def test_a_name_that_is_none_is_refused() -> None:
    for name in ("", "00", "0" * 33, "x" * 32):
        with pytest.raises(ValueError):
            NameSet().add(name)


async def test_names_are_given_to_blobs_only() -> None:
    ids = GivenNames(Ids(1))
    GivenNames.give("ab" * 16)
    assert ids.hex(32) == "ab" * 16
    assert ids.hex(16) != ids.hex(16)
    assert len(ids.hex(16)) == 16


class _Whole:
    """Blobs that come at once."""

    def __init__(self, bodies: dict[str, bytes]) -> None:
        self.bodies = bodies
        self.random = random.Random(1)

    async def stream(self, name: str) -> AsyncIterator[bytes]:
        yield self.bodies[name]


class _Remote(_Whole):
    """Blobs that come in pieces of any size, as over a network."""

    async def stream(self, name: str) -> AsyncIterator[bytes]:
        body = self.bodies[name]
        at = 0
        while at < len(body):
            size = self.random.randrange(1, PIECE_BYTES)
            yield body[at : at + size]
            at += size


@pytest.mark.slow
@pytest.mark.parametrize("kind", [_Whole, _Remote])
async def test_bodies_of_any_length_come_in_pieces(kind: type[_Whole]) -> None:
    lengths = [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 3 * PIECE_BYTES + 7] * 3
    chance = random.Random(5)
    bodies = {f"{number:032x}": chance.randbytes(length) for number, length in enumerate(lengths)}
    reading = Bodies(kind(bodies), skip_missing=True)
    found: dict[str, bytes] = {}
    asked = sorted([*bodies, "f" * 32, f"{2:031x}f"])
    async for batch in reading.read(asked):
        for piece in batch:
            assert isinstance(piece, Piece)
            assert len(piece.data) <= PIECE_BYTES
            found[piece.name] = found.get(piece.name, b"") + piece.data
            assert piece.last == (len(found[piece.name]) == len(bodies[piece.name]))
    assert found == bodies
    assert list(found) == sorted(bodies)
    assert reading.missing == 2
