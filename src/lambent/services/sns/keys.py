"""Every key of SNS.

======================  ==========================================================================================
sns.topic               account, region, name
sns.subscription        account, region, topic, subscription id
sns.endpoint            topic id, protocol, endpoint: the subscription that has it
sns.owned               account, region, topic's ARN, subscription id: an account's subscriptions, of whatever topic
sns.counts              topic id: how many subscriptions there are and were
sns.token               token
sns.duplicate           topic id, scope (a group, or empty), deduplication id
sns.duplicate_end       topic id, until, scope, deduplication id: in the order in which they end
sns.sequence            topic id: the last sequence given (FIFO)
sns.archive             topic id, published, sequence
sns.waiting             topic id, subscription id, group, sequence: FIFO messages that go out one after another
sns.chain               topic id, subscription id, group: that they do
sns.signing             (nothing)
sns.application         account, region, platform, name
sns.device              application's ARN, id
sns.device_token        application's ARN, token
sns.sms, sns.opted_out, sns.sandbox    account, region [, number]
======================  ==========================================================================================
"""

from __future__ import annotations

from functools import lru_cache

from msgspec.structs import replace

from lambent.contracts import arn
from lambent.contracts.ports import Reader, Transaction
from lambent.kv.table import Table

from .errors import invalid, no_subscription, no_topic
from .model import (
    Application,
    Chain,
    Count,
    Counts,
    Device,
    Duplicate,
    Mark,
    Message,
    Named,
    Owned,
    SandboxNumber,
    SigningKey,
    SmsSettings,
    Subscription,
    Token,
    Topic,
)

topics = Table("sns.topic", Topic)
subscriptions = Table("sns.subscription", Subscription)
endpoints = Table("sns.endpoint", Named)
owned = Table("sns.owned", Owned)
counts = Table("sns.counts", Counts)
tokens = Table("sns.token", Token)
duplicates = Table("sns.duplicate", Duplicate)
duplicate_ends = Table("sns.duplicate_end", Mark)
sequences = Table("sns.sequence", Count)
archive = Table("sns.archive", Message)
waiting = Table("sns.waiting", Message)
chains = Table("sns.chain", Chain)
signing = Table("sns.signing", SigningKey)
applications = Table("sns.application", Application)
devices = Table("sns.device", Device)
device_tokens = Table("sns.device_token", Named)
sms = Table("sns.sms", SmsSettings)
opted_out = Table("sns.opted_out", Mark)
sandbox = Table("sns.sandbox", SandboxNumber)

_ENDPOINT_BYTES_MAX = 1024
_place = lru_cache(4096)(arn.parse)


def topic_at(tx: Reader, topic_arn: str) -> Topic | None:
    """The topic of a well-formed ARN; None when there is none."""
    place = _place(topic_arn)
    return topics.get(tx, place.account, place.region, place.resource)


def get_topic(tx: Reader, topic_arn: str) -> Topic:
    """The topic of a well-formed ARN; `NotFound` when there is none."""
    found = topic_at(tx, topic_arn)
    if found is None:
        raise no_topic()
    return found


def put_topic(tx: Transaction, topic: Topic) -> None:
    """Store a topic."""
    topics.put(tx, topic, topic.account, topic.region, topic.name)


def of_topic(tx: Reader, topic: Topic, after: str = "", limit: int | None = None) -> list[Subscription]:
    """A topic's subscriptions in the order of their ids, after the id `after`."""
    place = (topic.account, topic.region, topic.name)
    key = subscriptions.key(*place, after) if after else None
    return [found for _, found in subscriptions.scan(tx, *place, after=key, limit=limit)]


def subscription_at(tx: Reader, topic_arn: str, id: str) -> Subscription | None:
    """A subscription by the ARN of its topic and its id; None when there is none."""
    place = _place(topic_arn)
    return subscriptions.get(tx, place.account, place.region, place.resource, id)


def split(subscription_arn: str) -> tuple[str, str]:
    """The topic's ARN and the id in a subscription's ARN that is well formed."""
    topic_arn, _, id = subscription_arn.rpartition(":")
    return topic_arn, id


def get_subscription(tx: Reader, subscription_arn: str) -> Subscription:
    """The subscription of a well-formed ARN; `NotFound` when there is none."""
    found = subscription_at(tx, *split(subscription_arn))
    if found is None:
        raise no_subscription()
    return found


def _endpoint_key(endpoint: str) -> str:
    if len(endpoint.encode()) > _ENDPOINT_BYTES_MAX:
        raise invalid("Endpoint", f"must be at most {_ENDPOINT_BYTES_MAX} bytes long")
    return endpoint


def same_endpoint(tx: Reader, topic: Topic, protocol: str, endpoint: str) -> Subscription | None:
    """The subscription of a topic that goes to an endpoint."""
    found = endpoints.get(tx, topic.id, protocol, _endpoint_key(endpoint))
    return None if found is None else subscription_at(tx, topic.arn, found.id)


def put_subscription(tx: Transaction, topic: Topic, new: Subscription) -> None:
    """Store a subscription, with its indexes and counts."""
    _count(tx, topic, subscription_at(tx, topic.arn, new.id), new)
    subscriptions.put(tx, new, topic.account, topic.region, topic.name, new.id)
    endpoints.put(tx, Named(new.id), topic.id, new.protocol, _endpoint_key(new.endpoint))
    owned.put(tx, Owned(new.topic), new.owner, topic.region, new.topic, new.id)


def delete_subscription(tx: Transaction, topic: Topic, old: Subscription) -> None:
    """Remove a subscription of an existing topic."""
    _count(tx, topic, old, None)
    subscriptions.delete(tx, topic.account, topic.region, topic.name, old.id)
    endpoints.delete(tx, topic.id, old.protocol, old.endpoint)
    owned.delete(tx, old.owner, topic.region, old.topic, old.id)


def _count(tx: Transaction, topic: Topic, old: Subscription | None, new: Subscription | None) -> None:
    found = counts.get(tx, topic.id) or Counts()
    for subscription, step in ((old, -1), (new, 1)):
        if subscription is not None:
            found = Counts(
                confirmed=found.confirmed + step * (not subscription.pending),
                pending=found.pending + step * subscription.pending,
                filtered=found.filtered + step * bool(subscription.filter),
                removed=found.removed,
            )
    if new is None:
        found = replace(found, removed=found.removed + 1)
    counts.put(tx, found, topic.id)
