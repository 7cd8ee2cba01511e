"""AWS::SNS::Topic, AWS::SNS::TopicPolicy, AWS::SNS::TopicInlinePolicy and AWS::SNS::Subscription."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from lambent.contracts.arn import build

from .base import Handler, HandlerFailed, Physical, Work, document, tag_changes, tag_list

_NOT_FOUND: Final = ("NotFound",)
_DEFAULTS: Final[Mapping[str, str]] = {
    "ArchivePolicy": "{}",
    "ContentBasedDeduplication": "false",
    "DeliveryPolicy": "",
    "DisplayName": "",
    "FifoThroughputScope": "Topic",
    "KmsMasterKeyId": "",
    "SignatureVersion": "1",
    "TracingConfig": "PassThrough",
}
"""The attributes that can be changed, and what they are set to when a template no longer says."""
_TOPIC: Final = frozenset(
    (*_DEFAULTS, "TopicName", "FifoTopic", "Tags", "Subscription", "DataProtectionPolicy", "DeliveryStatusLogging")
)
_SUBSCRIPTION: Final = (
    "DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy", "ReplayPolicy",
    "SubscriptionRoleArn",
)  # fmt: skip
_LOGGED: Final[Mapping[str, str]] = {
    "http/s": "HTTP", "sqs": "SQS", "lambda": "Lambda", "firehose": "Firehose", "application": "Application",
}  # fmt: skip


def _text(value: Any) -> str:
    """A property as the attribute that it sets: flags and numbers as text, policies as JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else str(value)


def _attributes(properties: dict[str, Any]) -> dict[str, str]:
    found = {name: _text(properties[name]) for name in _DEFAULTS if name in properties}
    for one in properties.get("DeliveryStatusLogging", []):
        kind = _LOGGED[one["Protocol"].lower()]
        for name in ("SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate", "FailureFeedbackRoleArn"):
            if name in one:
                found[f"{kind}{name}"] = _text(one[name])
    return found


def _endpoints(properties: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["Protocol"], one["Endpoint"]) for one in properties.get("Subscription", [])]


class Topic(Handler):
    """AWS::SNS::Topic. Its id is its ARN."""

    name_property = "TopicName"

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the topic; a name of its own that is taken is an error, as on AWS."""
        _refuse("AWS::SNS::Topic", properties, _TOPIC)
        arn = work.physical_id or await self._make(work, properties)
        for protocol, endpoint in _endpoints(properties):
            await work.call("sns", "Subscribe", TopicArn=arn, Protocol=protocol, Endpoint=endpoint)
        return self._physical(arn)

    async def _make(self, work: Work, properties: dict[str, Any]) -> str:
        fifo = _text(properties.get("FifoTopic", False)) == "true"
        name = properties.get("TopicName") or (f"{work.name(251)}.fifo" if fifo else work.name(256))
        arn = build("sns", work.region, work.account, name)
        # CreateTopic succeeds for a topic that is there; a stack must not take such a one over.
        if not work.resumed and await work.attempt(_NOT_FOUND, "sns", "GetTopicAttributes", TopicArn=arn) is not None:
            raise HandlerFailed(f"Resource of type 'AWS::SNS::Topic' with identifier '{arn}' already exists.")
        attributes = _attributes(properties)
        if fifo:
            attributes["FifoTopic"] = "true"
        more: dict[str, Any] = {}
        if "DataProtectionPolicy" in properties:
            more["DataProtectionPolicy"] = document(properties["DataProtectionPolicy"])
        tags = tag_list(work, properties)
        if tags:
            more["Tags"] = tags
        made = await work.call("sns", "CreateTopic", Name=name, Attributes=attributes, **more)
        await work.made(made["TopicArn"])
        return str(made["TopicArn"])

    def _physical(self, arn: str) -> Physical:
        return Physical(arn, {"TopicArn": arn, "TopicName": arn.rpartition(":")[2]})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Set what differs; what is no longer said returns to its default."""
        _refuse("AWS::SNS::Topic", new, _TOPIC)
        arn = physical.id
        before, after = _attributes(old), _attributes(new)
        for name in sorted({*before, *after}):
            value = after.get(name, _DEFAULTS.get(name, ""))
            if before.get(name) != value:
                await work.call("sns", "SetTopicAttributes", TopicArn=arn, AttributeName=name, AttributeValue=value)
        if old.get("DataProtectionPolicy") != new.get("DataProtectionPolicy"):
            policy = document(new["DataProtectionPolicy"]) if "DataProtectionPolicy" in new else ""
            await work.call("sns", "PutDataProtectionPolicy", ResourceArn=arn, DataProtectionPolicy=policy)
        await self._change_subscriptions(work, arn, _endpoints(old), _endpoints(new))
        removed, added = tag_changes(work, old, new)
        if removed:
            await work.call("sns", "UntagResource", ResourceArn=arn, TagKeys=removed)
        if added:
            tags = [{"Key": key, "Value": value} for key, value in added.items()]
            await work.call("sns", "TagResource", ResourceArn=arn, Tags=tags)
        return physical

    async def _change_subscriptions(
        self, work: Work, arn: str, old: list[tuple[str, str]], new: list[tuple[str, str]]
    ) -> None:
        for protocol, endpoint in new:
            if (protocol, endpoint) not in old:
                await work.call("sns", "Subscribe", TopicArn=arn, Protocol=protocol, Endpoint=endpoint)
        for protocol, endpoint in old:
            if (protocol, endpoint) not in new:
                # Subscribing again is how the subscription of an endpoint is found.
                where = {"TopicArn": arn, "Protocol": protocol, "Endpoint": endpoint}
                found = await work.call("sns", "Subscribe", ReturnSubscriptionArn=True, **where)
                await work.call("sns", "Unsubscribe", SubscriptionArn=found["SubscriptionArn"])

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the topic, and with it its subscriptions."""
        await work.attempt(_NOT_FOUND, "sns", "DeleteTopic", TopicArn=physical.id)


def _refuse(type_name: str, properties: dict[str, Any], built: frozenset[str]) -> None:
    for name in sorted(properties.keys() - built):
        raise HandlerFailed(f"Lambent has not built the property {name} of {type_name} yet.")


async def _put(work: Work, arn: str, policy: str) -> None:
    await work.call("sns", "SetTopicAttributes", TopicArn=arn, AttributeName="Policy", AttributeValue=policy)


async def _take(work: Work, arn: str) -> None:
    where = {"TopicArn": arn, "AttributeName": "Policy", "AttributeValue": ""}
    await work.attempt(_NOT_FOUND, "sns", "SetTopicAttributes", **where)


class TopicPolicy(Handler):
    """AWS::SNS::TopicPolicy: one policy on several topics."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Put the policy on each topic."""
        name = work.physical_id or work.name(128)
        await work.made(name)
        for arn in properties["Topics"]:
            await _put(work, arn, document(properties["PolicyDocument"]))
        return Physical(name, {"Id": name})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Put the new policy on its topics, and take it off those that are no longer named."""
        for arn in new["Topics"]:
            await _put(work, arn, document(new["PolicyDocument"]))
        for arn in old["Topics"]:
            if arn not in new["Topics"]:
                await _take(work, arn)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Take the policy off its topics: each has the default one again."""
        for arn in properties["Topics"]:
            await _take(work, arn)


