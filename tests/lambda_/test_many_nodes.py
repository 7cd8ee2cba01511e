"""One cloud, two nodes: what one of them is told, the other one knows; what one leaves, the other one does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lambent.contracts.functions import FunctionSpec, Invocation, Outcome
from lambent.contracts.http import FileSlice, Request
from lambent.kv.outbox import LEASE_NS
from lambent.services.lambda_ import LambdaHost, downloads
from lambent.services.lambda_.names import Ref
from lambent.services.lambda_.running import choose, spec
from tests.support import ACCOUNT, REGION

from .support import NAME, SECOND_NS, LambdaCloud, zipped


def run(test: Callable[[LambdaCloud, LambdaCloud], Awaitable[None]]) -> None:
    async def body() -> None:
        first = LambdaCloud()
        second = LambdaCloud(beside=first)
        await first.begin()
        await test(first, second)

    asyncio.run(body())


async def turns() -> None:
    """Let what is under way in memory come to its end."""
    for _ in range(30):
        await asyncio.sleep(0)


def test_a_change_on_one_node_is_heard_on_the_other() -> None:
    async def body(first: LambdaCloud, second: LambdaCloud) -> None:
        heard = 0

        def changed() -> None:
            nonlocal heard
            heard += 1

        host = LambdaHost(second)
        host.watch(changed)
        await first.create(FunctionName="other")
        await first.lambda_("PublishVersion", FunctionName=NAME)
        await turns()
        assert heard == 0
        other, warm = await second.spec("other"), await second.spec()
        version = await second.store.read(lambda tx: choose(tx, Ref(ACCOUNT, REGION, NAME, "1"), second.ids))
        published = spec(version.function, version.config)
        assert await host.outdated([warm, other, published]) == []
        await first.lambda_("UpdateFunctionCode", FunctionName=NAME, ZipFile=zipped("new.py"))
        await turns()
        assert heard == 1
        assert await host.outdated([warm, other, published]) == [warm]
        await first.lambda_("UpdateFunctionConfiguration", FunctionName="other", Timeout=4)
        await first.lambda_("DeleteFunction", FunctionName=NAME)
        await turns()
        assert heard == 3
        assert await host.outdated([warm, other, published, await second.spec("other")]) == [warm, other, published]
        await host.close()
        await first.lambda_("DeleteFunction", FunctionName="other")
        await turns()
        assert heard == 3

    run(body)


def test_the_next_call_on_the_other_node_runs_the_new_code() -> None:
    async def body(first: LambdaCloud, second: LambdaCloud) -> None:
        await second.invoke()
        await first.lambda_("UpdateFunctionCode", FunctionName=NAME, ZipFile=zipped("new.py"))
        await second.invoke()
        old, new = (function for function, _ in second.compute.calls)
        assert old.code != new.code
        assert old.revision != new.revision

    run(body)


def test_an_event_is_run_by_another_node_than_the_one_that_took_it() -> None:
    async def body(first: LambdaCloud, second: LambdaCloud) -> None:
        first.compute.behave = never
        await first.relay.stop()
        await first.invoke({"n": 1}, InvocationType="Event")
        await second.relay.start()
        assert second.compute.calls == []
        second.clock.advance(LEASE_NS + SECOND_NS)
        await second.relay.settled()
        [(function, invocation)] = second.compute.calls
        assert (function.name, invocation.payload) == (NAME, b'{"n": 1}')

    run(body)


def never(spec: FunctionSpec, invocation: Invocation) -> Outcome:
    """A compute room that must not be called."""
    raise AssertionError("this node does not run it")


def test_an_archive_that_one_node_took_can_be_had_from_the_other(tmp_path: Path) -> None:
    async def body(first: LambdaCloud, second: LambdaCloud) -> None:
        found = await first.lambda_("GetFunction", FunctionName=NAME)
        address = urlsplit(found["Code"]["Location"])
        answer = await downloads.serve(second, Request("GET", address.path, address.query))
        assert answer.status == 200
        assert not isinstance(answer.body, bytes | FileSlice)
        assert b"".join([piece async for piece in answer.body]) == zipped()
        function = await second.spec()
        await LambdaHost(second).fetch(function.code, str(tmp_path / "zip"), function.code_bytes)
        assert (tmp_path / "zip").read_bytes() == zipped()
        later = second.clock.now_ns() + downloads.LIFETIME_S * SECOND_NS
        second.clock.advance(later - second.clock.now_ns())
        assert (await downloads.serve(second, Request("GET", address.path, address.query))).status == 403

    run(body)


class LateBlobs:
    """Bodies that are far away: what is not there shows only when it is read, and pieces come one by one."""

    def __init__(self, bodies: dict[str, list[bytes]]) -> None:
        self.bodies = bodies
        self.ended = 0

    async def slice(self, name: str, offset: int, length: int) -> AsyncIterator[bytes]:
        """The whole body, which is all that is asked for here."""
        try:
            for piece in self.bodies[name]:
                yield piece
                await asyncio.sleep(0)
        finally:
            self.ended += 1


def test_a_body_that_is_gone_is_not_found_however_late_that_shows() -> None:
    async def body(first: LambdaCloud, second: LambdaCloud) -> None:
        found = await first.lambda_("GetFunction", FunctionName=NAME)
        address = urlsplit(found["Code"]["Location"])
        late = LateBlobs({})
        second.blobs = late  # type: ignore[assignment]
        assert (await downloads.serve(second, Request("GET", address.path, address.query))).status == 404
        function = await second.spec()
        late.bodies[function.code] = [b"x" * 10, b"y" * 10]
        answer = await downloads.serve(second, Request("GET", address.path, address.query))
        assert not isinstance(answer.body, bytes | FileSlice)
        pieces = aiter(answer.body)
        assert await anext(pieces) == b"x" * 10
        await pieces.aclose()  # type: ignore[attr-defined]
        assert late.ended == 2
        with pytest.raises(KeyError):
            await LambdaHost(second).fetch("nowhere", "/dev/null", 1)

    run(body)


def test_code_is_written_as_it_comes(tmp_path: Path) -> None:
    async def body(first: LambdaCloud, second: LambdaCloud) -> None:
        whole = [bytes([number]) * 300_000 for number in range(20)]
        second.blobs = LateBlobs({"far": whole})  # type: ignore[assignment]
        await LambdaHost(second).fetch("far", str(tmp_path / "zip"), 6_000_000)
        assert (tmp_path / "zip").read_bytes() == b"".join(whole)

    run(body)
