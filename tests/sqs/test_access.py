"""Who may use a queue: its policy, permissions as labels, tags, other accounts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.contracts.caller import ANONYMOUS, Caller, root
from lambent.contracts.errors import ServiceError
from lambent.services.sqs import service

from ..support import ACCOUNT
from .support import SqsCloud, arn, refused, url, user

OTHER = "111111111111"
INVALID = "InvalidParameterValue"


async def queue() -> SqsCloud:
    cloud = SqsCloud()
    await cloud.create()
    return cloud


async def allow(cloud: SqsCloud, **statement: Any) -> None:
    whole = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn("q"), **statement}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [whole]})
    await cloud.sqs("SetQueueAttributes", Attributes={"Policy": policy})


async def send_as(cloud: SqsCloud, caller: Caller) -> None:
    await cloud.call("sqs", "SendMessage", caller, QueueUrl=url("q"), MessageBody="x")


async def test_a_user_without_any_policy_may_nothing() -> None:
    cloud = await queue()
    with pytest.raises(ServiceError) as caught:
        await send_as(cloud, user())
    assert caught.value.code == "AccessDeniedException"
    assert "sqs:SendMessage on resource: " + arn("q") in caught.value.message
    for operation in ("ReceiveMessage", "GetQueueAttributes", "PurgeQueue", "DeleteQueue", "ListQueueTags"):
        with pytest.raises(ServiceError, match="not authorized"):
            await cloud.call("sqs", operation, user(), QueueUrl=url("q"))


async def test_a_queues_policy_is_about_queues() -> None:
    cloud = await queue()
    for action in ("sns:Publish", ["sqs:SendMessage", "s3:PutObject"]):
        bad = ("InvalidAttributeValue", "Invalid value for the parameter Policy.")
        assert await refused(allow(cloud, Action=action)) == bad
    code, message = await refused(allow(cloud, Action=[f"sqs:Get{n}*" for n in range(8)]))
    assert code == "OverLimit"
    assert message == "8 actions were found in a statement from the submitted policy, max allowed is 7"
    for action in ("*", "SQS:*", ["sqs:SendMessage", "sqs:Get*"]):
        await allow(cloud, Action=action)


async def test_a_queues_policy_lets_in_and_keeps_out() -> None:
    cloud = await queue()
    await allow(cloud, Principal={"AWS": f"arn:aws:iam::{OTHER}:root"})
    await send_as(cloud, root(OTHER))
    with pytest.raises(ServiceError, match="not authorized"):
        await cloud.call("sqs", "ReceiveMessage", root(OTHER), QueueUrl=url("q"))
    unknown = allow(cloud, Principal={"AWS": user().arn}, Action="SQS:SendMessage")
    assert await refused(unknown) == ("InvalidAttributeValue", "Invalid value for the parameter Policy.")
    await cloud.call("iam", "CreateUser", UserName="somebody")
    await allow(cloud, Principal={"AWS": user().arn}, Action=["SQS:SendMessage", "sqs:GetQueueUrl"])
    await send_as(cloud, user())
    found = await cloud.call("sqs", "GetQueueUrl", user(), QueueName="q", QueueOwnerAWSAccountId=ACCOUNT)
    assert found == {"QueueUrl": url("q")}
    await allow(cloud, Effect="Deny")
    with pytest.raises(ServiceError, match="explicit deny in a resource-based policy"):
        await send_as(cloud, root(ACCOUNT))


async def test_a_policy_may_let_in_who_does_not_sign() -> None:
    cloud = await queue()
    with pytest.raises(ServiceError, match="Access Denied"):
        await send_as(cloud, ANONYMOUS)
    await allow(cloud)
    await send_as(cloud, ANONYMOUS)
    with pytest.raises(ServiceError, match="Access Denied"):
        await cloud.call("sqs", "ReceiveMessage", ANONYMOUS, QueueUrl=url("q"))
    assert service.operations["SendMessage"].anonymous
    assert not service.operations["CreateQueue"].anonymous


async def test_a_batch_asks_for_the_same_permission() -> None:
    cloud = await queue()
    await cloud.call("iam", "CreateUser", UserName="somebody")
    await allow(cloud, Principal={"AWS": user().arn}, Action=["sqs:SendMessage", "sqs:DeleteMessage"])
    entries = [{"Id": "1", "MessageBody": "x"}]
    await cloud.call("sqs", "SendMessageBatch", user(), QueueUrl=url("q"), Entries=entries)
    handles = [{"Id": "1", "ReceiptHandle": "x"}]
    await cloud.call("sqs", "DeleteMessageBatch", user(), QueueUrl=url("q"), Entries=handles)
    changes = [{"Id": "1", "ReceiptHandle": "x", "VisibilityTimeout": 1}]
    with pytest.raises(ServiceError, match="ChangeMessageVisibility"):
        await cloud.call("sqs", "ChangeMessageVisibilityBatch", user(), QueueUrl=url("q"), Entries=changes)


async def test_permissions_come_and_go_by_their_labels() -> None:
    cloud = await queue()

    async def add(label: str, *accounts: str, actions: tuple[str, ...] = ("ReceiveMessage",)) -> None:
        await cloud.sqs("AddPermission", Label=label, AWSAccountIds=list(accounts), Actions=list(actions))

    async def policy() -> Any:
        text = (await cloud.attributes("q", "Policy")).get("Policy")
        return json.loads(text) if text else None

    await add("crossaccountpermission", "668614515564", ACCOUNT)
    assert await policy() == {
        "Version": "2008-10-17",
        "Id": f"{arn('q')}/SQSDefaultPolicy",
        "Statement": [
            {
                "Sid": "crossaccountpermission",
                "Effect": "Allow",
                "Principal": {"AWS": ["arn:aws:iam::668614515564:root", f"arn:aws:iam::{ACCOUNT}:root"]},
                "Action": "SQS:ReceiveMessage",
                "Resource": arn("q"),
            }
        ],
    }
    assert await cloud.call("sqs", "ReceiveMessage", root("668614515564"), QueueUrl=url("q")) == {}
    assert await refused(add("crossaccountpermission", OTHER)) == (
        INVALID,
        "Value crossaccountpermission for parameter Label is invalid. Reason: Already exists.",
    )
    await add("second", OTHER, actions=("*",))
    found = await policy()
    assert [row["Sid"] for row in found["Statement"]] == ["crossaccountpermission", "second"]
    assert (found["Statement"][1]["Principal"], found["Statement"][1]["Action"]) == (
        {"AWS": f"arn:aws:iam::{OTHER}:root"},
        "SQS:*",
    )
    for label in ("crossaccountpermission", "second"):
        await cloud.sqs("RemovePermission", Label=label)
    assert await policy() is None
    assert await refused(cloud.sqs("RemovePermission", Label="second")) == (
        INVALID,
        "Value second for parameter Label is invalid. Reason: can't find label.",
    )
    assert (await refused(add("x", OTHER, actions=("CreateQueue",))))[0] == INVALID
    assert (await refused(add("x", "abc")))[0] == INVALID
    assert (await refused(add("x", OTHER, actions=("SendMessage",) * 8)))[0] == "OverLimit"
    assert (await refused(add("a b", OTHER)))[0] == INVALID


async def test_who_may_not_use_a_queue_does_not_learn_whether_it_is_there() -> None:
    cloud = await queue()
    for name in ("q", "none"):
        with pytest.raises(ServiceError) as caught:
            await cloud.call("sqs", "SendMessage", user(), QueueUrl=url(name), MessageBody="x")
        assert caught.value.code == "AccessDeniedException"
