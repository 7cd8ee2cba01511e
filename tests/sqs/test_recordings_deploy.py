"""What AWS was recorded to answer about queues that stacks make. A test has the name of its recorded case."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from tests.client import Client
from tests.cloudformation.cloud import Cloud, run

from .recorded import OLD, Queue, fault, fifo, standard
from .support import arn, url

ACTIONS = ["sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
TAGS = {"Department": "Finance", "Environment": "Production"}
Scenario = Callable[["Stack"], Coroutine[Any, Any, None]]


class Stack:
    """A stack of these resources, and a client of SQS."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.client = Client(cloud.cloud, "sqs")

    async def apply(self, resources: dict[str, Any], operation: str = "CreateStack") -> None:
        """Make or update the stack."""
        await self.cloud.cfn(operation, StackName="s", TemplateBody=json.dumps({"Resources": resources}))
        assert await self.cloud.failures() == []

    async def update(self, resources: dict[str, Any]) -> None:
        """Update the stack."""
        await self.apply(resources, "UpdateStack")

    def queue(self, name: str = "q") -> Queue:
        """A queue by its name."""
        return Queue(self.client, name, url(name))

    async def attributes(self, name: str = "q") -> dict[str, Any]:
        """A queue's attributes, with policies as values."""
        found: dict[str, Any] = await self.queue(name).attributes()
        return {key: json.loads(value) if value[:1] == "{" else value for key, value in found.items()}


def with_stack(scenario: Scenario) -> None:
    async def body(cloud: Cloud) -> None:
        await scenario(Stack(cloud))

    run(body)


def queue_of(name: str = "", **properties: Any) -> dict[str, Any]:
    named = {"QueueName": name} if name else {}
    return {"Type": "AWS::SQS::Queue", "Properties": {**named, **properties}}


def _dead(name: str) -> dict[str, Any]:
    return queue_of(name, RedriveAllowPolicy={"redrivePermission": "allowAll"})


def _redrive() -> dict[str, Any]:
    return {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 7}


async def _check_all(stack: Stack, name: str, dead: str, expected: dict[str, Any]) -> None:
    redrive = {"deadLetterTargetArn": arn(dead), "maxReceiveCount": 7}
    assert await stack.attributes(name) == {**expected, "RedrivePolicy": redrive}
    [allow] = (await stack.queue(dead).attributes("RedriveAllowPolicy")).values()
    assert json.loads(allow) == {"redrivePermission": "allowAll"}
    assert await stack.queue(name)("ListQueueTags") == {"Tags": TAGS}


def test_create_fifo_queue_with_all_properties() -> None:
    async def scenario(stack: Stack) -> None:
        given = {
            "ContentBasedDeduplication": True,
            "DeduplicationScope": "messageGroup",
            "DelaySeconds": 13,
            "FifoQueue": True,
            "FifoThroughputLimit": "perMessageGroupId",
            "KmsDataKeyReusePeriodSeconds": 200,
            "KmsMasterKeyId": "alias/aws/sqs",
            "MaximumMessageSize": 3232,
            "MessageRetentionPeriod": 13425,
            "ReceiveMessageWaitTimeSeconds": 15,
            "SqsManagedSseEnabled": False,
            "VisibilityTimeout": 42,
        }
        tags = [{"Key": key, "Value": value} for key, value in TAGS.items()]
        dead = _dead("dead.fifo")
        dead["Properties"]["FifoQueue"] = True
        await stack.apply({"Dead": dead, "Q": queue_of("q.fifo", Tags=tags, RedrivePolicy=_redrive(), **given)})
        shown = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in given.items()}
        await _check_all(stack, "q.fifo", "dead.fifo", fifo(**shown))

    with_stack(scenario)


def test_create_standard_queue_with_all_properties() -> None:
    async def scenario(stack: Stack) -> None:
        given = {
            "DelaySeconds": 17,
            "KmsDataKeyReusePeriodSeconds": 297,
            "KmsMasterKeyId": "alias/aws/sqs",
            "MaximumMessageSize": 1234,
            "MessageRetentionPeriod": 13579,
            "ReceiveMessageWaitTimeSeconds": 18,
            "SqsManagedSseEnabled": False,
            "VisibilityTimeout": 45,
        }
        tags = [{"Key": key, "Value": value} for key, value in TAGS.items()]
        resources = {"Dead": _dead("dead"), "Q": queue_of("q", Tags=tags, RedrivePolicy=_redrive(), **given)}
        await stack.apply(resources)
        shown = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in given.items()}
        await _check_all(stack, "q", "dead", standard(**shown))

    with_stack(scenario)


async def _only(stack: Stack) -> str:
    """The name of the only queue there is."""
    [found] = (await stack.client.call("ListQueues"))["QueueUrls"]
    return str(found).rpartition("/")[2]


def test_create_standard_queue_with_required_properties() -> None:
    async def scenario(stack: Stack) -> None:
        await stack.apply({"Q": queue_of()})
        name = await _only(stack)
        assert await stack.attributes(name) == standard(name)

    with_stack(scenario)


