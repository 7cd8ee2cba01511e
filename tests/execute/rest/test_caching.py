"""The response cache."""

from __future__ import annotations

import itertools
from typing import Any

import orjson

from lambent.execute.caching import Kept
from lambent.services.apigateway.model import Integration, MethodSettings
from tests.execute.rest.making import Functions, Making, header, lambda_proxy
from tests.execute.rest.test_authorization import signed, user
from tests.support import ACCOUNT, REGION, TestCloud

S = 1_000_000_000


class Noted:
    """Metrics that are kept in a list."""

    def __init__(self) -> None:
        self.found: list[tuple[str, float, tuple[tuple[str, str], ...]]] = []

    def note(
        self,
        account: str,
        region: str,
        namespace: str,
        name: str,
        value: float,
        unit: str = "None",
        dimensions: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """One measurement."""
        assert (account, region, namespace) == (ACCOUNT, REGION, "AWS/ApiGateway")
        self.found.append((name, value, dimensions))

    def count(self, name: str) -> float:
        """The sum of a metric of the stage."""
        return sum(value for found, value, dimensions in self.found if found == name and len(dimensions) == 2)


async def counted(integration: Integration | None = None, **settings: Any) -> tuple[TestCloud, Making]:
    """A cached API whose function answers 1, 2, 3, ..."""
    cloud = TestCloud()
    cloud.metrics = Noted()
    numbers = itertools.count(1)
    cloud.targets["lambda"] = Functions(  # type: ignore[assignment]
        count=lambda event: {"statusCode": 404 if "none" in event["path"] else 200, "body": str(next(numbers))}
    )
    making = Making(cloud)
    making.method("/{id}", "ANY", integration or lambda_proxy("count"))
    own = MethodSettings(**{"caching": True, "cache_ttl_s": 10, **settings})
    await making.deploy(cache_enabled=True, cache_size="0.5", settings={"*/*": own})
    return cloud, making


async def body(making: Making, path: str, verb: str = "GET", **headers: str) -> bytes:
    answer = await making.ask(verb, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert isinstance(answer.body, bytes)
    return answer.body


async def test_answers_are_kept_by_their_key_parameters() -> None:
    names = ("method.request.path.id", "method.request.querystring.q", "method.request.header.x-a")
    cloud, making = await counted(lambda_proxy("count", cache_key_parameters=names))
    asked = [
        await body(making, "/a"),
        await body(making, "/a"),
        await body(making, "/b"),
        await body(making, "/a?q=1"),
        await body(making, "/a?q=1&other=2"),
        await body(making, "/a", x_a="1"),
        await body(making, "/a", x_a="1"),
        await body(making, "/a", verb="POST"),
        await body(making, "/a", verb="POST"),
    ]
    assert asked == [b"1", b"1", b"2", b"3", b"3", b"4", b"4", b"5", b"6"]
    cloud.clock.advance(10 * S)
    assert await body(making, "/a") == b"7"
    assert isinstance(cloud.metrics, Noted)
    assert (cloud.metrics.count("CacheHitCount"), cloud.metrics.count("CacheMissCount")) == (3, 5)
    assert cloud.metrics.count("Count") == 10


async def test_parameters_that_are_no_keys_do_not_count() -> None:
    _, making = await counted()
    assert [await body(making, path) for path in ("/a", "/b", "/a?q=1")] == [b"1", b"1", b"1"]


async def test_a_cached_answer_has_its_own_request_id() -> None:
    _, making = await counted()
    first, second = await making.ask("GET", "/a"), await making.ask("GET", "/a")
    assert first.body == second.body
    assert header(first, "x-amzn-RequestId") != header(second, "x-amzn-RequestId")
    assert len(first.headers) == len(second.headers)


async def test_errors_are_not_kept_and_a_flush_forgets() -> None:
    _, making = await counted(lambda_proxy("count", cache_key_parameters=("method.request.path.id",)))
    assert [await body(making, "/none"), await body(making, "/none")] == [b"1", b"2"]
    assert [await body(making, "/a"), await body(making, "/a")] == [b"3", b"3"]
    await making.stage(cache_flushed=1)
    assert await body(making, "/a") == b"4"


async def test_invalidation_needs_a_permission() -> None:
    fresh = {"Cache-Control": "max-age=0"}
    _, making = await counted(cache_authorization=False)
    assert [(await making.ask("GET", "/a", headers=fresh)).body for _ in range(2)] == [b"1", b"2"]
    assert await body(making, "/a") == b"2"
    _, making = await counted(cache_unauthorized="FAIL_WITH_403")
    assert (await making.ask("GET", "/a", headers=fresh)).status == 403
    _, making = await counted()
    answers = [await making.ask("GET", "/a", headers=fresh) for _ in range(2)]
    assert [answer.body for answer in answers] == [b"1", b"1"]
    assert header(answers[1], "Warning") is not None
    cloud, making = await counted(cache_unauthorized="SUCCEED_WITHOUT_RESPONSE_HEADER")
    assert header(await making.ask("GET", "/a", headers=fresh), "Warning") is None
    may = {"Effect": "Allow", "Action": "execute-api:InvalidateCache", "Resource": "*"}
    alice = await user(cloud, orjson.dumps({"Version": "2012-10-17", "Statement": [may]}).decode())
    answer = await signed(cloud, alice, "/a", **{"cache-control": "max-age=0"})
    assert answer.body == b"2"


async def test_a_method_can_be_left_out() -> None:
    _, making = await counted()
    own = MethodSettings(caching=False)
    await making.stage(settings={"*/*": MethodSettings(caching=True), "~1{id}/GET": own})
    assert [await body(making, "/a"), await body(making, "/a")] == [b"1", b"2"]


def test_what_is_kept_is_bounded() -> None:
    kept: Kept[str] = Kept(bytes_max=2000, entries_max=3)
    for name in "abc":
        kept.put(name, name, 10)
    assert kept.get("a", 0) == "a"
    kept.put("d", "d", 10)
    assert [kept.get(name, 0) for name in "abcd"] == ["a", None, "c", "d"]
    kept.put("large", "x", 10, 1200)
    assert len(kept) == 1
    kept.put("too large", "x", 10, 4000)
    assert kept.get("too large", 0) is None
    assert kept.get("large", 10) is None, "its time is over"
