"""Long polls: woken at once by whoever sends, on whichever node; and by the clock."""

from __future__ import annotations

import asyncio
from typing import Any

from lambent.services.sqs import receiving

from .support import SECOND_NS, SqsCloud, arn


async def rest() -> None:
    """Let everything happen that can."""
    for _ in range(20):
        await asyncio.sleep(0)


def wait(cloud: SqsCloud, name: str = "q", **params: Any) -> asyncio.Task[list[dict[str, Any]]]:
    return asyncio.ensure_future(cloud.receive(name, **{"WaitTimeSeconds": 20, **params}))


async def body_of(task: asyncio.Task[list[dict[str, Any]]]) -> list[str]:
    return [message["Body"] for message in await task]


async def test_a_poll_is_answered_when_something_is_sent_and_at_its_end() -> None:
    cloud = SqsCloud()
    await cloud.create()
    task = wait(cloud)
    await rest()
    assert not task.done()
    await cloud.send("x")
    assert await body_of(task) == ["x"]
    task = wait(cloud)
    await rest()
    cloud.clock.advance(19 * SECOND_NS)
    await rest()
    assert not task.done()
    cloud.clock.advance(SECOND_NS)
    assert await task == []


async def test_the_queue_says_how_long_to_wait() -> None:
    cloud = SqsCloud()
    await cloud.create(ReceiveMessageWaitTimeSeconds=3)
    task = asyncio.ensure_future(cloud.receive())
    await rest()
    assert not task.done()
    assert await cloud.receive(WaitTimeSeconds=0) == []
    cloud.clock.advance(3 * SECOND_NS)
    assert await task == []


async def test_a_poll_sees_what_becomes_visible_by_itself() -> None:
    cloud = SqsCloud()
    await cloud.create()
    await cloud.send("delayed", DelaySeconds=5)
    task = wait(cloud, VisibilityTimeout=7)
    await rest()
    cloud.clock.advance(4_999_000_000)
    await rest()
    assert not task.done()
    cloud.clock.advance(1_000_000)
    assert await body_of(task) == ["delayed"]
    task = wait(cloud)
    await rest()
    cloud.clock.advance(7 * SECOND_NS)
    assert await body_of(task) == ["delayed"]


async def test_a_poll_learns_of_times_that_come_up_while_it_waits() -> None:
    cloud = SqsCloud()
    await cloud.create()
    first, second = wait(cloud, VisibilityTimeout=3), wait(cloud)
    await rest()
    await cloud.send("x")
    assert await body_of(first) == ["x"]
    await rest()
    assert not second.done()
    cloud.clock.advance(3 * SECOND_NS)
    [message] = await second
    third = wait(cloud)
    await rest()
    await cloud.sqs("ChangeMessageVisibility", ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=2)
    await rest()
    assert not third.done()
    cloud.clock.advance(2 * SECOND_NS)
    assert await body_of(third) == ["x"]


async def test_each_message_costs_one_look_however_many_wait() -> None:
    cloud = SqsCloud()
    await cloud.create()
    tasks = [wait(cloud, limit=1) for _ in range(20)]
    await rest()
    looks = 0
    room = cloud.targets["sqs"].waiting._rooms[b"sqs:" + arn("q").encode()]  # type: ignore[attr-defined]
    original = room.call_one

    def counted() -> None:
        nonlocal looks
        looks += 1
        original()

    room.call_one = counted
    for number in range(5):
        await cloud.send(str(number))
        await rest()
    done = [task for task in tasks if task.done()]
    assert sorted([message["Body"] for task in done for message in task.result()]) == list("01234")
    assert looks == 10, "one for the message, one to see whether there is more"
    for number in range(15):
        await cloud.send(str(number))
    await asyncio.gather(*tasks)
    assert cloud.targets["sqs"].waiting._rooms == {}  # type: ignore[attr-defined]


async def test_a_waiter_that_goes_away_hands_its_turn_on() -> None:
    cloud = SqsCloud()
    await cloud.create()
    first, second = wait(cloud), wait(cloud)
    await rest()
    sent = asyncio.ensure_future(cloud.send("x"))
    sent.add_done_callback(lambda _: first.cancel())
    await sent
    await asyncio.gather(first, return_exceptions=True)
    found = [] if first.cancelled() else await body_of(first)
    if not found:
        cloud.clock.advance(31 * SECOND_NS)  # it may have been received by who is gone
        found = await body_of(second)
    assert found == ["x"]
    second.cancel()


async def test_a_fifo_group_that_is_freed_wakes() -> None:
    cloud = SqsCloud()
    await cloud.create("q.fifo")
    for body in ("1", "2"):
        await cloud.send(body, "q.fifo", MessageGroupId="g", MessageDeduplicationId=body)
    [message] = await cloud.receive("q.fifo", 1)
    task = wait(cloud, "q.fifo")
    await rest()
    assert not task.done()
    await cloud.delete(message["ReceiptHandle"], "q.fifo")
    assert await body_of(task) == ["2"]


async def test_another_nodes_message_wakes_and_nodes_do_not_get_the_same() -> None:
    cloud = SqsCloud()
    await cloud.create()
    other = SqsCloud(2, beside=cloud)
    task = wait(other)
    await rest()
    await cloud.send("x")
    await rest()
    assert await body_of(task) == ["x"]
    for number in range(100):
        await cloud.send(str(number))
    found: list[str] = []
    while batches := await asyncio.gather(cloud.bodies(), other.bodies(), cloud.bodies(), other.bodies()):
        if not any(batches):
            break
        found += [body for batch in batches for body in batch]
    assert sorted(found, key=int) == list(map(str, range(100)))
    assert await other.counts() == (0, 101, 0)
    assert receiving.WAIT_S_MAX == 20


async def test_what_becomes_visible_while_a_poll_looks_is_not_missed() -> None:
    cloud = SqsCloud()
    await cloud.create()
    await cloud.send("delayed", DelaySeconds=5)
    read = cloud.store.read

    async def slowly(fn: Any) -> Any:
        if cloud.clock.now_ns() < late_ns:
            cloud.clock.advance(late_ns - cloud.clock.now_ns())  # between the look and the question when to look again
        return await read(fn)

    late_ns = cloud.clock.now_ns() + 6 * SECOND_NS
    write = cloud.store.write

    async def first_write(fn: Any) -> Any:
        outcome = await write(fn)
        cloud.store.read = slowly  # type: ignore[method-assign]
        return outcome

    cloud.store.write = first_write  # type: ignore[method-assign]
    task = wait(cloud)
    await rest()
    cloud.clock.advance(1)
    await rest()
    assert task.done()
    assert await body_of(task) == ["delayed"]
