"""The bus's target for topics: other services publish by it, and the service's own tasks come back to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import orjson

from lambent import mail
from lambent.contracts import arn
from lambent.contracts.caller import service as service_caller
from lambent.contracts.errors import ServiceError
from lambent.contracts.events import Delivery, Event, TryAgain, Undeliverable
from lambent.contracts.ports import Cloud, Reader, Transaction

from . import archiving, fanout, http, keys, letters, measuring, publishing, reports, retrying, tasks
from .envelopes import Envelopes
from .fanout import Round
from .model import PRINCIPAL, Chain, Message, Subscription, Topic
from .tasks import ATTEMPTS_MAX, Task

_LAMBDA: Final = "lambda.amazonaws.com"
_OWN_ACCOUNT: Final = ("cloudwatch.amazonaws.com",)
"""Services that the default policy lets in: they name the owner of what they speak for (aws:SourceOwner)."""
_MAILS_MAX: Final = 50
"""How often AWS tries to hand a mail on, over six hours."""
_MAIL_DELAYS_S: Final = (10, 10, 20, 40, 80, 160, 320, 600)
_NS: Final = 1_000_000_000
_PURGE_PAGE: Final = 500


class _Sending(NamedTuple):
    """A message on its way to one subscription."""

    topic: Topic
    subscription: Subscription
    message: Message
    delivery: Delivery


class SnsTarget:
    """What SNS offers to the bus."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._slots: dict[str, int] = {}
        self._tasks: dict[str, Callable[[Delivery, Task], Awaitable[None]]] = {
            "fan": self._fan,
            "deliver": self._deliver,
            "chain": self._chain,
            "request": self._request,
            "replay": self._replay,
            "purge": self._purge,
        }

    async def deliver(self, delivery: Delivery) -> None:
        """Do one task, or publish one message."""
        event = delivery.event
        if event.principal == PRINCIPAL and event.source == event.target:
            task = tasks.read(event.payload)
            await self._tasks[task.kind](delivery, task)
            return
        now_ms = self._cloud.clock.now_ns() // 1_000_000

        def work(tx: Transaction) -> None:
            role = event.attributes.get("role", "")
            topic = self._ask(tx, event.target, event.principal, event.source, event.account, role)
            try:
                publishing.from_event(self._cloud, tx, topic, delivery, now_ms)
            except ServiceError as refused:
                raise Undeliverable(f"{event.target}: {refused.message}") from None

        await self._cloud.store.write(work)

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Raise `Undeliverable` when the topic does not exist or its policy does not let the service in."""
        await self._cloud.store.read(lambda tx: self._ask(tx, target, principal, source, account, ""))

    def _ask(self, tx: Reader, target: str, principal: str, source: str, account: str, role: str) -> Topic:
        """The topic, if the service may publish to it. Lambda asks its function's role instead, and names it."""
        topic = keys.topic_at(tx, target)
        if topic is None:
            raise Undeliverable(f"The topic {target} does not exist.")
        if role and principal == _LAMBDA and account == topic.account:
            return topic
        if not topic.policy and principal in _OWN_ACCOUNT and account == topic.account:
            return topic
        conditions = {"aws:sourcearn": source, "aws:sourceaccount": account, "aws:sourceowner": account}
        name, _, domain = principal.partition(".")
        # AWS knows some services under the name of their region too, and lets either in.
        for asking in (principal, f"{name}.{topic.region}.{domain}"):
            caller = service_caller(asking, topic.account)
            decision = self._cloud.guard.decide(
                tx, caller, "sns:Publish", topic.arn, conditions, topic.policy or None, topic.account
            )
            if decision.allowed:
                return topic
            if decision.explicit:
                break
        raise Undeliverable(f"The policy of {target} does not let {principal} publish from {source}.")

    async def _topic(self, delivery: Delivery, task: Task) -> Topic | None:
        """The topic of a task; None when it was deleted since."""
        return await self._cloud.store.read(lambda tx: self._current(tx, delivery, task))

    def _current(self, tx: Reader, delivery: Delivery, task: Task) -> Topic | None:
        topic = keys.topic_at(tx, delivery.event.target)
        return topic if topic is not None and topic.id == task.topic else None

    async def _fan(self, delivery: Delivery, task: Task) -> None:
        """Serve a page of subscriptions."""

        def work(tx: Transaction) -> None:
            topic = self._current(tx, delivery, task)
            if topic is not None and task.message is not None:
                fanout.fan(self._cloud, tx, topic, task.message, task.after)

        await self._cloud.store.write(work)

    async def _replay(self, delivery: Delivery, task: Task) -> None:
        """Send a page of the archive."""

        def work(tx: Transaction) -> None:
            topic = self._current(tx, delivery, task)
            if topic is not None:
                archiving.step(self._cloud, tx, topic, task)

        await self._cloud.store.write(work)

    async def _purge(self, delivery: Delivery, task: Task) -> None:
        """Remove a page of what hangs on a deleted topic's id."""

        def work(tx: Transaction) -> None:
            left = _PURGE_PAGE
            for table in (keys.duplicates, keys.duplicate_ends, keys.archive, keys.waiting, keys.chains):
                begin, end = table.key(task.topic) + b"\x00", table.key(task.topic) + b"\xff"
                rows = tx.scan(begin, end, limit=left) if left else []
                for key, _ in rows:
                    tx.delete(key)
                left -= len(rows)
            if not left:
                tx.emit(delivery.event)

        await self._cloud.store.write(work)

    async def _deliver(self, delivery: Delivery, task: Task) -> None:
        """Send one message to one subscription."""

        def look(tx: Reader) -> _Sending | None:
            topic = self._current(tx, delivery, task)
            if topic is None or task.message is None:
                return None
            found = keys.subscription_at(tx, topic.arn, task.subscription)
            return None if found is None else _Sending(topic, found, task.message, delivery)

        sending = await self._cloud.store.read(look)
        if sending is not None:
            await self._send(sending)

    async def _chain(self, delivery: Delivery, task: Task) -> None:
        """Send the first waiting message of a group, then emit the event of the next one."""
        topic = await self._topic(delivery, task)
        if topic is None:
            return
        place = (topic.id, task.subscription, task.group)

        def look(tx: Reader) -> tuple[Subscription | None, Message | None]:
            chain = keys.chains.get(tx, *place)
            rows = keys.waiting.scan(tx, *place, limit=1) if chain is not None and chain.link == task.link else []
            return keys.subscription_at(tx, topic.arn, task.subscription), rows[0][1] if rows else None

        subscription, message = await self._cloud.store.read(look)
        if message is None:
            return
        if subscription is not None:
            await self._send(_Sending(topic, subscription, message, delivery))

        def go_on(tx: Transaction) -> None:
            chain = keys.chains.get(tx, *place)
            if chain is None or chain.link != task.link:
                return
            keys.waiting.delete(tx, *place, message.sequence)
            if keys.waiting.scan(tx, *place, limit=1):
                keys.chains.put(tx, Chain(task.link + 1), *place)
                fanout.emit_link(tx, topic, task.subscription, task.group, task.link + 1)
            else:
                keys.chains.delete(tx, *place)

        await self._cloud.store.write(go_on)

    async def _send(self, sending: _Sending) -> None:
        """One attempt; a message that will never arrive goes to the dead-letter queue."""
        began_ns = self._cloud.clock.now_ns()
        try:
            try:
                status = await self._attempt(sending)
            except TryAgain as again:
                self._wait_or_give_up(sending, again)
                if again.count and sending.subscription.protocol in ("http", "https"):
                    # Of HTTP, AWS counts every attempt that failed; of the rest, what is given up.
                    measuring.note(self._cloud.metrics, sending.topic, measuring.FAILED)
                raise
        except Undeliverable as refused:
            reason = str(refused)

            def bury(tx: Transaction) -> None:
                lost = Round(self._cloud, tx, sending.topic, sending.message)
                lost.bury(sending.subscription, reason)
                lost.tell()

            await self._cloud.store.write(bury)
            await self._report(sending, began_ns, 400, reason)
        else:
            measuring.note(self._cloud.metrics, sending.topic, measuring.DELIVERED)
            await self._report(sending, began_ns, status, "")

    async def _report(self, sending: _Sending, began_ns: int, status: int, reason: str) -> None:
        took_ms = (self._cloud.clock.now_ns() - began_ns) // 1_000_000
        await reports.report(self._cloud, sending.topic, sending.subscription, sending.message, status, reason, took_ms)

    def _wait_or_give_up(self, sending: _Sending, again: TryAgain) -> None:
        """Set when the next attempt is; `Undeliverable` when there is none."""
        attempt, protocol = sending.delivery.attempt, sending.subscription.protocol
        if not again.count:
            return
        if protocol in ("http", "https"):
            again.delay_s = retrying.delay_s(retrying.effective(sending.topic, sending.subscription), attempt)
            if again.delay_s is None:
                raise Undeliverable(f"{attempt} attempts failed: {again.reason}") from None
        elif protocol in ("email", "email-json"):
            again.delay_s = _MAIL_DELAYS_S[min(attempt, len(_MAIL_DELAYS_S)) - 1]
            if attempt >= _MAILS_MAX:
                raise Undeliverable(f"{attempt} attempts failed: {again.reason}") from None
        elif attempt >= ATTEMPTS_MAX:
            raise Undeliverable(f"{attempt} attempts failed: {again.reason}") from None

    async def _attempt(self, sending: _Sending) -> int:
        """Hand the message over; returns the status that a report tells."""
        protocol = sending.subscription.protocol
        if protocol == "sqs":
            event = await self._cloud.store.write(lambda tx: self._round(tx, sending).event(sending.subscription))
            await self._hand_to("sqs", sending.delivery, event)
            return 200
        if protocol == "lambda":
            await self._to_function(sending)
            return 202
        if protocol in ("http", "https"):
            return await self._to_endpoint(sending)
        await self._to_mail_server(sending)
        return 200

    def _round(self, tx: Transaction, sending: _Sending) -> Round:
        return Round(self._cloud, tx, sending.topic, sending.message)

    async def _hand_to(self, service: str, delivery: Delivery, event: Event) -> None:
        try:
            target = self._cloud.targets[service]
        except KeyError:
            raise Undeliverable(f"Lambent has not built a target for {event.target}") from None
        inner = Delivery(id=delivery.id, event=event, attempt=delivery.attempt, emitted_ns=delivery.emitted_ns)
        await target.deliver(inner)

    async def _to_function(self, sending: _Sending) -> None:
        """Hand the event over to Lambda, which tries a function again by its own rules."""
        topic, subscription = sending.topic, sending.subscription
        function = subscription.endpoint
        try:
            target = self._cloud.targets["lambda"]
        except KeyError:
            raise Undeliverable("Lambent has not built Lambda yet.") from None
        await target.check(function, PRINCIPAL, topic.arn, topic.account)

        def emit(tx: Transaction) -> None:
            payload = Envelopes(self._cloud, tx, topic, sending.message).event(subscription)
            event = Event(
                target=function,
                payload=payload,
                source=topic.arn,
                principal=PRINCIPAL,
                account=topic.account,
                region=topic.region,
            )
            tx.emit(event)

        await self._cloud.store.write(emit)

    async def _to_endpoint(self, sending: _Sending) -> int:
        topic, subscription, message = sending.topic, sending.subscription, sending.message
        policy = retrying.effective(topic, subscription)
        self._pace(subscription, retrying.rate(policy))
        headers = {
            "x-amz-sns-message-type": "Notification",
            "x-amz-sns-message-id": message.id,
            "x-amz-sns-topic-arn": topic.arn,
            "x-amz-sns-subscription-arn": subscription.arn,
        }
        if subscription.raw:
            headers["x-amz-sns-rawdelivery"] = "true"
        headers["Content-Type"] = policy["requestPolicy"]["headerContentType"]
        event = await self._cloud.store.write(lambda tx: self._round(tx, sending).event(subscription))
        return await http.post(self._cloud, subscription.endpoint, headers, event.payload)

    def _pace(self, subscription: Subscription, rate: int) -> None:
        """Put a message off while its endpoint has had as many in this second as it takes. Per node."""
        if not rate:
            return
        now_ns = self._cloud.clock.now_ns()
        slot_ns = self._slots.get(subscription.arn, 0)
        if slot_ns > now_ns:
            raise TryAgain("the endpoint takes no more at the moment", delay_s=(slot_ns - now_ns) / _NS, count=False)
        if len(self._slots) > 10_000:
            self._slots = {key: due for key, due in self._slots.items() if due > now_ns}
        self._slots[subscription.arn] = now_ns + _NS // rate

    async def _to_mail_server(self, sending: _Sending) -> None:
        now_ms = self._cloud.clock.now_ns() // 1_000_000

        def write(tx: Transaction) -> mail.Letter:
            made = Envelopes(self._cloud, tx, sending.topic, sending.message)
            return letters.notification(self._cloud, sending.topic, sending.subscription, made, now_ms)

        letter = await self._cloud.store.write(write)
        await self._mail(letter, sending.message.id)

    async def _mail(self, letter: mail.Letter, id: str) -> None:
        """Send a letter by SMTP, or keep it when no server is named (any more)."""
        server = self._cloud.settings.smtp
        if not server:
            await self._cloud.store.write(lambda tx: mail.keep(tx, letter))
            return
        # Deferred: the mail library takes a while to load, and most nodes have no server.
        from lambent.mail import smtp

        unsubscribe = letter.details.get("Unsubscribe")
        composed = smtp.compose(
            sender=letter.sender,
            name=letter.details["From"],
            to=letter.to,
            subject=letter.subject,
            body=letter.body,
            id=id,
            sent_ms=letter.sent_ms,
            headers={"List-Unsubscribe": f"<{unsubscribe}>"} if unsubscribe else {},
        )
        try:
            await smtp.send(server, composed)
        except smtp.MailUnreachable as error:
            raise TryAgain(str(error)) from None
        except smtp.MailRefused as error:
            raise Undeliverable(str(error)) from None

    async def _request(self, delivery: Delivery, task: Task) -> None:
        """Ask the endpoint of a subscription for a confirmation."""

        def look(tx: Reader) -> tuple[Topic, Subscription] | None:
            topic = self._current(tx, delivery, task)
            if topic is None:
                return None
            found = keys.subscription_at(tx, topic.arn, task.subscription)
            # What was unsubscribed is gone; its record came with the task.
            return None if found is None and not task.group else (topic, found or _gone(topic, task))

        found = await self._cloud.store.read(look)
        if found is None:
            return
        topic, subscription = found
        asked = orjson.loads(task.body)
        try:
            try:
                await self._ask_endpoint(delivery, topic, subscription, asked, task.body)
            except TryAgain as again:
                message = Message(id=task.id, topic=topic.arn, text="", published_ms=0)
                self._wait_or_give_up(_Sending(topic, subscription, message, delivery), again)
                raise
        except Undeliverable as refused:
            reports.lost(subscription, str(refused))

    async def _ask_endpoint(
        self, delivery: Delivery, topic: Topic, subscription: Subscription, asked: dict[str, str], body: bytes
    ) -> None:
        if subscription.protocol in ("http", "https"):
            headers = {
                "x-amz-sns-message-type": asked["Type"],
                "x-amz-sns-message-id": asked["MessageId"],
                "x-amz-sns-topic-arn": topic.arn,
                "Content-Type": retrying.CONTENT_TYPE,
            }
            if asked["Type"] == "UnsubscribeConfirmation":
                headers["x-amz-sns-subscription-arn"] = subscription.arn
            await http.post(self._cloud, subscription.endpoint, headers, body)
        elif subscription.protocol == "sqs":
            event = Event(
                target=subscription.endpoint,
                payload=body,
                source=topic.arn,
                principal=PRINCIPAL,
                account=topic.account,
                region=topic.region,
            )
            await self._hand_to("sqs", delivery, event)
        else:
            now_ms = self._cloud.clock.now_ns() // 1_000_000
            letter = letters.confirmation(self._cloud, topic, subscription, asked["Token"], body, now_ms)
            await self._mail(letter, asked["MessageId"])


def _gone(topic: Topic, task: Task) -> Subscription:
    """A subscription that ended: what is needed to tell its endpoint so (`group` holds protocol and endpoint)."""
    protocol, _, endpoint = task.group.partition(" ")
    owner = arn.parse(topic.arn).account
    return Subscription(
        topic=topic.arn,
        id=task.subscription,
        protocol=protocol,
        endpoint=endpoint,
        owner=owner,
        principal="",
        created_ms=0,
    )
