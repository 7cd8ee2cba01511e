"""The archive of FIFO topics: messages are kept for some days and replayed in their order to subscriptions that ask."""

from __future__ import annotations

import datetime
import re
from typing import Any, Final

import orjson
from msgspec.structs import replace

from lambent.contracts.ports import Cloud, Transaction

from . import keys, tasks
from .envelopes import timestamp
from .errors import invalid
from .fanout import Round
from .model import DAY_MS, Message, Subscription, Topic
from .tasks import Task

_PAGE: Final = 100
_PRUNED: Final = 3
"""Old messages that each new one removes: more than it adds."""
_DAYS: Final = (1, 365)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z?")
_POINTS: Final = ("PointType", "StartingPoint", "EndingPoint")


def read_archive_policy(topic_is_fifo: bool, text: str) -> str:
    """An ArchivePolicy, checked; empty when it switches the archive off."""
    if not topic_is_fifo:
        raise invalid("Attributes Reason: ArchivePolicy is only supported for FIFO topics")
    try:
        policy = orjson.loads(text or "{}")
        days = int(policy.get("MessageRetentionPeriod", 0)) if policy else 0
    except (ValueError, AttributeError, TypeError):
        raise invalid("ArchivePolicy: failed to parse JSON.") from None
    if not policy:
        return ""
    if set(policy) != {"MessageRetentionPeriod"} or not _DAYS[0] <= days <= _DAYS[1]:
        raise invalid(f"ArchivePolicy: MessageRetentionPeriod must be between {_DAYS[0]} and {_DAYS[1]}")
    return text


def keep(tx: Transaction, topic: Topic, message: Message) -> None:
    """Archive a published message, if the topic archives, and remove some that are too old."""
    policy = topic.attributes.get("ArchivePolicy")
    if not policy:
        return
    keys.archive.put(tx, message, topic.id, message.published_ms, message.sequence)
    end_ms = message.published_ms - int(orjson.loads(policy)["MessageRetentionPeriod"]) * DAY_MS
    for key, old in keys.archive.scan(tx, topic.id, limit=_PRUNED):
        if old.published_ms < end_ms:
            tx.delete(key)


def _moment_ms(policy: dict[str, Any], name: str) -> int:
    text = policy[name]
    if not isinstance(text, str) or _MOMENT.fullmatch(text) is None:
        raise invalid(f"ReplayPolicy: {name} is not a valid timestamp")
    try:
        found = datetime.datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=datetime.UTC)
    except ValueError:
        raise invalid(f"ReplayPolicy: {name} is not a valid timestamp") from None
    return int(found.timestamp() * 1000)


def read_replay_policy(topic: Topic, text: str) -> dict[str, Any]:
    """A ReplayPolicy, checked against what the topic has archived."""
    try:
        policy = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise invalid("ReplayPolicy: failed to parse JSON.") from None
    if not isinstance(policy, dict) or not set(policy) <= set(_POINTS):
        raise invalid("ReplayPolicy: unrecognized field")
    if policy.get("PointType") != "Timestamp" or "StartingPoint" not in policy:
        raise invalid("ReplayPolicy: PointType must be Timestamp and StartingPoint is required")
    if not topic.attributes.get("ArchivePolicy"):
        raise invalid("ReplayPolicy: the topic has no ArchivePolicy")
    start_ms = _moment_ms(policy, "StartingPoint")
    if "EndingPoint" in policy and _moment_ms(policy, "EndingPoint") <= start_ms:
        raise invalid("ReplayPolicy: EndingPoint must be after StartingPoint")
    return policy


def begin(cloud: Cloud, tx: Transaction, topic: Topic, subscription: Subscription) -> Subscription:
    """The subscription with its replay begun; to be stored by the caller."""
    link = cloud.clock.now_ns()
    task = Task(kind="replay", topic=topic.id, subscription=subscription.id, link=link)
    tasks.emit(tx, topic, task)
    attributes = {**subscription.attributes, "ReplayStatus": "In progress", "_Replay": str(link)}
    return replace(subscription, attributes=attributes)


def step(cloud: Cloud, tx: Transaction, topic: Topic, task: Task) -> None:
    """Send a page out of the archive; each page is its own event, and one that was done already does nothing."""
    subscription = keys.subscription_at(tx, topic.arn, task.subscription)
    if subscription is None or subscription.attributes.get("_Replay") != str(task.link):
        return
    policy = orjson.loads(subscription.attributes["ReplayPolicy"])
    end_ms = _moment_ms(policy, "EndingPoint") if "EndingPoint" in policy else None
    position = tuple(int(part) for part in task.after.split(",")) if task.after else ()
    after = keys.archive.key(topic.id, *(position or (_moment_ms(policy, "StartingPoint"),)))
    rows = keys.archive.scan(tx, topic.id, after=after, limit=_PAGE)
    ended = len(rows) < _PAGE
    for _, message in rows:
        if end_ms is not None and message.published_ms > end_ms:
            ended = True
            break
        served = Round(cloud, tx, topic, replace(message, replayed=True))
        served.send(subscription)
        served.tell()
        position = (message.published_ms, message.sequence)
    attributes = dict(subscription.attributes)
    if ended:
        # From here on it hears what is published: nothing lies between, for both are writes of the same store.
        attributes |= {"ReplayStatus": "Completed", "_Replay": ""}
    else:
        link = task.link + 1
        attributes["_Replay"] = str(link)
        next_task = Task(
            kind="replay", topic=topic.id, subscription=subscription.id, link=link, after=",".join(map(str, position))
        )
        tasks.emit(tx, topic, next_task)
    keys.put_subscription(tx, topic, replace(subscription, attributes=attributes))


def beginning(now_ms: int) -> str:
    """The moment since when a topic archives, as GetTopicAttributes shows it."""
    return timestamp(now_ms)
