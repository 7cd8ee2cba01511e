"""Many runs: of given seeds, or of new ones for as long as is asked, on several processors."""

from __future__ import annotations

import multiprocessing
import random
import traceback
from collections.abc import Iterator
from time import monotonic

from .runner import Report, run

CHUNK = 20
"""Seeds that a process takes at a time."""


class Totals:
    """What all runs did."""

    def __init__(self) -> None:
        self.runs = self.steps = self.operations = self.crashes = self.leaves = self.pauses = self.jumps = 0
        self.virtual_s = 0.0
        self._began_s = monotonic()

    def add(self, report: Report) -> None:
        """One run more."""
        self.runs += 1
        self.steps += report.steps
        self.operations += report.operations
        self.crashes += report.crashes
        self.leaves += report.leaves
        self.pauses += report.pauses
        self.jumps += report.jumps
        self.virtual_s += report.virtual_s

    def __str__(self) -> str:
        real_s = monotonic() - self._began_s
        return (
            f"{self.runs} runs in {real_s:.0f} s: {self.steps} steps ({self.steps / real_s:.0f}/s), "
            f"{self.operations} operations ({self.operations / real_s:.0f}/s), {self.crashes} crashes, "
            f"{self.leaves} orderly stops, {self.pauses} pauses, {self.jumps} clocks set wrong"
        )


def _attempt(seeds: list[int]) -> list[Report | str]:
    """Run some seeds; a failure is its text, and ends the list."""
    found: list[Report | str] = []
    for seed in seeds:
        try:
            found.append(run(seed))
        except Exception:
            found.append(traceback.format_exc())
            break
    return found


def _new_seeds(until_s: float) -> Iterator[list[int]]:
    chance = random.SystemRandom()
    while monotonic() < until_s:
        yield [chance.getrandbits(48) for _ in range(CHUNK)]


def soak(seconds: float, processes: int) -> int:
    """New seeds for so long, on several processors; the exit status."""
    totals, said_s = Totals(), monotonic()
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        # imap would draw seeds ahead of time without end, so each process gets one list per round.
        seeds = _new_seeds(monotonic() + seconds)
        while chunks := [chunk for _, chunk in zip(range(processes), seeds, strict=False)]:
            for reports in pool.imap_unordered(_attempt, chunks):
                for report in reports:
                    if isinstance(report, str):
                        print(report, totals, sep="\n", flush=True)
                        return 1
                    totals.add(report)
            if monotonic() - said_s > 30:
                said_s = monotonic()
                print(totals, flush=True)
    print(totals)
    return 0


def some(seeds: range) -> int:
    """Run these seeds; the exit status."""
    totals = Totals()
    for seed in seeds:
        for report in _attempt([seed]):
            if isinstance(report, str):
                print(report)
                return 1
            totals.add(report)
    print(totals)
    return 0
