"""API keys, usage plans, quotas and throttling."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lambent.contracts.ports import Transaction
from lambent.execute.rest import admission
from lambent.execute.rest.usage import day_of, left, period_of
from lambent.execute.throttle import Buckets
from lambent.services.apigateway import keys
from lambent.services.apigateway.model import (
    ApiKey,
    Authorizer,
    Mark,
    MethodSettings,
    PlanKey,
    PlanStage,
    Quota,
    Throttle,
    UsagePlan,
    Used,
)
from tests.execute.rest.making import INVOCATIONS, Functions, Making, header, json, mock
from tests.execute.rest.test_authorization import grant
from tests.support import ACCOUNT, REGION, TestCloud

S = 1_000_000_000
DAY = 86_400 * S


def test_buckets_fill_up_with_time() -> None:
    buckets = Buckets()
    assert [buckets.take("a", 2.0, 3, 0) for _ in range(4)] == [True, True, True, False]
    assert buckets.take("b", 2.0, 3, 0), "another key has its own"
    assert not buckets.take("a", 2.0, 3, S // 4)
    assert buckets.take("a", 2.0, 3, S // 2)
    assert not buckets.take("a", 2.0, 3, S // 2)
    assert [buckets.take("a", 2.0, 3, 100 * S) for _ in range(4)] == [True, True, True, False]
    assert not buckets.take("none", 0.0, 0, 100 * S)


def test_buckets_are_bounded() -> None:
    buckets = Buckets()
    for number in range(25_000):
        buckets.take(number, 1.0, 1, number)
    assert len(buckets._found) <= 20_000
    assert not buckets.take(24_999, 1.0, 1, 24_999), "those in use stay"


async def test_a_method_and_its_stage_are_throttled() -> None:
    cloud = TestCloud()
    making = Making(cloud)
    making.method("/a", "GET", mock("{}"))
    making.method("/b", "GET", mock("{}"))
    settings = {
        "*/*": MethodSettings(throttling_rate=1.0, throttling_burst=2),
        "~1b/GET": MethodSettings(throttling_rate=1.0, throttling_burst=1),
    }
    await making.deploy(settings=settings)

    async def statuses(path: str, count: int) -> list[int]:
        return [(await making.ask("GET", path)).status for _ in range(count)]

    assert await statuses("/a", 3) == [200, 200, 429]
    assert await statuses("/b", 2) == [200, 429]
    answer = await making.ask("GET", "/b")
    assert json(answer) == {"message": "Too Many Requests"}
    assert header(answer, "x-amzn-ErrorType") == "TooManyRequestsException"
    cloud.clock.advance(S)
    assert await statuses("/b", 2) == [200, 429]


async def keyed(cloud: TestCloud, plan: UsagePlan | None = None, **key: Any) -> Making:
    """An API whose GET / wants the key `secret`, of the plan."""
    making = Making(cloud)
    making.method("/", "GET", mock("$context.identity.apiKeyId"), api_key_required=True)
    await making.deploy()
    record = ApiKey(id="k1", value="secret", name="it", **{"enabled": True, "created_ms": 0, "updated_ms": 0, **key})

    def write(tx: Transaction) -> None:
        keys.api_keys.put(tx, record, ACCOUNT, REGION, "k1")
        keys.key_values.put(tx, keys.Owner(account=ACCOUNT, region=REGION, id="k1"), "secret")
        if plan is not None:
            keys.plans.put(tx, plan, ACCOUNT, REGION, plan.id)
            keys.plan_keys.put(tx, PlanKey("it"), plan.id, "k1")
            keys.key_plans.put(tx, Mark(), "k1", plan.id)

    await cloud.store.write(write)
    return making


def plan(**fields: Any) -> UsagePlan:
    stages = (PlanStage(api="abcdefghij", stage="dev"),)
    return UsagePlan(id="p1", name="p", **{"stages": stages, **fields})


SECRET = {"x-api-key": "secret"}


async def test_a_key_of_a_plan_opens_the_stage() -> None:
    making = await keyed(TestCloud(), plan())
    assert (await making.ask("GET", "", headers=SECRET)).body == b"k1"
    for headers in ({}, {"x-api-key": "other"}):
        answer = await making.ask("GET", "", headers=headers)
        assert (answer.status, json(answer)) == (403, {"message": "Forbidden"})
        assert header(answer, "x-amzn-ErrorType") == "ForbiddenException"


async def test_keys_that_open_nothing() -> None:
    assert (await (await keyed(TestCloud(), plan(), enabled=False)).ask("GET", "", headers=SECRET)).status == 403
    assert (await (await keyed(TestCloud(), plan(stages=()))).ask("GET", "", headers=SECRET)).status == 403
    assert (await (await keyed(TestCloud())).ask("GET", "", headers=SECRET)).status == 403
    old = await keyed(TestCloud(), stages=("abcdefghij/dev",))
    assert (await old.ask("GET", "", headers=SECRET)).status == 200


async def test_plans_throttle_keys() -> None:
    making = await keyed(TestCloud(), plan(throttle=Throttle(burst=2, rate=1.0)))
    answers = [await making.ask("GET", "", headers=SECRET) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert json(answers[2]) == {"message": "Too Many Requests"}
    own = PlanStage(api="abcdefghij", stage="dev", throttle={"//GET": Throttle(burst=1, rate=1.0)})
    making = await keyed(TestCloud(), plan(throttle=Throttle(burst=5, rate=1.0), stages=(own,)))
    answers = [await making.ask("GET", "", headers=SECRET) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 429], "a method's own limit counts in the place of the plan's"


async def test_quotas_are_exact_on_a_node_however_many_ask_at_once() -> None:
    cloud = TestCloud()
    making = await keyed(cloud, plan(quota=Quota(limit=7, period="DAY")))
    one = [await making.ask("GET", "", headers=SECRET) for _ in range(3)]
    many = await asyncio.gather(*(making.ask("GET", "", headers=SECRET) for _ in range(10)))
    statuses = [answer.status for answer in [*one, *many]]
    assert sorted(statuses) == [200] * 7 + [429] * 6
    refused = next(answer for answer in many if answer.status == 429)
    assert json(refused) == {"message": "Limit Exceeded"}
    assert header(refused, "x-amzn-ErrorType") == "LimitExceededException"
    await settle(cloud)
    day = day_of(cloud.clock.now_ns())
    assert await cloud.store.read(lambda tx: keys.used.get(tx, "p1", "k1", day)) == Used(count=7)
    cloud.clock.advance(DAY)
    assert (await making.ask("GET", "", headers=SECRET)).status == 200, "a new day"


async def settle(cloud: TestCloud) -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_is_counted_without_a_quota_is_counted_too() -> None:
    cloud = TestCloud()
    making = await keyed(cloud, plan())
    for _ in range(5):
        assert (await making.ask("GET", "", headers=SECRET)).status == 200
    await settle(cloud)
    day = day_of(cloud.clock.now_ns())
    assert await cloud.store.read(lambda tx: keys.used.get(tx, "p1", "k1", day)) == Used(count=5)


async def test_another_nodes_count_is_seen() -> None:
    cloud = TestCloud()
    making = await keyed(cloud, plan(quota=Quota(limit=2, period="MONTH")))
    other = TestCloud(2, beside=cloud)
    beside = Making(other)
    assert (await making.ask("GET", "", headers=SECRET)).status == 200
    await settle(cloud)
    assert (await beside.ask("GET", "", headers=SECRET)).status == 200
    await settle(cloud)
    assert (await making.ask("GET", "", headers=SECRET)).status == 429
    assert (await beside.ask("GET", "", headers=SECRET)).status == 429


async def test_what_is_left_of_a_period() -> None:
    cloud = TestCloud()
    days = {"2023-10-31": Used(50), "2023-11-12": Used(3), "2023-11-13": Used(4), "2023-11-14": Used(5)}

    def write(tx: Transaction) -> None:
        for day, used in days.items():
            keys.used.put(tx, used, "p", "k", day)

    await cloud.store.write(write)

    async def rest(period: str, day: str = "2023-11-14") -> int:
        return await cloud.store.read(lambda tx: left(tx, "p", "k", Quota(limit=100, period=period), day))

    assert (await rest("DAY"), await rest("WEEK"), await rest("MONTH")) == (95, 91, 88)
    days["2023-11-13"] = Used(4, remaining=10)
    await cloud.store.write(write)
    assert (await rest("WEEK"), await rest("DAY")) == (5, 95), "what was granted anew is left, less what came later"
    assert period_of(Quota(period="WEEK"), "2023-11-14") == "2023-11-13"


async def test_an_authorizer_names_the_key() -> None:
    cloud = TestCloud()
    making = await keyed(cloud, plan())
    answers = [grant(usageIdentifierKey="secret"), grant(usageIdentifierKey="other"), grant()]
    cloud.targets["lambda"] = Functions(auth=lambda event: answers.pop(0))  # type: ignore[assignment]
    making = Making(cloud, api_key_source="AUTHORIZER")
    one = Authorizer(id="auth", name="auth", type="TOKEN", uri=INVOCATIONS % "auth", ttl_s=0)
    making.parts["authorizers"] = {"auth": one}
    making.method("/", "GET", mock("{}"), authorization="CUSTOM", authorizer_id="auth", api_key_required=True)
    await making.deploy(deployment="d2")
    headers = {"Authorization": "x", **SECRET}
    assert [(await making.ask("GET", "", headers=headers)).status for _ in range(3)] == [200, 403, 403]


async def test_the_account_has_a_limit_for_all_its_apis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "ACCOUNT_BURST", 3.0)
    monkeypatch.setattr(admission, "ACCOUNT_RATE", 1.0)
    cloud = TestCloud()
    first = Making(cloud)
    first.method("/", "GET", mock("{}"))
    await first.deploy()
    room = cloud.targets["apigateway"]
    second = Making(cloud, "zyxwvutsrq")
    cloud.targets["apigateway"] = room
    second.method("/", "GET", mock("{}"))
    await second.deploy()
    assert [(await making.ask("GET", "")).status for making in (first, second, first, second)] == [200, 200, 200, 429]
    cloud.clock.advance(S)
    assert [(await making.ask("GET", "")).status for making in (first, second)] == [200, 429]
