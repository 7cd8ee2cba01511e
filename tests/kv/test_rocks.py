"""What only the RocksDB engine has: a folder, a disk that fills, and an fsync that fails."""

from __future__ import annotations

import asyncio
import os
import resource
from pathlib import Path

import pytest

from lambent.contracts.clock import ManualClock
from lambent.contracts.ids import Ids
from lambent.kv.engines.rocks import Durability, RocksStore
from lambent.kv.errors import StoreInUse, StoreTooNew, StoreUnreadable, WriteFailed
from tests.kv.contract import everything, fill


def _open(folder: Path, durability: Durability = "normal") -> RocksStore:
    return RocksStore(str(folder / "data"), ManualClock(), Ids(1), durability)


async def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    store = _open(tmp_path)
    with pytest.raises(StoreInUse, match=f"in use by process {os.getpid()}$"):
        _open(tmp_path)
    await store.write(fill({b"a": b"1"}))
    await store.close()
    again = _open(tmp_path)
    assert await again.read(everything) == [(b"a", b"1")]
    await again.close()


@pytest.mark.parametrize("text", ["lambent-store 2\n", "lambent-store x\n", "something else\n"])
async def test_a_folder_of_another_format_is_left_alone(tmp_path: Path, text: str) -> None:
    await _open(tmp_path).close()
    path = tmp_path / "data" / "FORMAT"
    assert path.read_text() == "lambent-store 1\n"
    path.write_text(text)
    with pytest.raises(StoreTooNew):
        _open(tmp_path)
    path.write_text("lambent-store 1\n")
    await _open(tmp_path).close()


async def test_damaged_data_is_told_from_an_empty_folder(tmp_path: Path) -> None:
    await _open(tmp_path).close()
    (manifest,) = (tmp_path / "data" / "rocks").glob("MANIFEST-*")
    kept = manifest.read_bytes()
    manifest.write_bytes(b"no manifest")
    with pytest.raises(StoreUnreadable, match=r"the store in \S+/data cannot be opened: .*MANIFEST"):
        _open(tmp_path)
    manifest.write_bytes(kept)  # neither the lock nor the data was touched
    await _open(tmp_path).close()


def test_a_durability_has_one_of_two_names(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sometimes"):
        _open(tmp_path, "sometimes")  # type: ignore[arg-type]


@pytest.mark.parametrize("durability", ["normal", "strict"])
async def test_a_full_disk_fails_writers_and_nothing_else(tmp_path: Path, durability: Durability) -> None:
    store = _open(tmp_path, durability)
    written: dict[bytes, bytes] = {}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    failures = 0
    try:
        for i in range(40):
            pair = {b"k%03d-a" % i: b"v" * 5000, b"k%03d-b" % i: b"v" * 5000}
            try:
                await store.write(fill(dict(pair)))
                written |= pair
            except WriteFailed:
                failures += 1
            assert dict(await store.read(everything)) == written
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert failures > 20
    assert len(written) > 4
    await store.close()
    again = _open(tmp_path, durability)
    found = dict(await again.read(everything))
    assert found.items() >= written.items()
    assert len(found) % 2 == 0
    await again.write(fill({b"z": b"1"}))
    await again.close()


async def test_after_a_failed_fsync_no_answer_is_given_until_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = _open(tmp_path, "strict")
    await store.write(fill({b"a": b"1"}))

    class Broken:
        """A database whose fsync fails."""

        def __init__(self, db: object) -> None:
            self._db = db

        def flush_wal(self, sync: bool) -> None:
            raise OSError("input/output error")

        def __getattr__(self, name: str) -> object:
            return getattr(self._db, name)

    monkeypatch.setattr(store, "_db", Broken(store._db))
    results = await asyncio.gather(*(store.write(fill({b"b%d" % i: b""})) for i in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [WriteFailed] * 3
    with pytest.raises(WriteFailed, match="restart"):
        await store.read(everything)
    with pytest.raises(WriteFailed, match="restart"):
        await store.write(fill({b"c": b""}))
    await store.close()
    again = _open(tmp_path, "strict")
    assert await again.read(lambda tx: tx.get(b"a")) == b"1"
    await again.close()
