"""AWS::Lambda::EventSourceMapping: made, changed back to what it was, deleted twice."""

from __future__ import annotations

from typing import Any

from lambent.contracts.caller import root
from lambent.deploy.resources import Work
from lambent.deploy.resources.lambda_access import EventSourceMapping
from lambent.services.cloudformation.model import Resource, Stack
from tests.bus.polling import PollingCloud, run, turns
from tests.support import ACCOUNT, REGION

SHOWN = ("BatchSize", "FilterCriteria", "ScalingConfig", "FunctionResponseTypes", "State")


def work(cloud: PollingCloud) -> Work:
    async def made(physical_id: str) -> None:
        return None

    record = Resource(logical_id="Map", type="AWS::Lambda::EventSourceMapping", status="", suffix="abc", started_ms=0)
    stack = Stack(id="arn:s/1", name="s", account=ACCOUNT, region=REGION, status="")
    return Work(cloud, root(ACCOUNT), stack, record, resumed=False, tags=(), made=made)


def test_what_a_template_no_longer_says_is_undone() -> None:
    async def body(cloud: PollingCloud) -> None:
        handler, asked = EventSourceMapping(), work(cloud)
        plain: dict[str, Any] = {"FunctionName": "worker", "EventSourceArn": await cloud.queue()}
        full = {
            **plain,
            "BatchSize": 5,
            "FilterCriteria": {"Filters": [{"Pattern": '{"body": ["x"]}'}]},
            "ScalingConfig": {"MaximumConcurrency": 3},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "Enabled": False,
            "Tags": [{"Key": "a", "Value": "1"}],
        }
        made = await handler.create(asked, full)
        await turns()
        before = await cloud.mapping(made.id)
        assert [before[name] for name in SHOWN] == [
            5,
            full["FilterCriteria"],
            {"MaximumConcurrency": 3},
            ["ReportBatchItemFailures"],
            "Disabled",
        ]
        await handler.update(asked, made, full, plain)
        await turns()
        after = await cloud.mapping(made.id)
        assert [after.get(name) for name in SHOWN] == [10, None, None, [], "Enabled"]
        assert (await cloud.call("lambda", "ListTags", Resource=after["EventSourceMappingArn"]))["Tags"] == {}
        await handler.delete(asked, made, plain)
        await handler.delete(asked, made, plain)
        await turns()
        await handler.delete(asked, made, plain)
        assert (await cloud.call("lambda", "ListEventSourceMappings"))["EventSourceMappings"] == []

    run(body)
