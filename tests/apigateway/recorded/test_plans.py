"""API keys and usage plans as AWS was recorded to answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from .test_stages import api
from .wire import Like, Of, Wire, bad, missing, patch

WHEN = Of(datetime)
NO_STAGE = bad("Invalid API Stage specified")
DESCRIPTION = bad("Invalid API Key description specified.")


def shown(**more: Any) -> dict[str, Any]:
    """A key as answers show it."""
    found = {"id": Like("[a-z0-9]{10}"), "enabled": False, "stageKeys": []}
    return {**found, "createdDate": WHEN, "lastUpdatedDate": WHEN, **more}


@pytest.mark.recorded("TestApigatewayApiKeysCrud::test_create_api_key_with_invalid_value")
async def test_values_of_keys() -> None:
    wire = Wire()
    assert await wire.ask("CreateApiKey", value="") == (201, shown(value=Like("[A-Za-z0-9]{40}")))
    assert await wire.ask("CreateApiKey", value="a" * 19) == bad("API Key value should be at least 20 characters")
    long = bad("API Key value exceeds maximum size of 128 characters")
    assert await wire.ask("CreateApiKey", value="a" * 129) == long


@pytest.mark.recorded("TestApigatewayApiKeysCrud::test_update_api_key_immutable_field")
@pytest.mark.recorded("TestApigatewayApiKeysCrud::test_update_api_key_invalid_description_length")
@pytest.mark.recorded("TestApigatewayApiKeysCrud::test_update_api_key_invalid_enabled_type")
@pytest.mark.recorded("TestApigatewayApiKeysCrud::test_negative_get_usage_plan_api_keys")
async def test_keys_change_or_do_not() -> None:
    wire = Wire()
    status, made = await wire.ask("CreateApiKey", name="first")
    assert (status, made) == (201, shown(name="first", value=Like("[A-Za-z0-9]{40}")))
    key = {"apiKey": made["id"]}
    identity = [patch("replace", "/id", "other")]
    assert await wire.ask("UpdateApiKey", **key, patchOperations=identity) == bad(
        "Invalid patch path  '/id' specified for op 'replace'. Must be one of: [/description, /enabled, /name, "
        "/customerId]"
    )
    assert await wire.ask("CreateApiKey", description="a" * 125001) == DESCRIPTION
    long = [patch("replace", "/description", "a" * 125001)]
    assert await wire.ask("UpdateApiKey", **key, patchOperations=long) == DESCRIPTION
    name = [patch("replace", "/name", "second")]
    assert await wire.ask("UpdateApiKey", **key, patchOperations=name) == (200, shown(name="second", tags={}))
    assert await wire.ask("GetApiKeys", limit=0) == (200, {"items": []})
    nameless = await wire.made("CreateApiKey")
    on = [patch("replace", "/enabled", "not-a-boolean")]
    changed = await wire.ask("UpdateApiKey", apiKey=nameless["id"], patchOperations=on)
    assert changed == (200, shown(tags={}))


@pytest.mark.recorded("TestApigatewayApiKeysCrud::test_get_usage_plan_api_keys")
async def test_keys_of_a_plan() -> None:
    wire = Wire()
    status, made = await wire.ask("CreateUsagePlan", name="plan")
    assert (status, made) == (201, {"id": Like("[a-z0-9]{6}"), "name": "plan", "apiStages": []})
    plan, none = {"usagePlanId": made["id"]}, (200, {"items": []})
    assert await wire.ask("GetUsagePlanKeys", **plan) == none
    assert await wire.ask("GetUsagePlanKeys", usagePlanId="bad-usage-plan") == none
    assert await wire.ask("GetApiKeys") == none
    keys = []
    for name in ("test-api-key-1", "test-api-key-2"):
        status, made = await wire.ask("CreateApiKey", name=name)
        assert (status, made) == (201, shown(name=name, value=Like("[A-Za-z0-9]{40}")))
        keys.append(made)
    members = ("id", "name", "value")
    first, second = ({**{name: key[name] for name in members}, "type": "API_KEY"} for key in keys)
    listed = [shown(id=key["id"], name=key["name"]) for key in keys]
    status, found = await wire.ask("GetApiKeys")
    assert (status, sorted(found["items"], key=lambda one: str(one["name"]))) == (200, listed)
    for key in (first, second):
        added = await wire.ask("CreateUsagePlanKey", **plan, keyId=key["id"], keyType="API_KEY")
        assert added == (201, key)
    for query, expected in (
        ({}, [first, second]),
        ({"nameQuery": "test-api-key"}, [first, second]),
        ({"nameQuery": "test-api-key-1"}, [first]),
        ({"nameQuery": "TEST-API-KEY"}, []),
        ({"nameQuery": "nothing"}, []),
    ):
        status, found = await wire.ask("GetUsagePlanKeys", **plan, **query)
        assert (status, sorted(found["items"], key=lambda one: str(one["name"]))) == (200, expected), query
    for key in (first, second):
        await wire.made("DeleteUsagePlanKey", **plan, keyId=key["id"])
    assert await wire.ask("GetUsagePlanKeys", **plan) == none


@pytest.mark.recorded("TestApigatewayApiKeysCrud::test_create_usage_plan_with_throttle")
async def test_a_plan_with_more_burst_than_rate() -> None:
    throttle = {"burstLimit": 20, "rateLimit": 10.0}
    made = await Wire().ask("CreateUsagePlan", name="plan", throttle=throttle)
    assert made == (201, {"id": Like("[a-z0-9]{6}"), "name": "plan", "apiStages": [], "throttle": throttle})


@pytest.mark.recorded("TestUsagePlans::test_usage_plan_crud")
async def test_the_life_of_a_plan() -> None:
    wire = Wire()
    api_id = (await api(wire))["restApiId"]
    await wire.made("CreateDeployment", restApiId=api_id, stageName="dev")
    given = {"name": "plan", "description": "a plan", "apiStages": [{"apiId": api_id, "stage": "dev"}]}
    status, made = await wire.ask("CreateUsagePlan", **given)
    assert (status, made) == (201, {"id": Like("[a-z0-9]{6}"), **given})
    plan = {"usagePlanId": made["id"]}
    assert await wire.ask("GetUsagePlan", **plan) == (200, {**made, "tags": {}})
    assert await wire.ask("GetUsagePlans") == (200, {"items": [made]})
    change = [
        patch("replace", "/throttle/burstLimit", "100"),
        patch("replace", "/throttle/rateLimit", "200"),
        patch("replace", "/quota/limit", "5000"),
        patch("replace", "/quota/period", "MONTH"),
        patch("replace", "/quota/offset", "0"),
    ]
    limits = {
        "quota": {"limit": 5000, "offset": 0, "period": "MONTH"},
        "throttle": {"burstLimit": 100, "rateLimit": 200.0},
    }
    changed = (200, {**made, **limits, "tags": {}})
    assert await wire.ask("UpdateUsagePlan", **plan, patchOperations=change) == changed
    assert await wire.ask("GetUsagePlan", **plan) == changed
    assert await wire.ask("GetUsagePlans") == (200, {"items": [{**made, **limits}]})

    def no_such(api: str, stage: str) -> Any:
        return missing(f"Invalid API Stage {{api: {api}, stage: {stage}}} specified for usageplan {made['id']}")

    for value, expected in (
        (None, NO_STAGE),
        ("fakevalue", NO_STAGE),
        (f"{api_id}b:dev", no_such(f"{api_id}b", "dev")),
        (f"{api_id}:fakestagename", no_such(api_id, "fakestagename")),
    ):
        for op in ("add", "remove"):
            wrong = [patch(op, "/apiStages", value)]
            assert await wire.ask("UpdateUsagePlan", **plan, patchOperations=wrong) == expected, (op, value)
    assert await wire.ask("UpdateUsagePlan", usagePlanId="wrong", patchOperations=change) == missing(
        "Invalid Usage Plan ID specified"
    )
