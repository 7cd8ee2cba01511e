"""Calling functions for APIs: with the right that a function's policy gives API Gateway, or as a role."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from types import CoroutineType
from typing import Any, TypeVar

from lambent.contracts.arn import parse
from lambent.contracts.caller import Caller
from lambent.contracts.clock import Clock
from lambent.contracts.events import Event
from lambent.contracts.functions import Invoker, Outcome
from lambent.contracts.ports import Cloud, Transaction

from .sessions import PRINCIPAL

T = TypeVar("T")


async def invoke(cloud: Cloud, arn: str, payload: bytes, source: str, account: str) -> Outcome:
    """Run a function that lets API Gateway in from `source`. Raises `Undeliverable` and `TooManyRequests`, as
    `contracts.functions.Invoker` says."""
    invoker: Any = cloud.targets["lambda"]
    target: Invoker = invoker
    return await target.invoke(arn, payload, principal=PRINCIPAL, source=source, account=account)


async def send(cloud: Cloud, arn: str, payload: bytes, source: str, account: str) -> None:
    """Have a function run by itself, after this; `Undeliverable` when it does not let API Gateway in from `source`."""
    await cloud.targets["lambda"].check(arn, PRINCIPAL, source, account)
    region = parse(arn).region
    event = Event(target=arn, payload=payload, source=source, principal=PRINCIPAL, account=account, region=region)

    def emit(tx: Transaction) -> None:
        tx.emit(event)

    await cloud.store.write(emit)


async def invoke_as(cloud: Cloud, caller: Caller, arn: str, payload: bytes, *, wait: bool = True) -> Outcome:
    """Run a function as `caller`, whose own policies must allow it. Raises `ServiceError`. Without `wait` the function
    runs later, and the outcome is empty."""
    kind = "RequestResponse" if wait else "Event"
    params = {"FunctionName": arn, "Payload": payload, "InvocationType": kind}
    result = await cloud.api.call(caller, parse(arn).region, "lambda", "Invoke", params)
    body = result.get("Payload", b"")
    if not isinstance(body, bytes | bytearray):
        body = await body.read(6 << 20)
    return Outcome(payload=bytes(body), error=result.get("FunctionError", ""))


async def in_time(cloud: Cloud, milliseconds: float, work: Awaitable[T]) -> T:
    """`work`, or `TimeoutError` when the clock says that it takes too long. Work that is late goes on by itself, as a
    function does whose API no longer waits for it."""
    clock: Clock = cloud.clock
    loop = asyncio.get_running_loop()
    # Nearly all work is a coroutine, of which ensure_future takes longer to find that out.
    task = loop.create_task(work) if isinstance(work, CoroutineType) else asyncio.ensure_future(work)
    over = loop.create_future()

    def end(_: object = None) -> None:
        if not over.done():
            over.set_result(None)

    task.add_done_callback(end)
    alarm = clock.call_at(clock.now_ns() + int(milliseconds * 1_000_000), end)
    try:
        await over
    except asyncio.CancelledError:
        task.cancel()
        raise
    finally:
        alarm.cancel()
    if task.done():
        return task.result()
    cloud.spawn(_forget(task))
    raise TimeoutError


async def _forget(task: asyncio.Future[Any]) -> None:
    """See late work to its end; nobody asks how it went."""
    try:
        await task
    except (Exception, asyncio.CancelledError):
        if not task.done():
            task.cancel()
            raise
