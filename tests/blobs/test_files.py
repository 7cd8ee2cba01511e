"""What only files have: folders, temporary names, readers that are late, threads."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lambent.blobs import files
from lambent.blobs.files import FileBlobs
from lambent.contracts.clock import ManualClock
from lambent.contracts.ids import Ids
from tests.blobs.test_contract import content, data_of, stream


def files_in(folder: Path) -> list[str]:
    """All files, relative to the folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def _turns_until(condition: asyncio.Event) -> None:
    await asyncio.wait_for(condition.wait(), 5)


async def test_a_blob_lies_in_a_folder_of_its_first_digits(tmp_path: Path) -> None:
    blobs = FileBlobs(str(tmp_path), Ids(1))
    name = (await blobs.write(stream(b"x"))).name
    assert files_in(tmp_path) == [f"{name[:2]}/{name[2:]}"]
    assert (tmp_path / name[:2] / name[2:]).stat().st_mode & 0o777 == 0o600
    await blobs.close()


async def test_blobs_are_there_after_a_restart_and_leftovers_are_collected(tmp_path: Path) -> None:
    blobs = FileBlobs(str(tmp_path), Ids(1), "strict")
    name = (await blobs.write(stream(data_of(2_000_000)))).name
    await blobs.close()
    (tmp_path / "tmp" / "f00").write_bytes(b"half of a body")
    again = FileBlobs(str(tmp_path), Ids(2))
    assert await again.collect([name], grace_s=60) == 0
    assert await again.collect([name], grace_s=0) == 1
    assert await again.read(name) == data_of(2_000_000)
    assert len(files_in(tmp_path)) == 1
    await again.close()


@pytest.mark.parametrize("size", [10, 100_000, 2_500_000])
async def test_a_cancelled_write_leaves_nothing(tmp_path: Path, size: int) -> None:
    blobs = FileBlobs(str(tmp_path), Ids(1))
    reached, never = asyncio.Event(), asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        async for piece in stream(data_of(size)):
            yield piece
        reached.set()
        await never.wait()

    task = asyncio.create_task(blobs.write(stalling(), ("md5",)))
    await _turns_until(reached)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files_in(tmp_path) == []
    await blobs.close()


async def test_a_released_blob_stays_for_late_readers_and_then_goes(tmp_path: Path) -> None:
    blobs = FileBlobs(str(tmp_path), Ids(1))
    name = (await blobs.write(stream(b"late"))).name
    part = blobs.slice(name, 0, 4)
    blobs.release(name)
    blobs.release(name)
    assert await content(part) == b"late"
    with open(part.path, "rb") as file:  # noqa: ASYNC230 (a small file)
        await blobs.close()  # ends the waiting
        assert files_in(tmp_path) == []
        assert file.read() == b"late"


async def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = FileBlobs(str(tmp_path), Ids(1))
    real = os.write
    left = 1_500_000

    def write(fd: int, data: memoryview) -> int:
        nonlocal left
        left -= len(data)
        if left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data)

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OSError, match="No space"):
        await blobs.write(stream(data_of(4_000_000)), ("md5",))
    with pytest.raises(OSError, match="No space"):
        await blobs.write(stream(b"x"))
    monkeypatch.undo()
    assert files_in(tmp_path) == []
    await blobs.close()


async def test_concat_works_where_the_kernel_cannot_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> int:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    blobs = FileBlobs(str(tmp_path), Ids(1))
    name = (await blobs.write(stream(data_of(3_000_000)))).name
    info = await blobs.concat([(name, 5, 2_000_000), (name, 0, 5)])
    assert await blobs.read(info.name) == data_of(3_000_000)[5:2_000_005] + data_of(5)
    await blobs.close()


async def test_large_bodies_are_hashed_off_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[str] = set()
    real = files.Writing.add

    def add(self: files.Writing, pieces: list[bytes]) -> None:
        seen.add(threading.current_thread().name.rstrip("0123456789"))
        real(self, pieces)

    monkeypatch.setattr(files.Writing, "add", add)
    blobs = FileBlobs(str(tmp_path), Ids(1))
    await blobs.write(stream(data_of(4_000_000)), ("md5",))
    assert seen == {"blobs_"}
    await blobs.write(stream(b"small"), ("md5",))
    assert seen == {"blobs_", "MainThread"}
    await blobs.close()


async def test_what_is_released_under_a_hold_outlasts_the_end_of_the_process(tmp_path: Path) -> None:
    clock = ManualClock()
    blobs = FileBlobs(str(tmp_path), Ids(1), clock=clock)
    name = (await blobs.write(stream(b"x"))).name
    blobs.hold(clock.now_ns() + 1)
    blobs.release(name)
    await blobs.close()
    again = FileBlobs(str(tmp_path), Ids(2), clock=clock)
    assert await again.read(name) == b"x"
    await again.close()