class TopicInlinePolicy(Handler):
    """AWS::SNS::TopicInlinePolicy: the policy of one topic. Its id is the topic's ARN."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Put the policy."""
        await _put(work, properties["TopicArn"], document(properties["PolicyDocument"]))
        return Physical(properties["TopicArn"])

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Put the new policy."""
        await _put(work, physical.id, document(new["PolicyDocument"]))
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Take the policy away."""
        await _take(work, physical.id)


class Subscription(Handler):
    """AWS::SNS::Subscription. Its id is its ARN."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Subscribe; an endpoint that is subscribed already gives the same subscription, as on AWS."""
        region = properties.get("Region", work.region)
        if region != work.region:
            raise HandlerFailed("Lambent has not built the property Region of AWS::SNS::Subscription yet.")
        made = await work.call(
            "sns",
            "Subscribe",
            TopicArn=properties["TopicArn"],
            Protocol=properties["Protocol"],
            Endpoint=properties.get("Endpoint", ""),
            Attributes=self._attributes(properties),
            ReturnSubscriptionArn=True,
        )
        await work.made(made["SubscriptionArn"])
        return Physical(made["SubscriptionArn"], {"Arn": made["SubscriptionArn"]})

    def _attributes(self, properties: dict[str, Any]) -> dict[str, str]:
        return {name: _text(properties[name]) for name in _SUBSCRIPTION if name in properties}

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Set what differs, a filter's scope before the filter; what is no longer said is taken away."""
        before, after = self._attributes(old), self._attributes(new)
        # A filter that no longer fits the new scope would be refused: it goes first.
        if before.get("FilterPolicyScope") != after.get("FilterPolicyScope") and "FilterPolicy" in before:
            await self._set(work, physical.id, "FilterPolicy", "")
            before.pop("FilterPolicy")
        for name in sorted({*before, *after}, key=lambda name: (name != "FilterPolicyScope", name)):
            if before.get(name) != after.get(name):
                await self._set(work, physical.id, name, after.get(name, ""))
        return physical

    async def _set(self, work: Work, arn: str, name: str, value: str) -> None:
        where = {"SubscriptionArn": arn, "AttributeName": name, "AttributeValue": value}
        await work.call("sns", "SetSubscriptionAttributes", **where)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Unsubscribe."""
        await work.attempt(_NOT_FOUND, "sns", "Unsubscribe", SubscriptionArn=physical.id)


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::SNS::Subscription": Subscription(),
    "AWS::SNS::Topic": Topic(),
    "AWS::SNS::TopicInlinePolicy": TopicInlinePolicy(),
    "AWS::SNS::TopicPolicy": TopicPolicy(),
}
