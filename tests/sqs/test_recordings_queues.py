"""What AWS was recorded to answer about queues themselves. A test has the name of its recorded case."""

from __future__ import annotations

import json
from typing import Any

from .recorded import Recorded, fault, fifo, invalid, json_only, query_only, standard
from .support import ACCOUNT, arn

EXISTS = "A queue already exists with the same name and a different value for attribute {}"
OTHER = "668614515564"


async def made(case: Recorded, name: str = "q", **attributes: str) -> dict[str, Any]:
    """The error of making a queue."""
    return await case.client.error("CreateQueue", QueueName=name, Attributes=attributes)


def taken(protocol: str, attribute: str) -> dict[str, Any]:
    return fault(protocol, "QueueAlreadyExists", EXISTS.format(attribute), "QueueNameExists")


@json_only
async def test_create_and_update_queue_attributes(protocol: str) -> None:
    case = Recorded(protocol)
    first = {"MessageRetentionPeriod": "604800", "ReceiveMessageWaitTimeSeconds": "10", "VisibilityTimeout": "20"}
    queue = await case.queue(**first)
    assert await queue.attributes() == standard(**first)
    then = {"DelaySeconds": "420", "MaximumMessageSize": "2048", "VisibilityTimeout": "69"}
    await queue.set(**then)
    assert await queue.attributes() == standard(**{**first, **then})


@json_only
async def test_create_fifo_queue_with_different_attributes_raises_error(protocol: str) -> None:
    case = Recorded(protocol)
    await case.queue("q.fifo", ContentBasedDeduplication="true")
    error = await made(case, "q.fifo", FifoQueue="true", ContentBasedDeduplication="false")
    assert error == taken(protocol, "ContentBasedDeduplication")


@query_only
async def test_create_queue_with_different_attributes_raises_exception(protocol: str) -> None:
    """The errors were recorded of a client of the JSON protocol: they have the newer name."""
    case = Recorded("sqs")
    queue = await case.queue(DelaySeconds="1", ReceiveMessageWaitTimeSeconds="1")
    assert await made(case, DelaySeconds="2") == taken("sqs", "DelaySeconds")
    await queue.set(DelaySeconds="2")
    assert (await case.client.call("CreateQueue", QueueName="q", Attributes={"DelaySeconds": "2"})) == {
        "QueueUrl": queue.url
    }
    assert await made(case, DelaySeconds="1") == taken("sqs", "DelaySeconds")
    older = Recorded(protocol)
    await older.queue(DelaySeconds="1")
    assert await made(older, DelaySeconds="2") == taken(protocol, "DelaySeconds")


@query_only
async def test_create_standard_queue_with_fifo_attribute_raises_error(protocol: str) -> None:
    """The errors were recorded of a client of the JSON protocol, and are held in both."""
    only = "You can specify the {} only when FifoQueue is set to true."
    for spoken in ("sqs", protocol):
        case = Recorded(spoken)
        for attribute, value, text in (
            ("FifoQueue", "false", "Unknown Attribute FifoQueue."),
            ("ContentBasedDeduplication", "false", "Unknown Attribute ContentBasedDeduplication."),
            ("DeduplicationScope", "queue", only.format("DeduplicationScope")),
            ("FifoThroughputLimit", "perQueue", only.format("FifoThroughputLimit")),
        ):
            error = await made(case, **{attribute: value})
            shown = {"message": text} if spoken == "sqs" else {}
            assert error == {**fault(spoken, "InvalidAttributeName", text), **shown}


async def test_invalid_dead_letter_arn_rejected_before_lookup() -> None:
    """The recording holds no answer; its name says what was done."""
    error = await made(Recorded(), RedrivePolicy=json.dumps({"deadLetterTargetArn": "dummy", "maxReceiveCount": 42}))
    assert error["Error"]["Code"] == "InvalidParameterValue"
    assert error["Status"] == 400


async def test_list_queues_pagination() -> None:
    case = Recorded()
    urls = [(await case.queue(f"7f7df0f5-test-queue-{number}")).url for number in range(10)]
    await case.queue("another")
    prefix = {"QueueNamePrefix": "7f7df0f5-"}
    assert await case.client.call("ListQueues", **prefix) == {"QueueUrls": urls}
    page = await case.client.call("ListQueues", MaxResults=2, **prefix)
    token = page.pop("NextToken")
    assert page == {"QueueUrls": urls[:2]}
    assert await case.client.call("ListQueues", MaxResults=1000, NextToken=token, **prefix) == {"QueueUrls": urls[2:]}


