"""AWS::SQS::Queue, AWS::SQS::QueuePolicy and AWS::SQS::QueueInlinePolicy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from lambent.contracts.arn import build

from .base import Handler, HandlerFailed, Physical, Work, all_tags, document, tag_changes

_NOT_FOUND: Final = ("QueueDoesNotExist",)
_DEFAULTS: Final[Mapping[str, str]] = {
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "DelaySeconds": "0",
    "FifoThroughputLimit": "perQueue",
    "KmsDataKeyReusePeriodSeconds": "300",
    "KmsMasterKeyId": "",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "RedriveAllowPolicy": "",
    "RedrivePolicy": "",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}
"""The attributes that can be changed, and what they are set to when a template no longer says."""
_BUILT: Final = frozenset((*_DEFAULTS, "QueueName", "FifoQueue", "Tags"))


def _text(value: Any) -> str:
    """A property as the attribute that it sets: flags and numbers as text, policies as JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else str(value)


def _attributes(properties: dict[str, Any]) -> dict[str, str]:
    return {name: _text(properties[name]) for name in _DEFAULTS if name in properties}


class Queue(Handler):
    """AWS::SQS::Queue. Its id is its URL."""

    name_property = "QueueName"

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the queue; a name of its own that is taken is an error, as on AWS."""
        _refuse(properties)
        if work.physical_id:
            return self._physical(work, work.physical_id)
        fifo = _text(properties.get("FifoQueue", False)) == "true"
        name = properties.get("QueueName") or (f"{work.name(75)}.fifo" if fifo else work.name(80))
        await self._refuse_taken(work, name)
        attributes = _attributes(properties)
        if fifo:
            attributes["FifoQueue"] = "true"
        tags = all_tags(work, properties)
        more = {"tags": tags} if tags else {}
        made = await work.call("sqs", "CreateQueue", QueueName=name, Attributes=attributes, **more)
        await work.made(made["QueueUrl"])
        return self._physical(work, made["QueueUrl"])

    async def _refuse_taken(self, work: Work, name: str) -> None:
        # CreateQueue succeeds for a queue that is there with these attributes; a stack must not take such a one over.
        found = await work.attempt(_NOT_FOUND, "sqs", "GetQueueUrl", QueueName=name)
        if found is None:
            return
        url, names = found["QueueUrl"], ["CreatedTimestamp"]
        shown = await work.call("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=names)
        if not work.ours(int(shown["Attributes"]["CreatedTimestamp"]) * 1000):
            raise HandlerFailed(f"Resource of type 'AWS::SQS::Queue' with identifier '{url}' already exists.")

    def _physical(self, work: Work, url: str) -> Physical:
        name = url.rpartition("/")[2]
        arn = build("sqs", work.region, work.account, name)
        return Physical(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Set what differs; what is no longer said returns to its default."""
        _refuse(new)
        before, after = _attributes(old), _attributes(new)
        changed = {name: after.get(name, _DEFAULTS[name]) for name in {*before, *after}}
        changed = {name: value for name, value in changed.items() if before.get(name) != value}
        if changed:
            await work.call("sqs", "SetQueueAttributes", QueueUrl=physical.id, Attributes=dict(sorted(changed.items())))
        removed, added = tag_changes(work, old, new)
        if removed:
            await work.call("sqs", "UntagQueue", QueueUrl=physical.id, TagKeys=removed)
        if added:
            await work.call("sqs", "TagQueue", QueueUrl=physical.id, Tags=added)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the queue."""
        await work.attempt(_NOT_FOUND, "sqs", "DeleteQueue", QueueUrl=physical.id)


def _refuse(properties: dict[str, Any]) -> None:
    for name in sorted(properties.keys() - _BUILT):
        raise HandlerFailed(f"Lambent has not built the property {name} of AWS::SQS::Queue yet.")


async def _put(work: Work, url: str, policy: str) -> None:
    await work.call("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": policy})


async def _take(work: Work, url: str) -> None:
    await work.attempt(_NOT_FOUND, "sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": ""})


class QueuePolicy(Handler):
    """AWS::SQS::QueuePolicy: one policy on several queues."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Put the policy on each queue."""
        name = work.physical_id or work.name(128)
        await work.made(name)
        for url in properties["Queues"]:
            await _put(work, url, document(properties["PolicyDocument"]))
        return Physical(name, {"Id": name})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Put the new policy on its queues, and take it off those that are no longer named."""
        for url in new["Queues"]:
            await _put(work, url, document(new["PolicyDocument"]))
        for url in old["Queues"]:
            if url not in new["Queues"]:
                await _take(work, url)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Take the policy off its queues."""
        for url in properties["Queues"]:
            await _take(work, url)


class QueueInlinePolicy(Handler):
    """AWS::SQS::QueueInlinePolicy: the policy of one queue. Its id is the queue's URL."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Put the policy."""
        await _put(work, properties["Queue"], document(properties["PolicyDocument"]))
        return Physical(properties["Queue"])

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Put the new policy."""
        await _put(work, physical.id, document(new["PolicyDocument"]))
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Take the policy away."""
        await _take(work, physical.id)


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::SQS::Queue": Queue(),
    "AWS::SQS::QueueInlinePolicy": QueueInlinePolicy(),
    "AWS::SQS::QueuePolicy": QueuePolicy(),
}
