"""Stacks from creation to deletion, on a made-up world."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from lambent.contracts.errors import ServiceError
from tests.deploy.drive import Driver

CHAIN = """
Resources:
  A: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: "5"}}
  B: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "${A.QueueName}-b"}}
Outputs:
  Name: {Value: !Ref B}
"""
FAN = """
Resources:
  A: {Type: AWS::SQS::Queue}
  B: {Type: AWS::SQS::Queue}
  C: {Type: AWS::SQS::Queue}
  D: {Type: AWS::SQS::Queue, DependsOn: [A, B, C]}
"""


def run(scenario: Callable[[Driver], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        await scenario(await Driver.start())

    asyncio.run(main())


def test_events_are_told_in_order() -> None:
    async def scenario(d: Driver) -> None:
        await d.call("CreateStack", StackName="s", TemplateBody=CHAIN)
        assert await d.history() == [
            ("s", "CREATE_IN_PROGRESS", "User Initiated"),
            ("A", "CREATE_IN_PROGRESS", ""),
            ("A", "CREATE_IN_PROGRESS", "Resource creation Initiated"),
            ("A", "CREATE_COMPLETE", ""),
            ("B", "CREATE_IN_PROGRESS", ""),
            ("B", "CREATE_IN_PROGRESS", "Resource creation Initiated"),
            ("B", "CREATE_COMPLETE", ""),
            ("s", "CREATE_COMPLETE", ""),
        ]

    run(scenario)


def test_properties_are_turned_into_the_types_of_the_schema() -> None:
    async def scenario(d: Driver) -> None:
        await d.call("CreateStack", StackName="s", TemplateBody=CHAIN)
        assert {"DelaySeconds": 5} in d.world.things.values()

    run(scenario)


def test_independent_resources_are_made_at_the_same_time() -> None:
    async def scenario(d: Driver) -> None:
        await d.call("CreateStack", StackName="s", TemplateBody=FAN)
        assert d.world.under_way_max == 3
        assert d.world.log[-1] == ("create", "D")

    run(scenario)


def test_a_failed_creation_is_rolled_back() -> None:
    async def scenario(d: Driver) -> None:
        d.world.fail["create", "B"] = "no room"
        await d.call("CreateStack", StackName="s", TemplateBody=CHAIN)
        assert await d.status() == "ROLLBACK_COMPLETE"
        assert d.world.things == {}
        history = await d.history()
        assert ("B", "CREATE_FAILED", "no room") in history
        reason = "The following resource(s) failed to create: [B]. Rollback requested by user."
        assert ("s", "ROLLBACK_IN_PROGRESS", reason) in history
        assert [line[:2] for line in history[-3:]] == [
            ("A", "DELETE_IN_PROGRESS"),
            ("A", "DELETE_COMPLETE"),
            ("s", "ROLLBACK_COMPLETE"),
        ]

    run(scenario)


def test_a_half_configured_resource_is_rolled_back_too() -> None:
    async def scenario(d: Driver) -> None:
        d.world.fail["configure", "A"] = "bad setting"
        await d.call("CreateStack", StackName="s", TemplateBody=CHAIN)
        assert await d.status() == "ROLLBACK_COMPLETE"
        assert d.world.things == {}

    run(scenario)


@pytest.mark.parametrize(
    ("given", "status", "left"),
    [
        ({"DisableRollback": True}, "CREATE_FAILED", 1),
        ({"OnFailure": "DO_NOTHING"}, "CREATE_FAILED", 1),
        ({"OnFailure": "DELETE"}, "DELETE_COMPLETE", 0),
    ],
)
def test_what_happens_on_failure_can_be_chosen(given: dict[str, Any], status: str, left: int) -> None:
    async def scenario(d: Driver) -> None:
        d.world.fail["create", "B"] = "no room"
        stack = (await d.call("CreateStack", StackName="s", TemplateBody=CHAIN, **given))["StackId"]
        assert await d.status(stack) == status
        assert len(d.world.things) == left

    run(scenario)


def test_a_rollback_that_fails_says_so_and_can_be_deleted() -> None:
    async def scenario(d: Driver) -> None:
        d.world.fail = {("create", "B"): "no room", ("delete", "A"): "in use"}
        await d.call("CreateStack", StackName="s", TemplateBody=CHAIN)
        assert await d.status() == "ROLLBACK_FAILED"
        d.world.fail = {}
        await d.call("DeleteStack", StackName="s")
        assert d.world.things == {}

    run(scenario)


def test_a_failed_deletion_can_retain_what_it_could_not_delete() -> None:
    async def scenario(d: Driver) -> None:
        stack = (await d.call("CreateStack", StackName="s", TemplateBody=CHAIN))["StackId"]
        d.world.fail["delete", "B"] = "in use"
        await d.call("DeleteStack", StackName="s")
        assert await d.status() == "DELETE_FAILED"
        assert ("delete", "A") not in d.world.log
        await d.call("DeleteStack", StackName="s", RetainResources=["B"])
        assert await d.status(stack) == "DELETE_COMPLETE"
        assert len(d.world.things) == 1
        assert ("B", "DELETE_SKIPPED", "") in await d.history(stack)

    run(scenario)


def test_a_deleted_stack_is_known_by_its_id_only() -> None:
    async def scenario(d: Driver) -> None:
        stack = (await d.call("CreateStack", StackName="s", TemplateBody=CHAIN))["StackId"]
        await d.call("DeleteStack", StackName="s")
        assert d.world.log[-2:] == [("delete", "B"), ("delete", "A")]
        assert await d.status(stack) == "DELETE_COMPLETE"
        with pytest.raises(ServiceError, match="Stack with id s does not exist"):
            await d.status()
        await d.call("CreateStack", StackName="s", TemplateBody=CHAIN)
        assert await d.status() == "CREATE_COMPLETE"

    run(scenario)


def test_a_retained_resource_outlives_its_stack() -> None:
    template = "Resources: {A: {Type: AWS::SQS::Queue, DeletionPolicy: Retain}}"

    async def scenario(d: Driver) -> None:
        await d.call("CreateStack", StackName="s", TemplateBody=template)
        await d.call("DeleteStack", StackName="s")
        assert len(d.world.things) == 1

    run(scenario)


def test_a_property_that_the_schema_lacks_fails_the_resource() -> None:
    template = "Resources: {A: {Type: AWS::SQS::Queue, Properties: {Colour: red}}}"

    async def scenario(d: Driver) -> None:
        await d.call("CreateStack", StackName="s", TemplateBody=template)
        reason = "Property validation failure: [Encountered unsupported properties in {/}: [Colour]]"
        assert ("A", "CREATE_FAILED", reason) in await d.history()
        assert await d.status() == "ROLLBACK_COMPLETE"
        assert d.world.log == []

    run(scenario)


def test_an_attribute_that_the_type_lacks_stops_the_stack_before_its_first_resource() -> None:
    template = CHAIN.replace("!Ref B", "!GetAtt B.Invalid")

    async def scenario(d: Driver) -> None:
        await d.call("CreateStack", StackName="s", TemplateBody=template)
        reason = (
            "[Error] /Outputs/Name/Value/Fn::GetAtt: Resource type AWS::SQS::Queue does not support attribute "
            "{Invalid}. Rollback requested by user."
        )
        assert [line for line in await d.history() if line[0] != "s"] == []
        assert ("s", "ROLLBACK_IN_PROGRESS", reason) in await d.history()

    run(scenario)


def test_exports_are_unique_and_kept_while_they_are_in_use() -> None:
    exporter = CHAIN + "  Other: {Value: v, Export: {Name: shared}}\n"
    importer = "Resources: {A: {Type: AWS::SQS::Queue, Properties: {QueueName: !ImportValue shared}}}"

    async def scenario(d: Driver) -> None:
        await d.call("CreateStack", StackName="importer", TemplateBody=importer)
        assert await d.status("importer") == "ROLLBACK_COMPLETE"
        assert any("No export named shared found" in line[2] for line in await d.history("importer"))
        await d.call("DeleteStack", StackName="importer")
        await d.call("CreateStack", StackName="s", TemplateBody=exporter)
        await d.call("CreateStack", StackName="twin", TemplateBody=exporter)
        assert await d.status("twin") == "ROLLBACK_COMPLETE"
        assert any(
            "Export with name shared is already exported by stack s" in line[2] for line in await d.history("twin")
        )
        await d.call("CreateStack", StackName="importer", TemplateBody=importer)
        assert "v" in d.world.things
        assert await d.call("ListImports", ExportName="shared") == {"Imports": ["importer"]}
        await d.call("DeleteStack", StackName="s")
        assert await d.status() == "DELETE_FAILED"
        assert (await d.history())[-1][2] == "Export shared cannot be deleted as it is in use by importer"
        await d.call("DeleteStack", StackName="importer")
        await d.call("DeleteStack", StackName="s")
        assert (await d.call("ListExports"))["Exports"] == []

    run(scenario)
