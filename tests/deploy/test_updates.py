"""Updates: in place, by replacement, undone, cancelled; and change sets."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.contracts.errors import ServiceError
from tests.deploy.drive import Driver
from tests.deploy.test_lifecycle import run

BEFORE = """
Resources:
  Kept: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: 1}}
  Changed: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: 1}}
  Replaced: {Type: AWS::SQS::Queue, Properties: {QueueName: old}}
  Removed: {Type: AWS::SQS::Queue, Properties: {QueueName: removed}}
"""
AFTER = """
Resources:
  Kept: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: 1}}
  Changed: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: 2}}
  Replaced: {Type: AWS::SQS::Queue, Properties: {QueueName: new}}
  Added: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "${Replaced}-added"}}
"""


async def updated(d: Driver, **given: Any) -> None:
    await d.call("CreateStack", StackName="s", TemplateBody=BEFORE)
    d.world.log.clear()
    await d.call("UpdateStack", StackName="s", TemplateBody=AFTER, **given)


def test_an_update_changes_replaces_adds_and_then_cleans_up() -> None:
    async def scenario(d: Driver) -> None:
        await updated(d)
        assert await d.status() == "UPDATE_COMPLETE"
        assert {"new", "new-added"} <= d.world.things.keys()
        assert not {"old", "removed"} & d.world.things.keys()
        assert ("update", "Kept") not in d.world.log
        statuses = [line[1] for line in await d.history() if line[0] == "s"]
        assert statuses[2:] == ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"]
        replaced = [line[1:] for line in await d.history() if line[0] == "Replaced"][3:]
        assert replaced == [
            (
                "UPDATE_IN_PROGRESS",
                "Requested update requires the creation of a new physical resource; hence creating one.",
            ),
            ("UPDATE_IN_PROGRESS", "Resource creation Initiated"),
            ("UPDATE_COMPLETE", ""),
            ("DELETE_IN_PROGRESS", ""),
            ("DELETE_COMPLETE", ""),
        ]

    run(scenario)


def test_an_update_without_changes_is_refused() -> None:
    async def scenario(d: Driver) -> None:
        await d.call("CreateStack", StackName="s", TemplateBody=BEFORE)
        with pytest.raises(ServiceError, match=r"No updates are to be performed\."):
            await d.call("UpdateStack", StackName="s", UsePreviousTemplate=True)

    run(scenario)


def test_a_failed_update_brings_everything_back() -> None:
    async def scenario(d: Driver) -> None:
        d.world.fail["create", "Added"] = "no room"
        await updated(d)
        assert await d.status() == "UPDATE_ROLLBACK_COMPLETE"
        changed = [thing for name, thing in d.world.things.items() if "Changed" in name]
        assert changed == [{"DelaySeconds": 1}]
        assert {"old", "removed"} <= d.world.things.keys()
        assert "new" not in d.world.things
        statuses = [line[1] for line in await d.history() if line[0] == "s"]
        assert statuses[2:] == [
            "UPDATE_IN_PROGRESS",
            "UPDATE_ROLLBACK_IN_PROGRESS",
            "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
            "UPDATE_ROLLBACK_COMPLETE",
        ]
        reason = "The following resource(s) failed to create: [Added]. "
        assert ("s", "UPDATE_ROLLBACK_IN_PROGRESS", reason) in await d.history()
        d.world.fail.clear()
        await d.call("UpdateStack", StackName="s", TemplateBody=AFTER)
        assert await d.status() == "UPDATE_COMPLETE"

    run(scenario)


def test_a_resource_that_was_there_failed_to_update_not_to_create() -> None:
    async def scenario(d: Driver) -> None:
        changed = BEFORE.replace("Changed: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: 1}}", "Changed: {}")
        changed = changed.replace("{}", "{Type: AWS::SQS::Queue, Properties: {DelaySeconds: 99999}}")
        await d.call("CreateStack", StackName="s", TemplateBody=BEFORE)
        await d.call("UpdateStack", StackName="s", TemplateBody=changed)
        assert await d.status() == "UPDATE_ROLLBACK_COMPLETE"
        reason = "The following resource(s) failed to update: [Changed]. "
        assert ("s", "UPDATE_ROLLBACK_IN_PROGRESS", reason) in await d.history()

    run(scenario)


def test_a_failed_update_can_be_left_as_it_is_and_taken_up_again() -> None:
    async def scenario(d: Driver) -> None:
        d.world.fail["create", "Added"] = "no room"
        await updated(d, DisableRollback=True)
        assert await d.status() == "UPDATE_FAILED"
        d.world.fail.clear()
        await d.call("UpdateStack", StackName="s", TemplateBody=AFTER)
        assert await d.status() == "UPDATE_COMPLETE"
        assert "old" not in d.world.things
        assert "new-added" in d.world.things

    run(scenario)


def test_a_rollback_that_failed_goes_on_when_asked() -> None:
    async def scenario(d: Driver) -> None:
        await d.call("CreateStack", StackName="s", TemplateBody=BEFORE)
        d.world.fail = {("update", "Changed"): "broken"}
        await d.call("UpdateStack", StackName="s", TemplateBody=AFTER)
        assert await d.status() == "UPDATE_ROLLBACK_FAILED"
        with pytest.raises(ServiceError, match="can not be updated"):
            await d.call("UpdateStack", StackName="s", TemplateBody=AFTER)
        with pytest.raises(ServiceError, match=r"not in UPDATE_FAILED state: \[Kept\]"):
            await d.call("ContinueUpdateRollback", StackName="s", ResourcesToSkip=["Kept"])
        await d.call("ContinueUpdateRollback", StackName="s", ResourcesToSkip=["Changed"])
        assert await d.status() == "UPDATE_ROLLBACK_COMPLETE"

    run(scenario)


def test_a_replacement_that_must_be_retained_is_skipped() -> None:
    template = "Resources: {A: {Type: AWS::SQS::Queue, UpdateReplacePolicy: Retain, Properties: {QueueName: one}}}"

    async def scenario(d: Driver) -> None:
        await d.call("CreateStack", StackName="s", TemplateBody=template)
        await d.call("UpdateStack", StackName="s", TemplateBody=template.replace("one", "two"))
        assert d.world.things.keys() == {"one", "two"}
        assert ("A", "DELETE_SKIPPED", "") in await d.history()

    run(scenario)


def test_a_custom_named_resource_is_not_replaced_under_the_same_name() -> None:
    template = "Resources: {A: {Type: AWS::SQS::Queue, Properties: {QueueName: q.fifo, FifoQueue: true}}}"

    async def scenario(d: Driver) -> None:
        await d.call("CreateStack", StackName="s", TemplateBody=template)
        await d.call("UpdateStack", StackName="s", TemplateBody=template.replace("true", "false"))
        assert await d.status() == "UPDATE_ROLLBACK_COMPLETE"
        assert d.world.things.keys() == {"q.fifo"}

    run(scenario)


def test_a_type_cannot_change() -> None:
    async def scenario(d: Driver) -> None:
        await d.call("CreateStack", StackName="s", TemplateBody=BEFORE)
        template = BEFORE.replace("Kept: {Type: AWS::SQS::Queue", "Kept: {Type: AWS::Logs::LogGroup")
        with pytest.raises(ServiceError, match=r"Update of resource type is not permitted.*\[Kept\]"):
            await d.call("UpdateStack", StackName="s", TemplateBody=template)

    run(scenario)


def test_tags_spread_to_resources() -> None:
    async def scenario(d: Driver) -> None:
        await d.call("CreateStack", StackName="s", TemplateBody=BEFORE)
        d.world.log.clear()
        tags = [{"Key": "team", "Value": "blue"}]
        await d.call("UpdateStack", StackName="s", UsePreviousTemplate=True, Tags=tags)
        assert sorted(d.world.log) == [("update", n) for n in ("Changed", "Kept", "Removed", "Replaced")]
        stack = (await d.call("DescribeStacks", StackName="s"))["Stacks"][0]
        assert stack["Tags"] == tags

    run(scenario)


def test_a_change_set_tells_what_it_would_do_and_does_it() -> None:
    async def scenario(d: Driver) -> None:
        named: dict[str, Any] = {"StackName": "s", "ChangeSetName": "c"}
        await d.call("CreateChangeSet", **named, ChangeSetType="CREATE", TemplateBody=BEFORE)
        assert await d.status() == "REVIEW_IN_PROGRESS"
        assert d.world.things == {}
        await d.call("ExecuteChangeSet", **named)
        assert await d.status() == "CREATE_COMPLETE"
        await d.call("CreateChangeSet", **named, TemplateBody=AFTER)
        found = await d.call("DescribeChangeSet", **named)
        changes = {c["ResourceChange"]["LogicalResourceId"]: c["ResourceChange"] for c in found["Changes"]}
        assert {name: change["Action"] for name, change in changes.items()} == {
            "Added": "Add",
            "Changed": "Modify",
            "Removed": "Remove",
            "Replaced": "Modify",
        }
        assert (changes["Changed"]["Replacement"], changes["Replaced"]["Replacement"]) == ("False", "True")
        assert changes["Changed"]["Details"] == [
            {
                "Target": {"Attribute": "Properties", "Name": "DelaySeconds", "RequiresRecreation": "Never"},
                "Evaluation": "Static",
                "ChangeSource": "DirectModification",
            }
        ]
        await d.call("ExecuteChangeSet", **named)
        assert await d.status() == "UPDATE_COMPLETE"
        described = await d.call("DescribeChangeSet", ChangeSetName=found["ChangeSetId"])
        assert described["ExecutionStatus"] == "EXECUTE_COMPLETE"
        with pytest.raises(ServiceError, match="cannot be executed in its current status"):
            await d.call("ExecuteChangeSet", **named)

    run(scenario)


def test_a_change_set_without_changes_fails_with_the_sentence_that_clients_look_for() -> None:
    async def scenario(d: Driver) -> None:
        await d.call("CreateStack", StackName="s", TemplateBody=BEFORE)
        await d.call("CreateChangeSet", StackName="s", ChangeSetName="c", TemplateBody=BEFORE)
        found = await d.call("DescribeChangeSet", StackName="s", ChangeSetName="c")
        assert (found["Status"], found["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
        assert found["StatusReason"] == (
            "The submitted information didn't contain changes. Submit different information to create a change set."
        )
        await d.call("DeleteChangeSet", StackName="s", ChangeSetName="c")
        assert (await d.call("ListChangeSets", StackName="s"))["Summaries"] == []

    run(scenario)