@query_only
async def test_set_empty_redrive_policy(protocol: str) -> None:
    """The recording holds no answer, as the test looked for the attribute itself."""
    case = Recorded(protocol)
    dead = await case.queue("dead")
    queue = await case.queue(RedrivePolicy=json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 1}))
    assert "RedrivePolicy" in await queue.attributes()
    await queue.set(RedrivePolicy="")
    assert "RedrivePolicy" not in await queue.attributes()


@query_only
async def test_set_unsupported_attribute_fifo(protocol: str) -> None:
    case = Recorded(protocol)
    queue, line = await case.queue(), await case.queue("q.fifo")
    error = await queue.error("SetQueueAttributes", Attributes={"FifoQueue": "true"})
    assert error == fault(protocol, "InvalidAttributeName", "Unknown Attribute FifoQueue.")
    await line.set(FifoQueue="true")
    assert await line.error("SetQueueAttributes", Attributes={"FifoQueue": "false"}) == fault(
        protocol,
        "InvalidAttributeValue",
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
    )
    assert await line.attributes() == fifo()


@query_only
async def test_set_unsupported_attribute_standard(protocol: str) -> None:
    queue = await Recorded(protocol).queue()
    for value in ("true", "false"):
        error = await queue.error("SetQueueAttributes", Attributes={"FifoQueue": value})
        assert error == fault(protocol, "InvalidAttributeName", "Unknown Attribute FifoQueue.")


def _statement(sid: str, accounts: list[str]) -> dict[str, Any]:
    principals = [f"arn:aws:iam::{account}:root" for account in accounts]
    return {
        "Action": "SQS:ReceiveMessage",
        "Effect": "Allow",
        "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
        "Resource": arn("q"),
        "Sid": sid,
    }


@json_only
async def test_sqs_permission_lifecycle(protocol: str) -> None:
    queue = await Recorded(protocol).queue()
    first, second = "crossaccountpermission", "crossaccountpermission2"

    async def add(label: str, *accounts: str) -> dict[str, Any]:
        return await queue("AddPermission", Label=label, AWSAccountIds=accounts, Actions=["ReceiveMessage"])

    async def check(*statements: dict[str, Any]) -> None:
        found = await queue.attributes("Policy")
        policy = {"Version": "2008-10-17", "Id": f"{queue.arn}/SQSDefaultPolicy", "Statement": list(statements)}
        assert json.loads(found["Policy"]) == policy

    assert await add(first, ACCOUNT, OTHER) == {}
    found = json.loads((await queue.attributes("Policy"))["Policy"])
    [statement] = found["Statement"]
    assert sorted(statement["Principal"]["AWS"]) == sorted(_statement(first, [ACCOUNT, OTHER])["Principal"]["AWS"])
    assert await queue("RemovePermission", Label=first) == {}
    assert await queue.attributes("Policy") == {}
    await add(first, ACCOUNT)
    await check(_statement(first, [ACCOUNT]))
    given = {"Label": first, "AWSAccountIds": [OTHER], "Actions": ["ReceiveMessage"]}
    error = await queue.error("AddPermission", **given)
    assert error == invalid(protocol, f"Value {first} for parameter Label is invalid. Reason: Already exists.")
    await add(second, ACCOUNT)
    await check(_statement(first, [ACCOUNT]), _statement(second, [ACCOUNT]))
    await queue("RemovePermission", Label=first)
    await check(_statement(second, [ACCOUNT]))
    await queue("RemovePermission", Label=second)
    assert await queue.attributes("Policy") == {}
    error = await queue.error("RemovePermission", Label=second)
    assert error == invalid(protocol, f"Value {second} for parameter Label is invalid. Reason: can't find label.")


@query_only
async def test_tag_untag_queue(protocol: str) -> None:
    queue = await Recorded(protocol).queue()
    tags = {"tag1": "value1", "tag2": "value2", "tag3": ""}
    await queue("TagQueue", Tags=tags)
    assert await queue("ListQueueTags") == {"Tags": tags}
    await queue("UntagQueue", TagKeys=["tag1", "tag3"])
    assert await queue("ListQueueTags") == {"Tags": {"tag2": "value2"}}
    await queue("UntagQueue", TagKeys=["tag2"])
    assert await queue("ListQueueTags") == {}
