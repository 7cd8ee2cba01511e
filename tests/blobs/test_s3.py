"""What only an object store has: a bucket that may not be ours, networks that break, uploads in parts."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lambent.blobs.errors import BlobsError, BlobsUnreachable
from lambent.contracts.clock import ManualClock, SystemClock
from lambent.contracts.ids import Ids
from tests.blobs.conftest import Closable, in_bucket, open_blobs
from tests.blobs.proxy import Proxy
from tests.blobs.seaweed import SECRET_KEY, Seaweed
from tests.blobs.test_contract import content, data_of, stream

aiohttp = pytest.importorskip("aiohttp", reason="aiohttp is not installed")

from lambent.blobs.s3 import S3Blobs, answers, bodies, bucket  # noqa: E402
from lambent.blobs.s3.client import Client, Limits  # noqa: E402

pytestmark = pytest.mark.slow

MEBIBYTE = 1024 * 1024
LARGE = 20 * MEBIBYTE + 3
SHORT = Limits(patience_s=2.0, silence_s=0.8, connect_s=0.5)


@pytest.fixture
def blobs(s3_url: str, clock: ManualClock, opened: list[Closable]) -> S3Blobs:
    """Blobs in an empty prefix; what is released goes at once."""
    found = in_bucket(s3_url, clock)
    opened.append(found)
    return found


@pytest.fixture(params=["s3_url", pytest.param("own_s3_url", marks=pytest.mark.e2e)])
def either(request: pytest.FixtureRequest, clock: ManualClock, opened: list[Closable]) -> S3Blobs:
    """The same in SeaweedFS and in Lambent's own S3."""
    found = in_bucket(request.getfixturevalue(request.param), clock)
    opened.append(found)
    return found


def behind(proxy: Proxy, blobs: S3Blobs, opened: list[Closable], limits: Limits = SHORT) -> S3Blobs:
    """The same blobs through a proxy."""
    location = blobs.location
    url = f"s3://{location.bucket}/{location.prefix}?endpoint={proxy.endpoint}"
    keys = f"&access_key={location.access_key}&secret_key={location.secret_key.replace('=', '%3D')}"
    found = S3Blobs(url + keys, ManualClock(), Ids(), release_delay_s=0, limits=limits)
    opened.append(found)
    return found


async def keys_in(blobs: S3Blobs) -> list[str]:
    """The keys below the prefix, without it."""
    prefix = blobs.location.prefix
    answer = await blobs._client.call("GET", query={"list-type": "2", "prefix": prefix})
    return [item.key.removeprefix(prefix) for item in answers.objects(answer).items]


async def uploads_in(blobs: S3Blobs) -> int:
    """How many uploads are unfinished below the prefix."""
    answer = await blobs._client.call("GET", query={"uploads": "", "prefix": blobs.location.prefix})
    return len(answers.uploads(answer).items)


