"""From a message to its receivers.

In the publisher's own transaction, where it can be: a queue of the same store is written to at once, a letter goes into
the mailbox, a task is emitted for what takes time. A topic with many subscriptions is left to a task that goes through
them a page at a time. See DESIGN.md for why.
"""

from __future__ import annotations

from typing import Any, Final, cast

import orjson

from lambent import mail
from lambent.contracts.events import Delivery, Event, Undeliverable
from lambent.contracts.ports import Cloud, Inlet, Transaction

from . import keys, letters, measuring, reports, tasks
from .envelopes import Envelopes
from .filtering import Sieve
from .model import PRINCIPAL, Chain, Message, Subscription, Topic
from .tasks import Task

INLINE: Final = 16
"""Subscriptions of a standard topic that the publisher's transaction serves; more are served by tasks."""
FAN_PAGE: Final = 50
_RAW_ATTRIBUTES_MAX: Final = 10


def publish(cloud: Cloud, tx: Transaction, topic: Topic, message: Message) -> None:
    """Send a message to everybody who subscribed, now or as tasks."""
    found = keys.of_topic(tx, topic, limit=None if topic.fifo else INLINE + 1)
    if len(found) > INLINE and not topic.fifo:
        tasks.emit(tx, topic, Task(kind="fan", topic=topic.id, message=message))
        return
    served = Round(cloud, tx, topic, message)
    for subscription in found:
        served.send(subscription)
    served.tell()


def fan(cloud: Cloud, tx: Transaction, topic: Topic, message: Message, after: str) -> None:
    """Serve a page of a topic's subscriptions, and leave the rest to the next task."""
    found = keys.of_topic(tx, topic, after, FAN_PAGE + 1)
    served = Round(cloud, tx, topic, message)
    for subscription in found[:FAN_PAGE]:
        served.send(subscription)
    served.tell()
    if len(found) > FAN_PAGE:
        last = found[FAN_PAGE - 1].id
        tasks.emit(tx, topic, Task(kind="fan", topic=topic.id, message=message, after=last))


