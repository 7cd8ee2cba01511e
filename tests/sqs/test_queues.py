"""Queues: made, found, listed, emptied and deleted."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.contracts.caller import root

from ..support import ACCOUNT, REGION
from .support import SqsCloud, arn, refused, url

NAME_TEXT = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
FIFO_TEXT = (
    "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo "
    "suffix and be 1 to 80 in length."
)


async def test_making_a_queue_again_with_the_same_attributes_gives_the_same() -> None:
    cloud = SqsCloud()
    assert await cloud.create(DelaySeconds=5, VisibilityTimeout=3) == url("q")
    assert await cloud.create(DelaySeconds=5) == url("q")
    assert await cloud.create() == url("q")
    assert await refused(cloud.create(DelaySeconds=6)) == (
        "QueueAlreadyExists",
        "A queue already exists with the same name and a different value for attribute DelaySeconds",
    )


async def test_a_fifo_queue_that_differs_is_refused() -> None:
    cloud = SqsCloud()
    await cloud.create("q.fifo", ContentBasedDeduplication="true")
    assert await refused(cloud.create("q.fifo", ContentBasedDeduplication="false")) == (
        "QueueAlreadyExists",
        "A queue already exists with the same name and a different value for attribute ContentBasedDeduplication",
    )


@pytest.mark.parametrize(
    ("name", "attributes", "message"),
    [
        ("a b", {}, NAME_TEXT),
        ("a" * 81, {}, NAME_TEXT),
        ("q.fifo", {}, NAME_TEXT),
        ("q", {"FifoQueue": "true"}, FIFO_TEXT),
        (".fifo", {"FifoQueue": "true"}, FIFO_TEXT),
        ("a" * 76 + ".fifo", {"FifoQueue": "true"}, FIFO_TEXT),
    ],
)
async def test_names_that_queues_cannot_have(name: str, attributes: dict[str, str], message: str) -> None:
    made = SqsCloud().call("sqs", "CreateQueue", QueueName=name, Attributes=attributes)
    assert await refused(made) == ("InvalidParameterValue", message)


async def test_a_queue_is_found_by_its_name_and_owner() -> None:
    cloud = SqsCloud()
    await cloud.create()
    assert await cloud.call("sqs", "GetQueueUrl", QueueName="q") == {"QueueUrl": url("q")}
    found = await cloud.call("sqs", "GetQueueUrl", QueueName="q", QueueOwnerAWSAccountId=ACCOUNT)
    assert found == {"QueueUrl": url("q")}
    missing = ("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
    assert await refused(cloud.call("sqs", "GetQueueUrl", QueueName="r")) == missing
    assert await refused(cloud.call("sqs", "GetQueueUrl", region="eu-west-1", QueueName="q")) == missing
    assert await refused(cloud.send("x", "r")) == missing
    assert await refused(cloud.receive("r")) == missing


@pytest.mark.parametrize("address", ["q", "http://127.0.0.1:4566/q", "http://x/abc/q", "http://x/000000000000/"])
async def test_an_address_that_is_no_queues(address: str) -> None:
    sent = SqsCloud().call("sqs", "SendMessage", QueueUrl=address, MessageBody="x")
    assert await refused(sent) == ("InvalidAddress", f"The address {address} is not valid for this endpoint.")


async def test_queues_are_listed_in_pages() -> None:
    cloud = SqsCloud()
    assert await cloud.call("sqs", "ListQueues") == {}
    for name in ("b", "a1", "a0", "a2", "c"):
        await cloud.create(name)
    assert await cloud.call("sqs", "ListQueues") == {"QueueUrls": [url(n) for n in ("a0", "a1", "a2", "b", "c")]}
    first = await cloud.call("sqs", "ListQueues", MaxResults=2, QueueNamePrefix="a")
    assert first["QueueUrls"] == [url("a0"), url("a1")]
    rest = await cloud.call("sqs", "ListQueues", MaxResults=2, QueueNamePrefix="a", NextToken=first["NextToken"])
    assert rest == {"QueueUrls": [url("a2")]}
    assert await cloud.call("sqs", "ListQueues", QueueNamePrefix="x") == {}
    assert await cloud.call("sqs", "ListQueues", region="eu-west-1") == {}
    assert await cloud.call("sqs", "ListQueues", root("111111111111")) == {}
    code, _ = await refused(cloud.call("sqs", "ListQueues", MaxResults=1001))
    assert code == "InvalidParameterValue"


async def test_a_purge_empties_and_is_refused_for_a_minute() -> None:
    cloud = SqsCloud()
    await cloud.start_relay()
    await cloud.create()
    for number in range(3):
        await cloud.send(str(number))
    [first] = await cloud.receive(limit=1)
    await cloud.sqs("PurgeQueue")
    assert await cloud.counts() == (0, 0, 0)
    assert await cloud.receive() == []
    await cloud.delete(first["ReceiptHandle"])
    assert await refused(cloud.sqs("PurgeQueue")) == (
        "AWS.SimpleQueueService.PurgeQueueInProgress",
        "Only one PurgeQueue operation on q is allowed every 60 seconds.",
    )
    await cloud.advance(60)
    await cloud.send("new")
    assert await cloud.bodies(VisibilityTimeout=0) == ["new"]
    assert await cloud.rows(b"\x03sqs.message") == 1
    await cloud.sqs("PurgeQueue")


async def test_a_deleted_queue_leaves_nothing_and_its_name_is_taken_for_a_minute() -> None:
    cloud = SqsCloud()
    await cloud.start_relay()
    await cloud.create("q.fifo")
    long = "x" * 5000
    for number in range(300):
        await cloud.send(long, "q.fifo", MessageGroupId=f"g{number % 7}", MessageDeduplicationId=str(number))
    await cloud.receive("q.fifo", ReceiveRequestAttemptId="once")
    await cloud.sqs("DeleteQueue", "q.fifo")
    await cloud.settle()
    assert await cloud.rows() == 1, "all but the name"
    assert await refused(cloud.create("q.fifo")) == (
        "AWS.SimpleQueueService.QueueDeletedRecently",
        "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
    )
    await cloud.advance(60)
    await cloud.create("q.fifo")
    assert await cloud.counts("q.fifo") == (0, 0, 0)
    assert await cloud.bodies("q.fifo") == []


async def test_tags() -> None:
    cloud = SqsCloud()
    await cloud.create(tags={"tag1": "value1"})
    await cloud.sqs("TagQueue", Tags={"tag2": "value2", "tag3": ""})
    assert await cloud.sqs("ListQueueTags") == {"Tags": {"tag1": "value1", "tag2": "value2", "tag3": ""}}
    await cloud.sqs("UntagQueue", TagKeys=["tag1", "tag3", "nothing"])
    assert await cloud.sqs("ListQueueTags") == {"Tags": {"tag2": "value2"}}
    await cloud.sqs("UntagQueue", TagKeys=["tag2"])
    assert await cloud.sqs("ListQueueTags") == {}
    too_many = {str(number): "x" for number in range(51)}
    assert (await refused(cloud.sqs("TagQueue", Tags=too_many)))[0] == "InvalidParameterValue"


async def test_who_sends_dead_letters_to_a_queue_is_listed() -> None:
    cloud = SqsCloud()
    await cloud.create("dead")
    policy = f'{{"deadLetterTargetArn": "{arn("dead")}", "maxReceiveCount": "2"}}'
    for name in ("a", "b", "c"):
        await cloud.create(name, RedrivePolicy=policy)
    first: dict[str, Any] = await cloud.sqs("ListDeadLetterSourceQueues", "dead", MaxResults=2)
    assert first["queueUrls"] == [url("a"), url("b")]
    rest = await cloud.sqs("ListDeadLetterSourceQueues", "dead", MaxResults=2, NextToken=first["NextToken"])
    assert rest == {"queueUrls": [url("c")]}
    await cloud.sqs("SetQueueAttributes", "b", Attributes={"RedrivePolicy": ""})
    await cloud.sqs("DeleteQueue", "c")
    assert await cloud.sqs("ListDeadLetterSourceQueues", "dead") == {"queueUrls": [url("a")]}
    assert REGION in arn("a")
