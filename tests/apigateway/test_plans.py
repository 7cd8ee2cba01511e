"""Usage plans, API keys and how much of them is used."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lambent.contracts.errors import ServiceError
from lambent.services.apigateway import keys
from lambent.services.apigateway.model import Quota, RestApi, Stage, Used
from lambent.services.apigateway.quotas import day_of, left
from tests.support import ACCOUNT, REGION, TestCloud

DAY_NS = 86_400 * 10**9


class Cloud(TestCloud):
    """A cloud with an API `a1` that has the stages dev and prod."""

    __test__ = False

    async def v1(self, operation: str, **params: Any) -> dict[str, Any]:
        answer = await self.call("apigateway", operation, **params)
        answer.pop("ResponseMetadata", None)
        return answer

    async def refused(self, operation: str, **params: Any) -> tuple[str, str]:
        with pytest.raises(ServiceError) as failed:
            await self.v1(operation, **params)
        return failed.value.code, failed.value.message

    async def made(self) -> None:
        def write(tx: Any) -> None:
            api = RestApi(id="a1", account=ACCOUNT, region=REGION, name="shop", root="r", created_ms=0)
            keys.apis.put(tx, api, ACCOUNT, REGION, "a1")
            for name in ("dev", "prod"):
                keys.stages.put(tx, Stage(name=name, deployment="d", created_ms=0, updated_ms=0), "a1", name)

        await self.store.write(write)


def run(body: Callable[[Cloud], Awaitable[None]]) -> None:
    async def main() -> None:
        cloud = Cloud()
        await cloud.made()
        await body(cloud)

    asyncio.run(main())


def test_the_life_of_a_plan() -> None:
    async def body(cloud: Cloud) -> None:
        stages = [{"apiId": "a1", "stage": "dev"}]
        made = await cloud.v1("CreateUsagePlan", name="gold", description="all", apiStages=stages)
        id = made["id"]
        assert made == {"id": id, "name": "gold", "description": "all", "apiStages": stages}
        assert await cloud.v1("GetUsagePlan", usagePlanId=id) == {**made, "tags": {}}
        assert await cloud.v1("GetUsagePlans") == {"items": [made]}
        patches = [
            {"op": "replace", "path": "/throttle/burstLimit", "value": "100"},
            {"op": "replace", "path": "/throttle/rateLimit", "value": "200"},
            {"op": "replace", "path": "/quota/limit", "value": "5000"},
            {"op": "replace", "path": "/quota/period", "value": "MONTH"},
        ]
        assert await cloud.v1("UpdateUsagePlan", usagePlanId=id, patchOperations=patches) == {
            **made,
            "tags": {},
            "quota": {"limit": 5000, "offset": 0, "period": "MONTH"},
            "throttle": {"burstLimit": 100, "rateLimit": 200.0},
        }

    run(body)


def test_stages_of_a_plan_must_be_there() -> None:
    async def body(cloud: Cloud) -> None:
        id = (await cloud.v1("CreateUsagePlan", name="gold", apiStages=[{"apiId": "a1", "stage": "dev"}]))["id"]

        async def patched(op: str, value: str | None) -> tuple[str, str]:
            patch = {"op": op, "path": "/apiStages"} | ({"value": value} if value is not None else {})
            return await cloud.refused("UpdateUsagePlan", usagePlanId=id, patchOperations=[patch])

        assert await patched("add", None) == ("BadRequestException", "Invalid API Stage specified")
        assert await patched("add", "a1") == ("BadRequestException", "Invalid API Stage specified")
        assert await patched("add", "a1b:dev") == (
            "NotFoundException",
            f"Invalid API Stage {{api: a1b, stage: dev}} specified for usageplan {id}",
        )
        assert await patched("add", "a1:no") == (
            "NotFoundException",
            f"Invalid API Stage {{api: a1, stage: no}} specified for usageplan {id}",
        )
        gone = await cloud.refused("UpdateUsagePlan", usagePlanId="no", patchOperations=[])
        assert gone == ("NotFoundException", "Invalid Usage Plan ID specified")
        in_use = await cloud.refused("DeleteUsagePlan", usagePlanId=id)
        assert in_use == (
            "BadRequestException",
            f"Cannot delete Usage Plan {id} because there are API Stages associated with it, including a1:dev",
        )
        patch = [{"op": "remove", "path": "/apiStages", "value": "a1:dev"}]
        await cloud.v1("UpdateUsagePlan", usagePlanId=id, patchOperations=patch)
        await cloud.v1("DeleteUsagePlan", usagePlanId=id)
        assert await cloud.v1("GetUsagePlans") == {"items": []}

    run(body)


@pytest.mark.parametrize("method", ["/books/GET", "~1books/GET", "~1books~1GET"])
def test_a_method_of_a_stage_has_limits_of_its_own(method: str) -> None:
    async def body(cloud: Cloud) -> None:
        id = (await cloud.v1("CreateUsagePlan", name="gold", apiStages=[{"apiId": "a1", "stage": "dev"}]))["id"]
        path = f"/apiStages/a1:dev/throttle/{method}"
        patches = [
            {"op": "add", "path": path + "/rateLimit", "value": "2.5"},
            {"op": "replace", "path": path + "/burstLimit", "value": "5"},
        ]
        changed = await cloud.v1("UpdateUsagePlan", usagePlanId=id, patchOperations=patches)
        limits = {"/books/GET": {"burstLimit": 5, "rateLimit": 2.5}}
        assert changed["apiStages"] == [{"apiId": "a1", "stage": "dev", "throttle": limits}]
        patches = [{"op": "remove", "path": path}]
        changed = await cloud.v1("UpdateUsagePlan", usagePlanId=id, patchOperations=patches)
        assert changed["apiStages"] == [{"apiId": "a1", "stage": "dev"}]

    run(body)


@pytest.mark.parametrize(
    ("quota", "text"),
    [
        (
            {"limit": 5, "period": "DAY", "offset": 1},
            "Usage Plan quota offset must be zero in the DAY period",
        ),
        (
            {"limit": 5, "period": "WEEK", "offset": 7},
            "Usage Plan quota offset must be between zero and six inclusive in the WEEK period",
        ),
        (
            {"limit": 5, "period": "MONTH", "offset": 28},
            "Usage Plan quota offset must be between zero and 27 inclusive in the MONTH period",
        ),
    ],
)
def test_quotas_that_cannot_be(quota: dict[str, Any], text: str) -> None:
    async def body(cloud: Cloud) -> None:
        assert await cloud.refused("CreateUsagePlan", name="x", quota=quota) == ("BadRequestException", text)

    run(body)


def test_keys() -> None:
    async def body(cloud: Cloud) -> None:
        made = await cloud.v1("CreateApiKey")
        assert len(made["value"]) == 40
        assert {name: made[name] for name in ("enabled", "stageKeys")} == {"enabled": False, "stageKeys": []}
        assert set(made) == {"id", "value", "enabled", "createdDate", "lastUpdatedDate", "stageKeys"}
        shown = await cloud.v1("GetApiKey", apiKey=made["id"])
        assert "value" not in shown
        assert shown["tags"] == {}
        assert (await cloud.v1("GetApiKey", apiKey=made["id"], includeValue=True))["value"] == made["value"]
        assert await cloud.refused("CreateApiKey", value="short") == (
            "BadRequestException",
            "API Key value should be at least 20 characters",
        )
        assert await cloud.refused("CreateApiKey", value="a" * 129) == (
            "BadRequestException",
            "API Key value exceeds maximum size of 128 characters",
        )
        assert await cloud.refused("CreateApiKey", value=made["value"]) == (
            "ConflictException",
            "API Key already exists",
        )
        assert await cloud.refused("GetApiKey", apiKey="no") == (
            "NotFoundException",
            "Invalid API Key identifier specified",
        )
        await cloud.v1("DeleteApiKey", apiKey=made["id"])
        assert await cloud.v1("GetApiKeys") == {"items": []}
        await cloud.v1("CreateApiKey", value=made["value"])

    run(body)


def test_pages_of_keys() -> None:
    async def body(cloud: Cloud) -> None:
        made = sorted([(await cloud.v1("CreateApiKey", name="k"))["id"] for _ in range(5)])
        for query in ({}, {"nameQuery": "k"}):
            found: list[str] = []
            position: dict[str, str] = {}
            while True:
                page = await cloud.v1("GetApiKeys", limit=2, **query, **position)
                found += [one["id"] for one in page["items"]]
                if "position" not in page:
                    break
                position = {"position": page["position"]}
            assert found == made
        assert (await cloud.refused("GetApiKeys", position="!"))[0] == "BadRequestException"

    run(body)


def test_changes_of_a_key() -> None:
    async def body(cloud: Cloud) -> None:
        id = (await cloud.v1("CreateApiKey", name="one", enabled=True))["id"]

        async def patched(path: str, value: str) -> dict[str, Any]:
            patches = [{"op": "replace", "path": path, "value": value}]
            return await cloud.v1("UpdateApiKey", apiKey=id, patchOperations=patches)

        assert (await patched("/name", "two"))["name"] == "two"
        assert (await patched("/enabled", "perhaps"))["enabled"] is False
        patches = [{"op": "replace", "path": "/id", "value": "x"}]
        assert await cloud.refused("UpdateApiKey", apiKey=id, patchOperations=patches) == (
            "BadRequestException",
            "Invalid patch path  '/id' specified for op 'replace'. Must be one of: [/description, /enabled, /name, "
            "/customerId]",
        )
        patches = [{"op": "replace", "path": "/description", "value": "a" * 125_001}]
        too_long = ("BadRequestException", "Invalid API Key description specified.")
        assert await cloud.refused("UpdateApiKey", apiKey=id, patchOperations=patches) == too_long
        assert await cloud.refused("CreateApiKey", description="a" * 125_001) == too_long

    run(body)


def test_keys_of_a_plan() -> None:
    async def body(cloud: Cloud) -> None:
        plan = (await cloud.v1("CreateUsagePlan", name="gold", apiStages=[{"apiId": "a1", "stage": "dev"}]))["id"]
        key = await cloud.v1("CreateApiKey", name="app-one")
        joined = await cloud.v1("CreateUsagePlanKey", usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
        assert joined == {"id": key["id"], "name": "app-one", "type": "API_KEY", "value": key["value"]}
        assert await cloud.v1("GetUsagePlanKeys", usagePlanId=plan, nameQuery="app") == {"items": [joined]}
        assert await cloud.v1("GetUsagePlanKeys", usagePlanId=plan, nameQuery="APP") == {"items": []}
        assert await cloud.v1("GetUsagePlanKeys", usagePlanId="no") == {"items": []}
        assert await cloud.v1("GetUsagePlanKey", usagePlanId=plan, keyId=key["id"]) == joined
        assert [one["id"] for one in (await cloud.v1("GetUsagePlans", keyId=key["id"]))["items"]] == [plan]
        other = (await cloud.v1("CreateUsagePlan", name="tin", apiStages=[{"apiId": "a1", "stage": "dev"}]))["id"]
        twice = await cloud.refused("CreateUsagePlanKey", usagePlanId=other, keyId=key["id"], keyType="API_KEY")
        assert twice[0] == "ConflictException"
        assert twice[1].endswith("cannot reference multiple Usage Plans with the same API stage: a1:dev")
        await cloud.v1("DeleteUsagePlanKey", usagePlanId=plan, keyId=key["id"])
        assert await cloud.v1("GetUsagePlanKeys", usagePlanId=plan) == {"items": []}
        await cloud.v1("CreateUsagePlanKey", usagePlanId=other, keyId=key["id"], keyType="API_KEY")
        await cloud.v1("DeleteApiKey", apiKey=key["id"])
        assert await cloud.v1("GetUsagePlanKeys", usagePlanId=other) == {"items": []}

    run(body)


def test_import_of_keys() -> None:
    async def body(cloud: Cloud) -> None:
        plan = (await cloud.v1("CreateUsagePlan", name="gold"))["id"]
        text = (
            "Name,key,description,Enabled,usageplanIds\n"
            f'first,{"a" * 20},An imported key,TRUE,"{plan}"\n'
            f"second,{'b' * 20},,FALSE,\n"
            f"third,{'a' * 20},,TRUE,\n"
        )
        made = await cloud.v1("ImportApiKeys", body=text.encode(), format="csv")
        assert len(made["ids"]) == 2
        assert made["warnings"] == ["API Key of row 3 already exists"]
        found = (await cloud.v1("GetApiKeys", includeValues=True))["items"]
        assert sorted((one["name"], one["value"], one["enabled"]) for one in found) == [
            ("first", "a" * 20, True),
            ("second", "b" * 20, False),
        ]
        assert [one["name"] for one in (await cloud.v1("GetUsagePlanKeys", usagePlanId=plan))["items"]] == ["first"]
        again = await cloud.refused("ImportApiKeys", body=text.encode(), format="csv", failOnWarnings=True)
        assert again[1].startswith("Warnings found during import:\n\tAPI Key of row 1 already exists")
        assert (await cloud.refused("ImportApiKeys", body=b"key\nx", format="csv"))[0] == "BadRequestException"

    run(body)


def test_what_is_left_of_a_quota() -> None:
    monday = day_of(1_763_942_400_000)
    used = {"2025-11-24": Used(3), "2025-11-25": Used(4, 10), "2025-11-26": Used(2), "2025-12-01": Used(1)}
    assert monday.isoformat() == "2025-11-24"
    assert left(Quota(20, 0, "DAY"), used, monday) == 17
    assert left(Quota(20, 0, "WEEK"), used, monday) == 17
    assert left(Quota(20, 0, "WEEK"), used, monday.replace(day=30)) == 8
    assert left(Quota(20, 0, "WEEK"), used, day_of(1_764_547_200_000)) == 19
    assert left(Quota(2, 0, "MONTH"), used, monday) == 0


def test_usage() -> None:
    async def body(cloud: Cloud) -> None:
        quota = {"limit": 10, "period": "WEEK"}
        plan = (await cloud.v1("CreateUsagePlan", name="gold", quota=quota))["id"]
        key = (await cloud.v1("CreateApiKey"))["id"]
        await cloud.v1("CreateUsagePlanKey", usagePlanId=plan, keyId=key, keyType="API_KEY")
        today = day_of(cloud.clock.now_ns() // 10**6).isoformat()
        await cloud.store.write(lambda tx: keys.used.put(tx, Used(4), plan, key, today))
        dates = {"startDate": today, "endDate": today}
        assert await cloud.v1("GetUsage", usagePlanId=plan, **dates) == {
            "usagePlanId": plan,
            **dates,
            "items": {key: [[4, 6]]},
        }
        patches = [{"op": "replace", "path": "/remaining", "value": "100"}]
        await cloud.v1("UpdateUsage", usagePlanId=plan, keyId=key, patchOperations=patches)
        assert (await cloud.v1("GetUsage", usagePlanId=plan, keyId=key, **dates))["items"] == {key: [[4, 100]]}
        wrong = await cloud.refused("GetUsage", usagePlanId=plan, startDate="today", endDate="tomorrow")
        assert wrong[0] == "BadRequestException"

    run(body)