class Round:
    """One message on its way to subscriptions, in one transaction."""

    __slots__ = (
        *("_cloud", "_inlet", "_reported", "_sieve", "_topic", "_tx", "envelopes", "message"),
        *("delivered", "failed", "filtered", "redriven"),
    )

    def __init__(self, cloud: Cloud, tx: Transaction, topic: Topic, message: Message) -> None:
        self._cloud = cloud
        self._tx = tx
        self._topic = topic
        self.message = message
        self.envelopes = Envelopes(cloud, tx, topic, message)
        self._sieve = Sieve(message)
        self._inlet = _inlet(cloud)
        self.delivered = self.failed = self.filtered = self.redriven = 0
        # What is reported is a task's work: a report is written as a role that has to be asked.
        self._reported = bool(reports.role(topic, "sqs", True) or reports.role(topic, "sqs", False))

    def send(self, subscription: Subscription) -> None:
        """Send to one subscription what its filter lets through, unless it has to wait for a replay."""
        if subscription.pending:
            return
        if not self._sieve.passes(subscription):
            self.filtered += 1
            return
        # While a subscription replays, messages come to it out of the archive, after what was published before.
        if not self.message.replayed and _replays(subscription):
            return
        self._to(subscription)

    def tell(self) -> None:
        """Have CloudWatch told, after the commit, what became of what this round served; tasks tell of their own."""
        if not (self.delivered or self.failed or self.filtered):
            return
        tx, metrics, topic = self._tx, self._cloud.metrics, self._topic
        measuring.after(tx, metrics, topic, measuring.DELIVERED, self.delivered)
        measuring.after(tx, metrics, topic, measuring.FAILED, self.failed)
        measuring.after(tx, metrics, topic, measuring.FILTERED, self.filtered)
        measuring.after(tx, metrics, topic, measuring.REDRIVEN, self.redriven)

    def _to(self, subscription: Subscription) -> None:
        protocol = subscription.protocol
        if protocol == "sqs":
            self._to_queue(subscription)
        elif protocol == "sms":
            sender = self._topic.attributes.get("DisplayName", "")
            owner = (self._topic.account, self._topic.region)
            letters.text_message(self._tx, *owner, subscription.endpoint, self.message, sender)
            self.delivered += 1
        elif protocol == "application":
            if letters.push(self._tx, self._topic.account, self._topic.region, subscription.endpoint, self.message):
                self.delivered += 1
            else:
                self.bury(subscription, "the device is gone or switched off")
        elif protocol in ("email", "email-json") and not self._cloud.settings.smtp:
            letter = letters.notification(
                self._cloud, self._topic, subscription, self.envelopes, self._cloud.clock.now_ns() // 1_000_000
            )
            mail.keep(self._tx, letter)
            self.delivered += 1
        else:
            task = Task(kind="deliver", topic=self._topic.id, subscription=subscription.id, message=self.message)
            tasks.emit(self._tx, self._topic, task)

    def _to_queue(self, subscription: Subscription) -> None:
        message, tx, topic = self.message, self._tx, self._topic
        if subscription.raw and len(message.attributes) > _RAW_ATTRIBUTES_MAX:
            self.bury(subscription, f"a queue takes {_RAW_ATTRIBUTES_MAX} message attributes")
            return
        inlet = None if self._reported else self._inlet
        chain = None
        if topic.fifo:
            chain = keys.chains.get(tx, topic.id, subscription.id, message.group)
        if inlet is not None and chain is None:
            self._hand_over(inlet, subscription)
        elif topic.fifo:
            keys.waiting.put(tx, message, topic.id, subscription.id, message.group, message.sequence)
            if chain is None:
                keys.chains.put(tx, Chain(1), topic.id, subscription.id, message.group)
                emit_link(tx, topic, subscription.id, message.group, 1)
        else:
            task = Task(kind="deliver", topic=topic.id, subscription=subscription.id, message=message)
            tasks.emit(tx, topic, task)

    def _hand_over(self, inlet: Inlet, subscription: Subscription) -> None:
        event = self.event(subscription)
        id = f"{self.message.id}/{subscription.id}"
        delivery = Delivery(id=id, event=event, attempt=1, emitted_ns=self._cloud.clock.now_ns())
        try:
            inlet.take(self._tx, delivery)
            self.delivered += 1
        except Undeliverable as refused:
            self.bury(subscription, str(refused))

    def event(self, subscription: Subscription, target: str = "") -> Event:
        """The event that puts the message on a queue: the subscription's, or another (`target`)."""
        raw = subscription.raw and subscription.protocol in ("sqs", "http", "https")
        if target and len(self.message.attributes) > _RAW_ATTRIBUTES_MAX:
            raw = False  # in the envelope there is room for them
        text = self.message.text_for(subscription.protocol)
        return Event(
            target=target or subscription.endpoint,
            payload=text.encode() if raw else self.envelopes.json(subscription),
            source=self._topic.arn,
            principal=PRINCIPAL,
            account=self._topic.account,
            region=self._topic.region,
            attributes=queue_attributes(
                self.message, fifo=(target or subscription.endpoint).endswith(".fifo"), raw=raw
            ),
        )

    def bury(self, subscription: Subscription, reason: str) -> None:
        """Send the message to the subscription's dead-letter queue, if it has one."""
        reports.lost(subscription, reason)
        self.failed += 1
        policy = subscription.attributes.get("RedrivePolicy")
        if not policy:
            return
        self.redriven += 1
        event = self.event(subscription, orjson.loads(policy)["deadLetterTargetArn"])
        inlet = self._inlet
        if inlet is None:
            self._tx.emit(event)
            return
        id = f"{self.message.id}/{subscription.id}/dead"
        delivery = Delivery(id=id, event=event, attempt=1, emitted_ns=self._cloud.clock.now_ns())
        try:
            inlet.take(self._tx, delivery)
        except Undeliverable:
            self._tx.emit(event)  # the relay tells of it in the log


def emit_link(tx: Transaction, topic: Topic, subscription: str, group: str, link: int) -> None:
    """Have the first waiting message of a group sent."""
    tasks.emit(tx, topic, Task(kind="chain", topic=topic.id, subscription=subscription, group=group, link=link))


def queue_attributes(message: Message, *, fifo: bool, raw: bool) -> dict[str, str]:
    """What an event tells a queue (`fifo` or not) of a message beside its body. A FIFO topic's group means nothing to a
    standard queue; a standard topic hands groups on to it, which it shares its receivers among."""
    found: dict[str, str] = {}
    if message.group and (fifo or not message.sequence):
        found["sqs:MessageGroupId"] = message.group
    if message.deduplication and fifo:
        found["sqs:MessageDeduplicationId"] = message.deduplication
    if raw and message.attributes:
        found["sqs:MessageAttributes"] = orjson.dumps(_parameters(message)).decode()
    return found


def _parameters(message: Message) -> dict[str, dict[str, Any]]:
    """A message's attributes as SendMessage takes them, binary values in base64."""
    return {
        name: {"DataType": kind, "BinaryValue" if kind.startswith("Binary") else "StringValue": value}
        for name, kind, value in message.attributes
    }


def _inlet(cloud: Cloud) -> Inlet | None:
    """The way onto queues inside the own transaction; None where others have the store open too, for a transaction
    over many hot queues would lose against each of their writers."""
    if cloud.store.shared:
        return None
    target = cloud.targets.get("sqs")
    return cast("Inlet", target) if hasattr(target, "take") else None


def _replays(subscription: Subscription) -> bool:
    """Whether a subscription hears from the archive only: until its replay is completed, and after it when it was of a
    span of time that has an end."""
    policy = subscription.attributes.get("ReplayPolicy")
    if policy is None:
        return False
    return subscription.attributes.get("ReplayStatus") != "Completed" or "EndingPoint" in orjson.loads(policy)
