"""A queue against a plain model: nothing is lost, early, twice at a time, or out of its group's order.

Receives of the queue are compared with what the model allows; the counts are exact at every step.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.contracts.errors import ServiceError

from .support import SqsCloud

GROUPS = st.sampled_from(["a", "b", ""])
SEND = st.tuples(st.just("send"), GROUPS, st.sampled_from([0, 0, 0, 5]))
STEPS = st.lists(
    st.one_of(
        SEND,
        SEND,
        st.tuples(st.just("receive"), st.just(5), st.just(10)),
        st.tuples(st.just("receive"), st.integers(1, 5), st.sampled_from([0, 1, 10])),
        st.tuples(st.just("delete"), st.integers(0, 30)),
        st.tuples(st.just("change"), st.integers(0, 30), st.sampled_from([0, 1, 20])),
        st.tuples(st.just("advance"), st.sampled_from([1, 500, 1000, 5000, 11_000])),
        st.tuples(st.just("purge")),
    ),
    min_size=20,
    max_size=60,
)
RETENTION_MS = 60_000


@dataclass
class Copy:
    """A message as the model knows it."""

    body: str
    group: str
    sent_ms: int
    visible_ms: int
    received: bool = False
    handle: str = ""
    claimed_ms: int = 0


@dataclass
class Plain:
    """A queue that is a list."""

    fifo: bool
    messages: list[Copy] = field(default_factory=list)

    def expire(self, now_ms: int) -> None:
        self.messages = [copy for copy in self.messages if copy.sent_ms + RETENTION_MS > now_ms]

    def receivable(self, now_ms: int) -> list[Copy]:
        """What may be received, in the order of the sends; of a FIFO queue, of each group what no other blocks."""
        blocked: set[str] = set()
        found = []
        for copy in self.messages:
            if copy.visible_ms > now_ms:
                blocked.add(copy.group)
            elif not self.fifo or copy.group not in blocked:
                found.append(copy)
        return found

    def counts(self, now_ms: int) -> tuple[int, int, int]:
        hidden = [copy for copy in self.messages if copy.visible_ms > now_ms]
        in_flight = sum(copy.received for copy in hidden)
        return len(self.messages) - len(hidden), in_flight, len(hidden) - in_flight


class Comparison:
    """Does each step to both."""

    def __init__(self, fifo: bool) -> None:
        self.cloud = SqsCloud()
        self.name = "q.fifo" if fifo else "q"
        self.plain = Plain(fifo)
        self.handles: list[tuple[str, Copy]] = []
        self.sent = 0
        self.purged_ms = 0

    @property
    def now_ms(self) -> int:
        return self.cloud.clock.now_ns() // 1_000_000

    async def run(self, steps: list[tuple[Any, ...]]) -> None:
        await self.cloud.start_relay()
        await self.cloud.create(self.name, MessageRetentionPeriod=60)
        for kind, *arguments in steps:
            await getattr(self, kind)(*arguments)
            self.plain.expire(self.now_ms)
            if kind == "advance":
                await self.cloud.advance(1.0)  # the sweep has a second
                self.plain.expire(self.now_ms)
            assert await self.cloud.counts(self.name) == self.plain.counts(self.now_ms)
        await self.drain()

    async def send(self, group: str, delay_s: int) -> None:
        self.sent += 1
        body = f"{self.sent}"
        params: dict[str, Any] = {"MessageGroupId": group} if group else {}
        if self.plain.fifo:
            params = {"MessageGroupId": group or "d", "MessageDeduplicationId": body}
            delay_s = 0
        else:
            params["DelaySeconds"] = delay_s
        await self.cloud.send(body, self.name, **params)
        group = params.get("MessageGroupId", "")
        self.plain.messages.append(Copy(body, group, self.now_ms, self.now_ms + delay_s * 1000))

    async def receive(self, limit: int, visibility_s: int) -> None:
        allowed = self.plain.receivable(self.now_ms)
        found = await self.cloud.receive(self.name, limit, VisibilityTimeout=visibility_s)
        assert len(found) == min(limit, len(allowed))
        taken: list[Copy] = []
        for message in found:
            [copy] = [copy for copy in allowed if copy.body == message["Body"]]
            assert copy not in taken
            taken.append(copy)
            copy.received, copy.handle, copy.claimed_ms = True, message["ReceiptHandle"], self.now_ms
            copy.visible_ms = self.now_ms + visibility_s * 1000
            self.handles.append((copy.handle, copy))
        if self.plain.fifo:
            for group in {copy.group for copy in taken}:
                got = [copy.body for copy in taken if copy.group == group]
                could = [copy.body for copy in allowed if copy.group == group]
                assert got == could[: len(got)], "out of order"

    async def delete(self, number: int) -> None:
        if not self.handles:
            return
        handle, copy = self.handles[number % len(self.handles)]
        there = copy in self.plain.messages
        expired = self.plain.fifo and there and (copy.handle != handle or copy.visible_ms <= self.now_ms)
        if expired:
            with pytest.raises(ServiceError, match="expired"):
                await self.cloud.delete(handle, self.name)
            return
        await self.cloud.delete(handle, self.name)
        if there and copy.handle == handle:
            self.plain.messages.remove(copy)

    async def change(self, number: int, visibility_s: int) -> None:
        if not self.handles:
            return
        handle, copy = self.handles[number % len(self.handles)]
        good = copy in self.plain.messages and copy.handle == handle
        good = good and not (self.plain.fifo and copy.visible_ms <= self.now_ms)
        changed = self.cloud.sqs(
            "ChangeMessageVisibility", self.name, ReceiptHandle=handle, VisibilityTimeout=visibility_s
        )
        if not good:
            with pytest.raises(ServiceError):
                await changed
            return
        await changed
        copy.visible_ms = self.now_ms + visibility_s * 1000

    async def advance(self, by_ms: int) -> None:
        await self.cloud.advance(by_ms / 1000)

    async def purge(self) -> None:
        if self.now_ms < self.purged_ms + 60_000:
            with pytest.raises(ServiceError, match="Only one PurgeQueue"):
                await self.cloud.sqs("PurgeQueue", self.name)
            return
        await self.cloud.sqs("PurgeQueue", self.name)
        self.purged_ms = self.now_ms
        self.plain.messages.clear()

    async def drain(self) -> None:
        """In the end everything that was sent and not deleted can be had, and nothing else is left."""
        await self.cloud.advance(21)
        self.plain.expire(self.now_ms)
        found: list[str] = []
        while messages := await self.cloud.receive(self.name):
            for message in messages:
                found.append(message["Body"])
                await self.cloud.delete(message["ReceiptHandle"], self.name)
        assert sorted(found) == sorted(copy.body for copy in self.plain.messages)
        if self.plain.fifo:
            order = {copy.body: copy for copy in self.plain.messages}
            for group in {copy.group for copy in order.values()}:
                got = [body for body in found if order[body].group == group]
                assert got == [copy.body for copy in self.plain.messages if copy.group == group]
        assert await self.cloud.counts(self.name) == (0, 0, 0)
        for kind in ("message", "time", "turn", "line", "order", "later", "body"):
            assert await self.cloud.rows(f"\x03sqs.{kind}\x00".encode()) == 0, kind


@pytest.mark.slow
@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "fifo"])
def test_a_queue_does_what_a_list_does(fifo: bool) -> None:
    @settings(max_examples=150)
    @given(STEPS)
    def check(steps: list[tuple[Any, ...]]) -> None:
        asyncio.run(Comparison(fifo).run(steps))

    check()
