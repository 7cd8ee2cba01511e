"""SQS: queues that are sent to, received and deleted from, with a dead-letter queue, on nodes whose clocks differ.

Which message a receive gives is the service's choice, so there is no history of states; what is held against is what
each call promised: nothing acknowledged is lost, nothing deleted comes back, nothing refused shows, groups stay in
order.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from typing import Any, ClassVar

from lambent.services.sqs import keys

from ..loop import pause
from ..nodes import ACCOUNT, REGION
from ..workload import Answer, Client, Lost, Refused, Story, Workload, insist
from ..world import World

PLAIN, FIFO, DEAD = "sim", "sim.fifo", "sim-dead"
QUEUES = (PLAIN, FIFO, DEAD)
GROUPS = ("one", "two")
VISIBILITY_S_MAX = 30
DAY_S = 86_400


def _url(name: str) -> str:
    return f"http://sim/{ACCOUNT}/{name}"


class Sqs(Workload):
    """See the module."""

    name: ClassVar[str] = "sqs"

    def __init__(self, world: World, chance: random.Random) -> None:
        super().__init__(world, chance)
        self._count = 0
        self.sent: set[str] = set()
        """Bodies whose send was acknowledged."""
        self.never: set[str] = set()
        """Bodies whose send failed for certain."""
        self.receipts: dict[str, tuple[str, str, int]] = {}
        """Queue, body, and number of the receipt of each handle."""
        self.begun: set[str] = set()
        """Bodies that somebody began to delete."""
        self.deleted: set[tuple[str, str, int]] = set()
        """What was deleted, by the receipt, and acknowledged."""

    async def prepare(self, client: Client) -> None:
        """See `Workload`."""
        retention = {"MessageRetentionPeriod": str(DAY_S)}
        await client.must("sqs", "CreateQueue", QueueName=DEAD, Attributes=retention)
        dead = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{DEAD}"
        redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 3})}
        await client.must("sqs", "CreateQueue", QueueName=PLAIN, Attributes={**retention, **redrive})
        await client.must("sqs", "CreateQueue", QueueName=FIFO, Attributes={**retention, "FifoQueue": "true"})

    def stories(self) -> list[tuple[int, Story]]:
        """See `Workload`."""
        return [(20, self.send), (20, self.consume), (6, self.receive), (4, self.count)]

    async def send(self, client: Client) -> None:
        """Send a message, or the same one twice where duplicates are known."""
        self._count += 1
        body, name = f"message {self._count}", client.chance.choice((PLAIN, FIFO))
        params: dict[str, Any] = {"QueueUrl": _url(name), "MessageBody": body}
        if name == FIFO:
            params |= {"MessageGroupId": client.chance.choice(GROUPS), "MessageDeduplicationId": f"{self._count}"}
        elif client.chance.random() < 0.3:
            params |= {"DelaySeconds": client.chance.randint(1, 10)}
        failed = True
        for _ in range(2 if name == FIFO and client.chance.random() < 0.3 else 1):
            outcome = await client.call("sqs", "SendMessage", **params)
            insist(not isinstance(outcome, Refused), "a send was refused:", outcome)
            if isinstance(outcome, Answer):
                self.sent.add(body)
            failed = failed and isinstance(outcome, Lost) and outcome.certain
        if failed:
            self.never.add(body)

    async def receive(self, client: Client) -> list[str]:
        """Receive, and leave the messages to their fate; returns the handles."""
        name = client.chance.choice(QUEUES)
        params: dict[str, Any] = {"MaxNumberOfMessages": client.chance.randint(1, 5), "AttributeNames": ["All"]}
        if client.chance.random() < 0.5:
            params["WaitTimeSeconds"] = client.chance.randint(1, 5)
        params["VisibilityTimeout"] = client.chance.choice((1, 5, VISIBILITY_S_MAX))
        gone = frozenset(self.deleted)
        outcome = await client.call("sqs", "ReceiveMessage", QueueUrl=_url(name), **params)
        return self._note(name, outcome.result, gone) if isinstance(outcome, Answer) else []

    def _note(self, name: str, result: dict[str, Any], gone: frozenset[tuple[str, str, int]]) -> list[str]:
        """Look at what was received by a call that began when `gone` had been deleted; returns the handles."""
        messages = result.get("Messages", [])
        order: dict[str, list[str]] = defaultdict(list)
        for message in messages:
            body, shown = message["Body"], message["Attributes"]
            insist(body not in self.never, body, "shows, though sending it failed")
            receipt = int(shown["ApproximateReceiveCount"])
            insist((name, body, receipt - 1) not in gone, body, "is back after it was deleted")
            self.receipts[message["ReceiptHandle"]] = (name, body, receipt)
            if name == FIFO:
                order[shown["MessageGroupId"]].append(shown["SequenceNumber"])
        for numbers in order.values():
            insist(numbers == sorted(numbers), "a group is out of order:", numbers)
        return [message["ReceiptHandle"] for message in messages]

    async def consume(self, client: Client) -> None:
        """Receive, work for a while, and delete."""
        for handle in await self.receive(client):
            await pause(client.chance.choice((0, 0.1, 2)))
            name, body, receipt = self.receipts[handle]
            self.begun.add(body)
            outcome = await client.call("sqs", "DeleteMessage", QueueUrl=_url(name), ReceiptHandle=handle)
            if isinstance(outcome, Answer):
                self.deleted.add((name, body, receipt))
            elif isinstance(outcome, Refused):
                insist(name == FIFO and "Value" in outcome.code, "a deletion was refused:", outcome)

    async def count(self, client: Client) -> None:
        """Look at the counts, which are never less than nothing."""
        outcome = await client.call(
            "sqs", "GetQueueAttributes", QueueUrl=_url(client.chance.choice(QUEUES)), AttributeNames=["All"]
        )
        if isinstance(outcome, Answer):
            for name, value in outcome.result["Attributes"].items():
                insist(not name.startswith("Approximate") or int(value) >= 0, name, "is", value)

    # The end

    async def check(self, client: Client) -> None:
        """See `Workload`."""
        await pause(2 * VISIBILITY_S_MAX)
        found: dict[str, int] = defaultdict(int)
        for name in (PLAIN, FIFO, DEAD):  # the dead letters after those that may yet die
            await self._drain(client, name, found)
        lost = self.sent - self.begun - found.keys()
        insist(not lost, "messages are lost:", sorted(lost))
        insist(all(times == 1 for times in found.values()), "messages are there twice:", dict(found))

    async def _drain(self, client: Client, name: str, found: dict[str, int]) -> None:
        where = {"QueueUrl": _url(name)}
        shown = (await client.must("sqs", "GetQueueAttributes", AttributeNames=["All"], **where))["Attributes"]
        before = sum(int(value) for attribute, value in shown.items() if attribute.startswith("ApproximateNumber"))
        drained = 0
        while True:
            result = await client.must(
                "sqs", "ReceiveMessage", MaxNumberOfMessages=10, VisibilityTimeout=600, AttributeNames=["All"], **where
            )
            self._note(name, result, frozenset(self.deleted))
            for message in result.get("Messages", []):
                drained += 1
                found[message["Body"]] += 1
                # A group of a FIFO queue goes on only when what is in flight has gone.
                await client.must("sqs", "DeleteMessage", ReceiptHandle=message["ReceiptHandle"], **where)
            if not result:
                break
        after = (await client.must("sqs", "GetQueueAttributes", AttributeNames=["All"], **where))["Attributes"]
        left = sum(int(value) for attribute, value in after.items() if attribute.startswith("ApproximateNumber"))
        died = before - drained
        insist(died >= 0 if name == PLAIN else died == 0, name, "said it has", before, "and has", drained)
        insist(not left, name, "says it has", left, "after all were deleted")

    async def check_later(self, client: Client) -> None:
        """See `Workload`: everything was kept for a day."""
        for name in QUEUES:
            result = await client.must("sqs", "ReceiveMessage", QueueUrl=_url(name), MaxNumberOfMessages=10)
            insist(not result, name, "gives messages that are too old")
        for kind in (keys.MESSAGE, keys.TIME, keys.LINE, keys.ORDER, keys.LATER):
            rows = self.world.ground.memory.look(lambda tx, kind=kind: len(tx.scan(kind, kind + b"\xff")))
            insist(not rows, rows, "rows of", kind, "were left behind")