def test_update_completely_remove_resource() -> None:
    async def scenario(stack: Stack) -> None:
        await stack.apply({"Q": queue_of("q"), "Other": queue_of("other")})
        await stack.update({"Other": queue_of("other")})
        error = await stack.client.error("GetQueueUrl", QueueName="q")
        gone = fault("sqs", f"{OLD}NonExistentQueue", "The specified queue does not exist.", "QueueDoesNotExist")
        assert error == gone

    with_stack(scenario)


def test_update_fifo_queue_remove_all_properties() -> None:
    async def scenario(stack: Stack) -> None:
        given = {
            "ContentBasedDeduplication": True,
            "DeduplicationScope": "messageGroup",
            "DelaySeconds": 13,
            "FifoThroughputLimit": "perMessageGroupId",
            "MaximumMessageSize": 3232,
            "MessageRetentionPeriod": 13425,
            "ReceiveMessageWaitTimeSeconds": 15,
            "VisibilityTimeout": 42,
            "Tags": [{"Key": "Department", "Value": "Finance"}],
        }
        await stack.apply({"Q": queue_of("q.fifo", FifoQueue=True, **given)})
        await stack.update({"Q": queue_of("q.fifo", FifoQueue=True)})
        assert await stack.attributes("q.fifo") == fifo()
        assert await stack.queue("q.fifo")("ListQueueTags") == {}

    with_stack(scenario)


def test_update_standard_queue_without_explicit_name() -> None:
    async def scenario(stack: Stack) -> None:
        await stack.apply({"Q": queue_of(MaximumMessageSize=1234, DelaySeconds=17)})
        name = await _only(stack)
        given = {"MaximumMessageSize": 4321, "MessageRetentionPeriod": 17539, "ReceiveMessageWaitTimeSeconds": 17}
        await stack.update({"Q": queue_of(**given)})
        assert await _only(stack) == name
        assert await stack.attributes(name) == standard(name, **{key: str(value) for key, value in given.items()})

    with_stack(scenario)


def _document(queue: str, *more: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": "*", "Action": [*ACTIONS, *more], "Resource": arn(queue)}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _policy(queue: str, *names: str, more: tuple[str, ...] = ()) -> dict[str, Any]:
    properties = {"Queues": [{"Ref": name} for name in names], "PolicyDocument": _document(queue, *more)}
    return {"Type": "AWS::SQS::QueuePolicy", "Properties": properties}


async def _policy_of(stack: Stack, name: str = "q") -> Any:
    found = await stack.queue(name).attributes("Policy")
    return json.loads(found["Policy"]) if found else None


def test_update_sqs_remove_inlinepolicy() -> None:
    async def scenario(stack: Stack) -> None:
        properties = {"Queue": {"Ref": "Q"}, "PolicyDocument": _document("q")}
        inline = {"Type": "AWS::SQS::QueueInlinePolicy", "Properties": properties}
        await stack.apply({"Q": queue_of("q"), "Inline": inline})
        assert await _policy_of(stack) == _document("q")
        await stack.update({"Q": queue_of("q")})
        assert await _policy_of(stack) is None

    with_stack(scenario)


def test_sqs_queue_policy() -> None:
    async def scenario(stack: Stack) -> None:
        await stack.apply({"Q": queue_of("q"), "Policy": _policy("q", "Q")})
        assert await _policy_of(stack) == _document("q")

    with_stack(scenario)


_THREE = {f"Q{number}": queue_of(f"q{number}") for number in (1, 2, 3)}


def test_update_add_two_additional_queues_to_policy() -> None:
    async def scenario(stack: Stack) -> None:
        await stack.apply({**_THREE, "Policy": _policy("q1", "Q1")})
        assert [await _policy_of(stack, f"q{number}") for number in (1, 2, 3)] == [_document("q1"), None, None]
        more = ("sqs:ChangeMessageVisibility",)
        await stack.update({**_THREE, "Policy": _policy("q1", *_THREE, more=more)})
        assert [await _policy_of(stack, f"q{number}") for number in (1, 2, 3)] == [_document("q1", *more)] * 3

    with_stack(scenario)


def test_update_remove_two_queues_from_policy() -> None:
    async def scenario(stack: Stack) -> None:
        more = ("sqs:ChangeMessageVisibility",)
        await stack.apply({**_THREE, "Policy": _policy("q1", *_THREE, more=more)})
        assert [await _policy_of(stack, f"q{number}") for number in (1, 2, 3)] == [_document("q1", *more)] * 3
        await stack.update({**_THREE, "Policy": _policy("q1", "Q1")})
        assert [await _policy_of(stack, f"q{number}") for number in (1, 2, 3)] == [_document("q1"), None, None]

    with_stack(scenario)


def test_update_sqs_queuepolicy() -> None:
    async def scenario(stack: Stack) -> None:
        await stack.apply({"Q": queue_of("q"), "Policy": _policy("q", "Q")})
        assert await _policy_of(stack) == _document("q")
        more = ("sqs:DeleteMessage",)
        await stack.update({"Q": queue_of("q"), "Policy": _policy("q", "Q", more=more)})
        assert await _policy_of(stack) == _document("q", *more)

    with_stack(scenario)
