"""A running node's socket: who asks gets a backup; whatever goes wrong harms neither side."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from lambent.archive.control import BACKUPS_MAX, SOCKET, NobodyThere, ask_backup, serve_control
from lambent.archive.errors import BackupFailed, Damaged
from lambent.archive.items import Totals
from lambent.archive.stream import decode
from lambent.archive.target import Target
from lambent.kv.keys import pack
from tests.archive.clouds import Cloud, Thing, gathered, named, things

Maker = Callable[..., Cloud]


@pytest.fixture(params=["short", "long"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A socket's path, also one that the kernel does not take as it is."""
    folder = tmp_path / ("x" * (200 if request.param == "long" else 1))
    folder.mkdir()
    return folder / SOCKET


async def test_a_backup_comes_through_the_socket(make: Maker, path: Path) -> None:
    source, target = make("rocks"), make("memory", arriving=True)
    for number in range(20):
        await source.keep(str(number), bytes(number * 50_000))
    server = await serve_control(source, named, path)
    assert os.stat(path).st_mode & 0o777 == 0o600
    data = await ask_backup(path, skip_missing=False)
    assert (await Target(target.store, target.blobs, target.clock).fill(decode(data))).blobs == 20
    assert await target.contents() == await source.contents()
    await server.close()
    assert os.listdir(path.parent) == []
    await source.close()


@pytest.mark.slow
async def test_two_may_ask_at_once_and_slow_readers_keep_nobody_from_anything(make: Maker, path: Path) -> None:
    source = make("rocks")
    for number in range(20):
        await source.store.write(lambda tx, n=number: tx.put(pack(("test.big", n)), os.urandom(1_000_000)))
    server = await serve_control(source, named, path)
    slow = [await ask_backup(path, skip_missing=False) for _ in range(BACKUPS_MAX)]
    for stream in slow:
        await anext(stream)
    for _ in range(10):
        with pytest.raises(BackupFailed, match="2 backups of this cloud are under way already"):
            await gathered(decode(await ask_backup(path, skip_missing=False)))
    await slow[0].aclose()
    await asyncio.wait(server.talks, return_when=asyncio.FIRST_COMPLETED)
    found = await gathered(decode(await ask_backup(path, skip_missing=False)))
    assert found[-1] == Totals(keys=20)
    await server.close()
    await slow[1].aclose()
    await source.close()


async def test_nobody_listens_where_a_node_died_and_the_next_one_takes_over(make: Maker, path: Path) -> None:
    with pytest.raises(NobodyThere):
        await ask_backup(path, skip_missing=False)
    left = socket.socket(socket.AF_UNIX)
    folder = os.open(path.parent, os.O_PATH)
    left.bind(f"/proc/self/fd/{folder}/{SOCKET}")
    os.close(folder)
    left.close()
    with pytest.raises(NobodyThere):
        await ask_backup(path, skip_missing=False)
    source = make("memory")
    server = await serve_control(source, named, path)
    assert (await gathered(decode(await ask_backup(path, skip_missing=False))))[-1] == Totals()
    await server.close()


@pytest.mark.slow
async def test_a_node_that_stops_says_nothing_of_a_complete_backup(make: Maker, path: Path) -> None:
    source = make("rocks")
    for number in range(20):
        await source.store.write(lambda tx, n=number: tx.put(pack(("test.big", n)), os.urandom(1_000_000)))
    server = await serve_control(source, named, path)
    data = await ask_backup(path, skip_missing=False)
    first = await anext(data)
    await server.close()
    await source.close()  # nothing reads the store any more

    async def rest() -> object:
        yield first
        async for chunk in data:
            yield chunk

    with pytest.raises(Damaged, match="ends before it is complete"):
        await gathered(decode(rest()))


@pytest.mark.slow
async def test_a_client_that_goes_away_ends_its_backup(make: Maker, path: Path) -> None:
    source = make("rocks")
    for number in range(20):
        await source.store.write(lambda tx, n=number: tx.put(pack(("test.big", n)), os.urandom(1_000_000)))
    server = await serve_control(source, named, path)
    data = await ask_backup(path, skip_missing=False)
    await anext(data)
    await data.aclose()
    await asyncio.gather(*server.talks, return_exceptions=True)
    assert (await gathered(decode(await ask_backup(path, skip_missing=False))))[-1] == Totals(keys=20)
    await server.close()
    await source.close()


async def test_a_missing_blob_is_said_through_the_socket(make: Maker, path: Path) -> None:
    source = make("memory")
    await source.store.write(lambda tx: things.put(tx, Thing("ab" * 16), "lost"))
    server = await serve_control(source, named, path)
    with pytest.raises(BackupFailed, match=f"the blob {'ab' * 16} is named but not there"):
        await gathered(decode(await ask_backup(path, skip_missing=False)))
    found = await gathered(decode(await ask_backup(path, skip_missing=True)))
    assert found[-1] == Totals(keys=1, missing=1)
    await server.close()


@pytest.mark.parametrize("request_line", [b"restore\n", b"\n", b"\xff\xfe\n", b"backup and more\n", b"x" * 5000])
async def test_a_request_that_the_node_does_not_know_is_refused(make: Maker, path: Path, request_line: bytes) -> None:
    server = await serve_control(make("memory"), named, path)
    folder = os.open(path.parent, os.O_PATH)
    reader, writer = await asyncio.open_unix_connection(f"/proc/self/fd/{folder}/{SOCKET}")
    writer.write(request_line)
    writer.write_eof()
    answer = await reader.read()
    assert b"does not know the request" in answer or (answer == b"" and len(request_line) > 1000)
    writer.close()
    os.close(folder)
    await server.close()
