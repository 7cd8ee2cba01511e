"""What CloudWatch hears of a topic: AWS/SNS's metrics, after the commit of what they count."""

from __future__ import annotations

from functools import partial

from lambent.contracts.ports import Metrics, Transaction

from .model import Topic

PUBLISHED = "NumberOfMessagesPublished"
SIZE = "PublishSize"
DELIVERED = "NumberOfNotificationsDelivered"
FAILED = "NumberOfNotificationsFailed"
FILTERED = "NumberOfNotificationsFilteredOut"
REDRIVEN = "NumberOfNotificationsRedrivenToDlq"


def note(metrics: Metrics, topic: Topic, name: str, value: int = 1, unit: str = "Count") -> None:
    """Note what became of a topic's messages."""
    metrics.note(topic.account, topic.region, "AWS/SNS", name, value, unit, (("TopicName", topic.name),))


def published(tx: Transaction, metrics: Metrics, topic: Topic, size_bytes: int) -> None:
    """Note a message of this size, when the transaction has committed."""

    def tell() -> None:
        note(metrics, topic, PUBLISHED)
        note(metrics, topic, SIZE, size_bytes, "Bytes")

    tx.on_commit(tell)


def after(tx: Transaction, metrics: Metrics, topic: Topic, name: str, count: int) -> None:
    """As `note`, when the transaction has committed; nothing for a count of 0."""
    if count:
        tx.on_commit(partial(note, metrics, topic, name, count))
