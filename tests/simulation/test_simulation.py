"""Some seconds of simulation, always of the same seeds; `make soak` takes new ones."""

from __future__ import annotations

import pytest

from .runner import Report, draw, run
from .soak import Totals

SEEDS_PER_TEST = 10


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 80, SEEDS_PER_TEST))
def test_a_cloud_in_trouble_does_what_the_models_say(first: int) -> None:
    totals = Totals()
    for seed in range(first, first + SEEDS_PER_TEST):
        totals.add(run(seed))
    assert totals.operations > 300
    assert totals.crashes > 5, "a simulation without trouble shows little"


@pytest.mark.slow
def test_a_seed_is_a_run() -> None:
    """The same steps in the same order: whatever fails can be replayed."""

    def told(seed: int) -> tuple[int, int, list[str]]:
        lines: list[str] = []
        report = run(seed, trace=lines.append)
        return report.digest, report.steps, lines

    busy = [seed for seed in range(100) if draw(seed).crash_every_s and len(draw(seed).services) > 2][:3]
    assert busy
    for seed in busy:
        assert told(seed) == told(seed)
    assert told(busy[0])[0] != told(busy[1])[0]


@pytest.mark.slow
def test_a_run_says_what_it_did() -> None:
    plan = draw(1, calm=True)
    report = run(1, plan)
    assert isinstance(report, Report)
    assert plan.calm
    assert (report.crashes, report.leaves, report.pauses, report.jumps) == (0, 0, 0, 0)
    assert report.answered == report.operations > 50