def resident_bytes() -> int:
    """How much memory this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


async def test_a_large_body_streams_both_ways_in_little_memory(blobs: S3Blobs) -> None:
    size, seen = 300 * MEBIBYTE, []
    piece = os.urandom(MEBIBYTE)
    sent, received = hashlib.md5(), hashlib.md5()

    async def body() -> AsyncIterator[bytes]:
        for number in range(size // MEBIBYTE):
            part = number.to_bytes(8, "big") + piece[8:]
            sent.update(part)
            seen.append(resident_bytes())
            yield part

    await blobs.write(stream(data_of(LARGE)))  # what is needed only once: connections, libraries
    before = resident_bytes()
    info = await blobs.write(body(), ("md5",))
    assert info.length == size
    assert info.digests["md5"] == sent.digest()
    async for part in blobs.slice(info.name, 0, size):
        received.update(part)
        seen.append(resident_bytes())
    assert received.digest() == sent.digest()
    assert max(seen) - before < 64 * MEBIBYTE


@pytest.mark.parametrize("size", [8 * MEBIBYTE, 8 * MEBIBYTE + 1, LARGE])
async def test_bodies_around_the_size_of_a_part(either: S3Blobs, size: int) -> None:
    data = data_of(size)
    info = await either.write(stream(data, 3_000_000), ("sha256", "crc32c"))
    assert info.digests["sha256"] == hashlib.sha256(data).digest()
    assert await either.read(info.name) == data
    assert await content(either.slice(info.name, 5, 8 * MEBIBYTE - 7)) == data[5 : 8 * MEBIBYTE - 2]
    assert await uploads_in(either) == 0


async def test_a_body_that_comes_as_one_piece(blobs: S3Blobs) -> None:
    data = data_of(LARGE)
    info = await blobs.write(stream(data, LARGE))
    assert await blobs.read(info.name) == data == await content(blobs.stream(info.name))
    with pytest.raises(KeyError):
        await content(blobs.stream("0" * 32))


@pytest.mark.parametrize("digests", [(), ("md5", "crc64nvme")])
async def test_the_store_copies_large_slices(either: S3Blobs, digests: tuple[str, ...]) -> None:
    data = data_of(LARGE)
    one = (await either.write(stream(data))).name
    two = (await either.write(stream(b"small" * 100))).name
    parts = [(one, 1, LARGE - 1), (two, 0, 500), (one, 0, 6 * MEBIBYTE), (two, 5, 10), (one, 0, 0)]
    info = await either.concat(parts, digests)
    whole = data[1:] + b"small" * 100 + data[: 6 * MEBIBYTE] + b"small" * 2
    assert info.length == len(whole)
    assert await either.read(info.name) == whole
    assert set(info.digests) == set(digests)
    if digests:
        assert info.digests["md5"] == hashlib.md5(whole).digest()
    assert await uploads_in(either) == 0


async def test_copies_of_what_is_not_there_leave_nothing(either: S3Blobs) -> None:
    name = (await either.write(stream(data_of(LARGE)))).name
    before = await keys_in(either)
    with pytest.raises(KeyError):
        await either.concat([(name, 0, LARGE), ("0" * 32, 0, LARGE)])
    for offset in (MEBIBYTE, LARGE, 2 * LARGE):
        with pytest.raises(ValueError):
            await either.concat([(name, 0, LARGE), (name, offset, LARGE)])
    await either._background.wait()
    assert await keys_in(either) == before
    assert await uploads_in(either) == 0


async def test_a_cancelled_write_leaves_nothing(either: S3Blobs) -> None:
    reached, never = asyncio.Event(), asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        async for piece in stream(data_of(LARGE)):
            yield piece
        reached.set()
        await never.wait()

    task = asyncio.create_task(either.write(stalling(), ("md5",)))
    await asyncio.wait_for(reached.wait(), 30)
    assert await uploads_in(either) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await either._background.wait()
    assert await uploads_in(either) == 0
    assert await keys_in(either) == ["lambent-cloud"]


@pytest.mark.parametrize("size", [1000, LARGE])
async def test_a_write_cancelled_at_any_await_leaves_nothing_or_a_blob(either: S3Blobs, size: int) -> None:
    for turns in range(1, 400, 37):
        task = asyncio.create_task(either.write(stream(data_of(size), MEBIBYTE)))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            either.release(task.result().name)
    await either._background.wait()
    assert await uploads_in(either) == 0
    assert await keys_in(either) == ["lambent-cloud"]


async def test_a_lost_answer_to_the_completion_is_no_loss(either: S3Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Client._once
    lost = []

    async def once(self: Client, method: str, key: str, query: dict[str, str], *rest: Any) -> answers.Answer:
        answer = await real(self, method, key, query, *rest)
        if method == "POST" and "uploadId" in query and not lost:
            lost.append(key)
            raise aiohttp.ServerDisconnectedError
        return answer

    monkeypatch.setattr(Client, "_once", once)
    info = await either.write(stream(data_of(LARGE)))
    assert lost
    assert await either.read(info.name) == data_of(LARGE)


async def test_released_blobs_go_in_few_requests(either: S3Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [(await either.write(stream(b"x"))).name for _ in range(30)]
    real = Client.call
    deletions = []

    def call(self: Client, method: str, *rest: Any, **options: Any) -> Coroutine[Any, Any, answers.Answer]:
        if "delete" in (options.get("query") or {}):
            deletions.append(method)
        return real(self, method, *rest, **options)

    monkeypatch.setattr(Client, "call", call)
    for name in names:
        either.release(name)
    await either._background.wait()
    assert await keys_in(either) == ["lambent-cloud"]
    assert len(deletions) <= 2


async def test_a_collection_goes_page_by_page_and_ends_old_uploads(
    either: S3Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "LISTED_AT_ONCE", "3")
    names = [(await either.write(stream(b"x"))).name for _ in range(8)]
    for number in range(7):
        await either._client.call("POST", either._key(f"{number:032x}"), {"uploads": ""})
    await either._client.call("PUT", either._key("not-a-name"), body=(b"somebody else's",))
    assert await either.collect(names[:2]) == 0
    assert await either.collect(names[:2], grace_s=0) == 6
    assert await uploads_in(either) == 7
    assert await either.collect(names[:2], upload_grace_s=0) == 7
    assert await uploads_in(either) == 0
    assert len(await keys_in(either)) == 2 + 2


async def test_a_body_in_parts_must_be_older_than_uploads_get(either: S3Blobs) -> None:
    name = (await either.write(stream(data_of(LARGE)))).name
    assert await either.collect([], grace_s=0) == 0
    assert (await either.read(name))[:4] == data_of(4)
    assert await either.collect([], grace_s=0, upload_grace_s=0) == 1


async def test_what_cannot_be_deleted_is_told(blobs: S3Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    await blobs.write(stream(b"x"))
    refused = b"""<?xml version="1.0"?><DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
        <Error><Key>blobs/1</Key><Code>AccessDenied</Code></Error></DeleteResult>"""
    real = Client._once

    async def once(self: Client, method: str, key: str, query: dict[str, str], *rest: Any) -> answers.Answer:
        answer = await real(self, method, key, query, *rest)
        return answer._replace(body=refused) if "delete" in query else answer

    monkeypatch.setattr(Client, "_once", once)
    with pytest.raises(BlobsError, match="1 of 1 blobs could not be deleted; the first is blobs/1: AccessDenied"):
        await blobs.collect([], grace_s=0)


async def test_closing_does_not_wait_for_a_store_that_hangs(
    blobs: S3Blobs, seaweed: Seaweed, opened: list[Closable]
) -> None:
    name = (await blobs.write(stream(b"x"))).name
    async with Proxy(seaweed.port) as proxy:
        far = behind(proxy, blobs, opened)
        await far.read(name)
        proxy.stall()
        far.release(name)
        assert await _elapsed(far.close()) < 5
    assert await blobs.read(name) == b"x"


async def test_errors_that_pass_are_waited_out(blobs: S3Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = b"<?xml version='1.0'?>\n<Error><Code>SlowDown</Code><Message>Reduce your\nrequest rate.</Message></Error>"
    real = Client._once
    failed: list[str] = []

    async def once(self: Client, method: str, *rest: Any) -> answers.Answer:
        if len(failed) < 3:
            failed.append(method)
            return answers.Answer((503, 200, 500)[len(failed) - 1], {}, busy)
        return await real(self, method, *rest)

    monkeypatch.setattr(Client, "_once", once)
    info = await blobs.write(stream(b"x"))
    assert failed == ["PUT"] * 3
    assert await blobs.read(info.name) == b"x"


async def test_a_body_goes_on_where_its_connection_broke(
    blobs: S3Blobs, opened: list[Closable], seaweed: Seaweed
) -> None:
    data = data_of(LARGE)
    name = (await blobs.write(stream(data))).name
    async with Proxy(seaweed.port) as proxy:
        far = behind(proxy, blobs, opened)
        proxy.cut_after_bytes = [100, 5_000_000, 5_000_000, 0, 0, 2_000_000]
        assert await far.read(name) == data
        assert proxy.connections == 7
        proxy.cut_after_bytes = [3_000_000]
        await far.close()
        assert await content(far.slice(name, 7, LARGE - 9)) == data[7:-2]
        proxy.cut_after_bytes = [1000] * 50
        await far.close()
        with pytest.raises(BlobsUnreachable, match="does not answer"):
            await far.read(name)
        assert proxy.connections < 20
        await far.close()


async def test_a_slow_reader_is_no_silence(blobs: S3Blobs, opened: list[Closable], seaweed: Seaweed) -> None:
    data = data_of(LARGE)
    name = (await blobs.write(stream(data))).name
    async with Proxy(seaweed.port) as proxy:
        far = behind(proxy, blobs, opened, Limits(patience_s=0.3, silence_s=0.1, connect_s=0.3))
        pieces = []
        async for piece in far.slice(name, 0, LARGE):
            if len(pieces) in (1, 5):
                await _passed(0.5)
            pieces.append(piece)
        assert b"".join(pieces) == data
        await far.close()


async def test_uploads_survive_connections_that_break(blobs: S3Blobs, opened: list[Closable], seaweed: Seaweed) -> None:
    data = data_of(LARGE)
    async with Proxy(seaweed.port) as proxy:
        far = behind(proxy, blobs, opened)

        async def body() -> AsyncIterator[bytes]:
            async for piece in stream(data, MEBIBYTE):
                yield piece
                proxy.cut()

        info = await far.write(body(), ("md5",))
        assert info.digests["md5"] == hashlib.md5(data).digest()
        assert await blobs.read(info.name) == data
        await far.close()


@pytest.mark.parametrize("how", ["stall", "refuse"])
async def test_a_store_cut_off_is_one_error_in_time_and_works_again_at_once(
    blobs: S3Blobs, opened: list[Closable], seaweed: Seaweed, how: str
) -> None:
    name = (await blobs.write(stream(data_of(LARGE)))).name
    async with Proxy(seaweed.port) as proxy:
        far = behind(proxy, blobs, opened)
        reader = far.slice(name, 0, LARGE)
        assert await anext(reader)
        if how == "stall":
            proxy.stall()
        else:
            await proxy.refuse()
            proxy.cut()
        work: list[Callable[[], Coroutine[Any, Any, Any]]] = [
            lambda: far.write(stream(b"x")),
            lambda: far.write(stream(data_of(LARGE)), ("md5",)),
            lambda: far.read(name),
            lambda: far.concat([(name, 0, LARGE)]),
            lambda: far.collect([]),
            lambda: content(reader),
        ]
        assert max(await asyncio.gather(*map(_unreachable, work))) < 4
        proxy.flow()
        if how == "refuse":
            await proxy.accept()
        assert await _elapsed(far.write(stream(b"x"))) < SHORT.silence_s  # on a connection that lives
        assert await far.read(name) == data_of(LARGE)
        await blobs.collect([name], grace_s=0, upload_grace_s=0)
        assert await uploads_in(blobs) == 0
        assert await keys_in(blobs) == [f"blobs/{name}", "lambent-cloud"]


async def test_a_frozen_store_is_an_error_within_ten_seconds(
    blobs: S3Blobs, s3_url: str, clock: ManualClock, seaweed: Seaweed
) -> None:
    name = (await blobs.write(stream(data_of(LARGE)))).name
    far = S3Blobs(s3_url, clock, Ids())
    seaweed.freeze()
    try:
        work: list[Callable[[], Coroutine[Any, Any, Any]]] = [
            lambda: far.write(stream(data_of(LARGE))),
            lambda: far.read(name),
        ]
        times_s = await asyncio.gather(*map(_unreachable, work))
    finally:
        seaweed.thaw()
    assert max(times_s) < 12
    assert await far.read(name) == data_of(LARGE)
    await far.close()


async def test_a_bucket_belongs_to_one_cloud(s3_url: str, seaweed: Seaweed, opened: list[Closable]) -> None:
    clock = SystemClock()
    first = await open_blobs(s3_url, "one", clock, Ids())
    name = (await first.write(stream(b"x"))).name
    again = await open_blobs(s3_url, "one", clock, Ids())
    opened += [first, again]
    assert await again.read(name) == b"x"
    with pytest.raises(
        BlobsError, match=r"^s3://lambent/.* belongs to another cloud \(one; this one is two\)"
    ) as error:
        await open_blobs(s3_url, "two", clock, Ids())
    assert "\n" not in str(error.value)
    assert await again.read(name) == b"x"


async def test_a_collector_removes_nothing_from_a_bucket_that_became_anothers(
    s3_url: str, opened: list[Closable]
) -> None:
    first = await open_blobs(s3_url, "one", SystemClock(), Ids())
    opened.append(first)
    name = (await first.write(stream(b"x"))).name

    async def nothing() -> set[str]:
        return set()

    marker = first.location.prefix + bucket.MARKER
    await first._client.call("DELETE", marker)
    second = await open_blobs(s3_url, "two", SystemClock(), Ids())
    opened.append(second)
    with pytest.raises(BlobsError, match="belongs to another cloud"):
        await first.collect(nothing, grace_s=0)
    assert await first.read(name) == b"x"


async def test_of_two_clouds_that_come_at_once_one_gets_the_bucket(s3_url: str, opened: list[Closable]) -> None:
    clouds = [f"cloud-{number}" for number in range(4)]
    found = await asyncio.gather(
        *(open_blobs(s3_url, cloud, SystemClock(), Ids()) for cloud in clouds), return_exceptions=True
    )
    assert sum(isinstance(each, S3Blobs) for each in found) == 1
    assert sum(isinstance(each, BlobsError) for each in found) == 3
    opened += [each for each in found if isinstance(each, S3Blobs)]


async def test_a_missing_bucket_is_created_and_told_once(
    seaweed: Seaweed, caplog: pytest.LogCaptureFixture, opened: list[Closable]
) -> None:
    for _ in range(2):
        opened.append(await open_blobs(seaweed.bucket_url("made-by-a-test"), "one", SystemClock(), Ids()))
    assert [record.getMessage() for record in caplog.records] == [
        "the bucket made-by-a-test did not exist and was created"
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("access_key=AKIA", "access_key=AKIB"), "the keys for s3://never at .* are not accepted: InvalidAccessKeyId"),
        (("secret_key=a", "secret_key=b"), "the keys for s3://never at .* are not accepted: SignatureDoesNotMatch"),
        (("127.0.0.1", "no-such-host.invalid"), "does not answer: the name no-such-host.invalid is unknown"),
    ],
)
async def test_what_cannot_be_opened_is_one_line_and_nothing_is_written(
    seaweed: Seaweed, opened: list[Closable], change: tuple[str, str], message: str
) -> None:
    with pytest.raises(BlobsError, match=message) as error:
        await open_blobs(seaweed.bucket_url("never").replace(*change), "one", SystemClock(), Ids())
    assert "\n" not in str(error.value)
    assert SECRET_KEY not in str(error.value)
    never = S3Blobs(seaweed.bucket_url("never"), SystemClock(), Ids())
    opened.append(never)
    with pytest.raises(BlobsError, match="NoSuchBucket"):
        await never._client.call("GET")


async def test_a_clock_that_is_wrong_is_corrected_by_the_stores(
    blobs: S3Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs._client._signer.correct(datetime.now(UTC) - timedelta(hours=2))
    assert (await blobs.write(stream(b"x"))).length == 1


async def _passed(time_s: float) -> None:
    """Let real time pass, as a reader does who is busy elsewhere."""
    done = asyncio.Event()
    asyncio.get_running_loop().call_later(time_s, done.set)
    await done.wait()


async def _elapsed(work: Coroutine[Any, Any, Any]) -> float:
    start_s = asyncio.get_running_loop().time()
    await work
    return asyncio.get_running_loop().time() - start_s


async def _unreachable(start: Callable[[], Coroutine[Any, Any, Any]]) -> float:
    """How long it takes to fail, with one clear line."""
    start_s = asyncio.get_running_loop().time()
    with pytest.raises(
        BlobsUnreachable, match=r"^the store of blobs at http://127\.0\.0\.1:[0-9]+ does not answer: "
    ) as error:
        await start()
    assert "\n" not in str(error.value)
    return asyncio.get_running_loop().time() - start_s
