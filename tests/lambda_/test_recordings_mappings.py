"""What AWS was recorded to answer about mappings as an API (test_lambda_api). A test has its recorded case's name."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bus.polling import QUEUE, WORKER, turns
from tests.bus.recorded import DESTINATION, MAPPING, STREAM, Mapped, fault, invalid, queue_mapping, stream_mapping
from tests.bus.recorded import with_mappings as with_api
from tests.support import ACCOUNT, REGION

MISSING = "00000000-0000-4000-8000-000000000000"
PATTERN = (
    r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:"
    r"(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|"
    "code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-"
    "[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)"
)


def not_found(text: str) -> dict[str, Any]:
    return fault("ResourceNotFoundException", text, 404, "Message")


def test_event_source_mapping_exceptions() -> None:
    async def scenario(case: Mapped) -> None:
        await case.cloud.queue()
        for operation in ("Get", "Update", "Delete"):
            error = await case.error(f"{operation}EventSourceMapping", UUID=MISSING)
            assert error == not_found("The resource you requested does not exist.")
        assert await case.error() == invalid("Unrecognized event source.")
        error = await case.error(FunctionName="unknown", EventSourceArn=QUEUE)
        assert error == invalid("Function does not exist")
        config = {"OnSuccess": {"Destination": QUEUE}}
        error = await case.error(EventSourceArn=QUEUE, DestinationConfig=config)
        assert error == invalid("Unsupported DestinationConfig parameter for given event source mapping type.")

    with_api(scenario)


async def _made(case: Mapped) -> dict[str, Any]:
    """A stream's mapping with a destination: made, and enabled a moment later."""
    await case.cloud.queue(DESTINATION.rpartition(":")[2])
    config = {"OnFailure": {"Destination": DESTINATION}}
    source = await case.cloud.stream()
    made = await case.map(source, DestinationConfig=config, **STREAM)
    assert made == stream_mapping(source, DestinationConfig=config)
    assert made["EventSourceMappingArn"] == f"{MAPPING}{made['UUID']}"
    found = await case.client.call("GetEventSourceMapping", UUID=made["UUID"])
    assert (found, case.client.status) == ({**made, "State": "Enabled"}, 200)
    return found


async def _delete(case: Mapped, found: dict[str, Any]) -> None:
    answer = await case.client.call("DeleteEventSourceMapping", UUID=found["UUID"])
    assert case.client.status == 202
    assert answer == {**found, "State": "Deleting", "LastModified": answer["LastModified"]}


def test_event_source_mapping_lifecycle() -> None:
    async def scenario(case: Mapped) -> None:
        await _delete(case, await _made(case))

    with_api(scenario)


def test_event_source_mapping_lifecycle_delete_function() -> None:
    async def scenario(case: Mapped) -> None:
        found = await _made(case)
        assert await case.client.call("DeleteFunction", FunctionName="worker") == {"StatusCode": 204}
        await turns()
        assert await case.client.call("GetEventSourceMapping", UUID=found["UUID"]) == found
        await _delete(case, found)

    with_api(scenario)


def test_function_name_variations() -> None:
    async def scenario(case: Mapped) -> None:
        await case.cloud.queue()
        call = case.cloud.call
        await call("lambda", "PublishVersion", FunctionName="worker")
        await call("lambda", "CreateAlias", FunctionName="worker", FunctionVersion="1", Name="myalias")
        partial = f"{ACCOUNT}:function:worker"
        for name, shown in (
            ("worker", WORKER),
            (f"{partial}:$LATEST", f"{WORKER}:$LATEST"),
            (f"{partial}:1", f"{WORKER}:1"),
            (f"{partial}:myalias", f"{WORKER}:myalias"),
            (WORKER, WORKER),
            (f"{WORKER}:1", f"{WORKER}:1"),
            (f"{WORKER}:myalias", f"{WORKER}:myalias"),
        ):
            answer = await case.client.call("CreateEventSourceMapping", FunctionName=name, EventSourceArn=QUEUE)
            assert answer == queue_mapping(FunctionArn=shown), name
            await turns()
            await case.client.call("DeleteEventSourceMapping", UUID=answer["UUID"])
            await turns()

    with_api(scenario)


@pytest.mark.parametrize("kind", ["event_source_mapping"])
def test_tag_exceptions(kind: str) -> None:
    async def scenario(case: Mapped) -> None:
        missing = f"{MAPPING}{MISSING}"
        for operation, params in (
            ("TagResource", {"Tags": {"A": "B"}}),
            ("UntagResource", {"TagKeys": ["A"]}),
            ("ListTags", {}),
        ):
            error = await case.error(operation, Resource=missing, **params)
            assert error == not_found(f"Event source mapping not found: {missing}")
        for wrong in (f"arn:aws:lambda:{REGION}:{ACCOUNT}:foobar:{MISSING}", f"{missing}:alias"):
            text = (
                f"1 validation error detected: Value '{wrong}' at 'resource' failed to satisfy constraint: "
                f"Member must satisfy regular expression pattern: {PATTERN}"
            )
            error = await case.error("TagResource", Resource=wrong, Tags={"A": "B"})
            assert error == {"Error": {"Code": "ValidationException", "Message": text}, "Status": 400}

    with_api(scenario)


@pytest.mark.parametrize("kind", ["event_source_mapping"])
def test_tag_lifecycle(kind: str) -> None:
    async def scenario(case: Mapped) -> None:
        await case.cloud.queue()
        arn = (await case.map(QUEUE))["EventSourceMappingArn"]
        new, rest = {"B": "tag-b", "C": "tag-c"}, {"B": "tag-b", "C": "tag-c-newsuffix", "D": "tag-d"}
        for operation, params, left in (
            ("TagResource", {"Tags": {"A": "tag-a"}}, {"A": "tag-a"}),
            ("TagResource", {"Tags": new}, {"A": "tag-a", **new}),
            ("TagResource", {"Tags": {"C": "tag-c-newsuffix", "D": "tag-d"}}, {"A": "tag-a", **rest}),
            ("UntagResource", {"TagKeys": ["A"]}, rest),
            ("UntagResource", {"TagKeys": ["B", "C"]}, {"D": "tag-d"}),
            ("UntagResource", {"TagKeys": ["F"]}, {"D": "tag-d"}),
            ("UntagResource", {"TagKeys": ["D", "F"]}, {}),
        ):
            answer = await case.client.call(operation, Resource=arn, **params)
            assert (answer, case.client.status) == ({}, 204)
            answer = await case.client.call("ListTags", Resource=arn)
            assert (answer, case.client.status) == ({"Tags": left}, 200)

    with_api(scenario)
