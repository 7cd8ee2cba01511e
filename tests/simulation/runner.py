"""One run: from a seed to its figures, or to a `Violation` that names the seed."""

from __future__ import annotations

import contextlib
import gc
import random
from collections.abc import Callable, Iterator
from time import perf_counter
from unittest.mock import patch

import msgspec

from lambent.services.s3 import bodies
from lambent.services.s3.api import multipart

from .loop import Violation
from .plan import Plan
from .services import WORKLOADS
from .workload import Workload
from .world import Client, World

MODULE = "tests.simulation"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did. `steps` are callbacks of the event loop, `operations` requests of clients; `digest` depends on
    every step, so two runs of one digest were the same."""

    seed: int
    steps: int
    operations: int
    answered: int
    crashes: int
    leaves: int
    pauses: int
    jumps: int
    virtual_s: float
    real_s: float
    digest: int


def draw(seed: int, calm: bool = False) -> Plan:
    """The plan of a seed."""
    return Plan.draw(random.Random(f"{seed} plan"), tuple(WORKLOADS), calm)


def run(seed: int, plan: Plan | None = None, trace: Callable[[str], None] | None = None) -> Report:
    """Run one seed; raises `Violation` (or whatever else went wrong) with a note of how to replay it."""
    began_s = perf_counter()
    if plan is None:
        plan = draw(seed)
    collecting = gc.isenabled()
    gc.disable()
    try:
        with _small_limits(), World(seed, plan, trace) as world:
            try:
                _run(world, seed, plan)
            except Exception as error:
                moment = f"{world.loop.time():.6f} s, step {world.loop.steps}"
                error.add_note(f"seed {seed}, at {moment}; replay: python -m {MODULE} --seed {seed} --trace")
                error.add_note(str(plan))
                raise
            loop = world.loop
            return Report(
                seed=seed,
                steps=loop.steps,
                operations=world.operations,
                answered=world.answered,
                crashes=world.crashes,
                leaves=world.leaves,
                pauses=world.pauses,
                jumps=world.jumps,
                virtual_s=loop.time(),
                real_s=perf_counter() - began_s,
                digest=loop.digest,
            )
    finally:
        if collecting:
            gc.enable()


def _run(world: World, seed: int, plan: Plan) -> None:
    workloads = [WORKLOADS[name](world, random.Random(f"{seed} {name}")) for name in plan.services]
    for workload in workloads:
        workload.install()
    for index in range(plan.nodes):
        world.boot(index)
    operator = Client(world, 0, random.Random(f"{seed} operator"))
    for workload in workloads:
        world.loop.run(workload.prepare(operator))
    world.loop.executor_delay_ns_max = int(plan.delay_s_max * 1_000_000_000)
    world.ground.weather.delay_s_max = plan.delay_s_max
    scripts = [
        _script(Client(world, number, random.Random(f"{seed} client {number}")), workloads, plan)
        for number in range(1, plan.clients + 1)
    ]
    world.loop.run(world.play(scripts))
    world.loop.run(world.quiet())
    for workload in workloads:
        world.loop.run(workload.check(operator))
    world.loop.run(world.collected())
    world.loop.run(world.drained())
    for workload in workloads:
        world.loop.run(workload.check_later(operator))


async def _script(client: Client, workloads: list[Workload], plan: Plan) -> None:
    stories = [row for workload in workloads for row in workload.stories()]
    weights = [weight for weight, _ in stories]
    count = plan.operations // plan.clients
    for story in client.chance.choices([story for _, story in stories], weights, k=count):
        await story(client)
        for workload in workloads:
            await workload.settle(client)
        await client.think()


@contextlib.contextmanager
def _small_limits() -> Iterator[None]:
    """Bodies of a few bytes go the ways of long ones: into rows, into blobs, in parts."""
    with (
        patch.multiple(bodies, INLINE_BYTES_MAX=16, ROW_BYTES_MAX=64),
        patch.multiple(multipart, PART_BYTES_MIN=8),
    ):
        yield


__all__ = ["Report", "Violation", "Workload", "draw", "run"]
