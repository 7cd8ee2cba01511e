"""One chain of timers per schedule, whatever is done to it: against a model that looks at every minute."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.bus.relay import Relay
from lambent.contracts.events import Delivery
from lambent.kv.outbox import Entry

from .support import ScheduleCloud, run

STEPS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from([1, 2, 3, 5]), st.booleans()),
    st.tuples(st.just("delete"), st.just(0), st.just(True)),
    st.tuples(st.just("pass"), st.integers(1, 6), st.just(True)),
    st.tuples(st.just("again"), st.just(0), st.just(True)),
    st.tuples(st.just("restart"), st.just(0), st.just(True)),
)


class _Model:
    """What should be: every how many minutes the schedule fires (0: not), and how often it should have fired."""

    def __init__(self) -> None:
        self.there = False
        self.every = 0
        self.minute = 0
        self.fired = 0

    def passes(self, minutes: int) -> None:
        for _ in range(minutes):
            self.minute += 1
            self.fired += 1 if self.every and self.minute % 60 % self.every == 0 else 0


async def _put(cloud: ScheduleCloud, model: _Model, every: int, enabled: bool) -> None:
    state = "ENABLED" if enabled else "DISABLED"
    operation = "UpdateSchedule" if model.there else "CreateSchedule"
    await cloud.schedule(f"cron(0/{every} * * * ? *)", operation, State=state)
    model.there, model.every = True, every if enabled else 0


async def _again(cloud: ScheduleCloud, seen: dict[str, Entry]) -> None:
    """Deliver every timer that there ever was once more, as after a lost lease."""
    waiting = {entry.id for entry in await cloud.timers()}
    for entry in seen.values():
        if entry.id not in waiting and b'"fire"' in entry.event.payload:
            delivery = Delivery(id=entry.id, event=entry.event, attempt=1, emitted_ns=entry.emitted_ns)
            await cloud.targets["scheduler"].deliver(delivery)
    await cloud.settle()


async def _restart(cloud: ScheduleCloud) -> None:
    await cloud.relay.stop()
    cloud.relay = Relay(cloud, cloud.store.node)
    await cloud.relay.start()
    await cloud.settle()


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(STEPS, max_size=14))
def test_a_schedule_fires_as_often_as_its_minutes_say(steps: list[tuple[str, Any, bool]]) -> None:
    async def body(cloud: ScheduleCloud) -> None:
        model = _Model()
        seen: dict[str, Entry] = {}
        for kind, number, enabled in steps:
            if kind == "put":
                await _put(cloud, model, number, enabled)
            elif kind == "delete" and model.there:
                await cloud.call("scheduler", "DeleteSchedule", Name="s")
                model.there, model.every = False, 0
            elif kind == "pass":
                await cloud.pass_minutes(number)
                model.passes(number)
            elif kind == "again":
                await _again(cloud, seen)
            elif kind == "restart":
                await _restart(cloud)
            seen |= {entry.id: entry for entry in await cloud.timers()}
        assert len(await cloud.bodies()) == model.fired

    run(body)
