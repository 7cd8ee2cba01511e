"""What a drill's figures are, and how they come from what the clients saw."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise

import msgspec

from tests.history.lists import check_lists
from tests.history.operations import Append, Operation, Read, Transaction
from tests.history.registers import TooHard, check_registers

from .balancer import Answer
from .load import Stored, content_of
from .witness import Effect

WINDOW_NS = 2_000_000_000
STEP_NS = 250_000_000
FULL_RATE = 0.8
"""Serving fully: this part of the rate before the fault, over a window."""
SLOW = "the full rate did not come back"
"""The one problem that a busy machine alone can cause."""
WRITES = ("put_object", "delete_object", "put_item", "delete_item", "transact_write_items")


class Observed(msgspec.Struct, kw_only=True):
    """Everything that the clients saw. `answers` are those of the load alone; `bodies` the new objects read back
    afterwards; `settled` is whether every acknowledged object had its effect in the end."""

    answers: list[Answer]
    errors: dict[str, int]
    stored: list[Stored]
    bodies: dict[str, bytes | None]
    effects: dict[str, list[Effect]]
    settled: bool
    operations: list[Operation]
    transactions: list[Transaction]


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """When the fault began and ended (at once, for a kill) on the monotonic clock, and its end on the wall clock.
    `sleeper` is the endpoint of a node that slept meanwhile."""

    begun_ns: int
    ended_ns: int
    ended_s: float
    sleeper: str = ""


class Figures(msgspec.Struct, kw_only=True):
    """A drill's outcome. `unserved_s` is the longest time in which no write was acknowledged; `served_s` and `full_s`
    are from the fault's end to the first acknowledged write, and to their full rate (None: never). `verdict` is the
    checkers', `problems` is empty when all that is promised held."""

    drill: str
    hosts: str
    fault_s: float
    acknowledged: int
    lost: int
    data_lost_s: float
    events_lost: int
    duplicates: int
    late_acts: int
    slowest_effect_s: float
    unserved_s: float
    served_s: float | None
    full_s: float | None
    operations: int
    transactions: int
    unknown: int
    verdict: str
    errors: dict[str, int]
    problems: list[str]


def figures(drill: str, hosts: str, seen: Observed, outage: Outage) -> Figures:
    """Work them out."""
    acknowledged = [stored for stored in seen.stored if stored.acknowledged]
    lost = [stored for stored in acknowledged if seen.bodies[stored.key] != content_of(stored.key, stored.size)]
    gone = _lost_appends(seen.transactions)
    silent = [stored for stored in acknowledged if stored.key not in seen.effects]
    late = _late_acts(seen.effects, outage)
    verdict, faults = _verdict(seen)
    moments = sorted(a.completed_ns for a in seen.answers if a.operation in WRITES and a.outcome == "ok")
    full_s = _full_rate_s(moments, outage)
    problems = [f"acknowledged, and not there: {stored.key} of {stored.size} bytes" for stored in lost]
    problems += [f"acknowledged, and not there: {step.value} in {step.key} of {txn}" for txn, step in gone]
    problems += [f"there in part: {stored.key}" for stored in seen.stored if _is_torn(seen, stored)]
    problems += [f"its event had no effect: {stored.key}" for stored in silent]
    problems += [f"begun by the node that had slept, after another node had: {key}" for key in late]
    problems += faults
    if full_s is None:
        problems.append(SLOW)
    moments_lost = [stored.completed_ns for stored in lost] + [txn.completed_ns for txn, _ in gone]
    written = [o for o in seen.operations if o.outcome == "ok" and o.kind != "read" and o.held]
    appended = [t for t in seen.transactions if t.outcome == "ok" and any(isinstance(s, Append) for s in t.steps)]
    return Figures(
        drill=drill,
        hosts=hosts,
        fault_s=(outage.ended_ns - outage.begun_ns) / 1e9,
        acknowledged=len(acknowledged) + len(written) + len(appended),
        lost=len(lost) + len(gone),
        data_lost_s=max(((outage.ended_ns - moment) / 1e9 for moment in moments_lost), default=0.0),
        events_lost=len(silent),
        duplicates=sum(len(runs) - 1 for runs in seen.effects.values()),
        late_acts=len(late),
        slowest_effect_s=_slowest_s(acknowledged, seen.effects),
        unserved_s=_longest_gap_s(moments, outage),
        served_s=_first_s(moments, outage),
        full_s=full_s,
        operations=len(seen.operations),
        transactions=len(seen.transactions),
        unknown=sum(o.outcome == "unknown" for o in seen.operations)
        + sum(t.outcome == "unknown" for t in seen.transactions),
        verdict=verdict,
        errors=seen.errors,
        problems=problems,
    )


def _verdict(seen: Observed) -> tuple[str, list[str]]:
    faults = [str(found) for found in check_lists(seen.transactions)]
    said = "serialisable" if not faults else "NOT serialisable"
    if not seen.transactions:
        said = ""
    try:
        found = [str(fault) for fault in check_registers(seen.operations)]
    except TooHard as error:
        found = [str(error)]
    linear = "linearisable" if not found else "NOT linearisable"
    return ", ".join(filter(None, (linear, said))), found + faults


def _lost_appends(transactions: list[Transaction]) -> list[tuple[Transaction, Append]]:
    """What was acknowledged and does not show in the last read of its list."""
    answered = sorted((t for t in transactions if t.outcome == "ok"), key=lambda transaction: transaction.invoked_ns)
    last = {step.key: (t.invoked_ns, step) for t in answered for step in t.steps if isinstance(step, Read)}
    lost: list[tuple[Transaction, Append]] = []
    for transaction in answered:
        for step in transaction.steps:
            if isinstance(step, Append) and step.key in last:
                read_ns, read = last[step.key]
                if transaction.completed_ns < read_ns and step.value not in (read.found or ()):
                    lost.append((transaction, step))
    return lost


def _is_torn(seen: Observed, stored: Stored) -> bool:
    body = seen.bodies[stored.key]
    return not stored.acknowledged and body is not None and body != content_of(stored.key, stored.size)


def _late_acts(effects: dict[str, list[Effect]], outage: Outage) -> list[str]:
    """Events that a node which slept began to deliver after it woke, when another node had taken them over already: a
    lease that had run out was acted upon."""
    return [
        key
        for key, runs in effects.items()
        for run in runs
        if outage.sleeper
        and run.node == outage.sleeper
        and run.begun_s > outage.ended_s
        and any(other.node != run.node and other.begun_s < outage.ended_s for other in runs)
    ]


def _slowest_s(acknowledged: list[Stored], effects: dict[str, list[Effect]]) -> float:
    """The longest wait of an acknowledged object for the beginning of its first effect."""
    waits = [
        min(run.begun_s for run in effects[stored.key]) - stored.at_s
        for stored in acknowledged
        if stored.key in effects
    ]
    return max(0.0, *waits) if waits else 0.0


def _longest_gap_s(moments: list[int], outage: Outage) -> float:
    after = [outage.begun_ns, *moments[bisect_left(moments, outage.begun_ns) :]]
    return max((late - early for early, late in pairwise(after)), default=0) / 1e9


def _first_s(moments: list[int], outage: Outage) -> float | None:
    place = bisect_left(moments, outage.ended_ns)
    return (moments[place] - outage.ended_ns) / 1e9 if place < len(moments) else None


def _full_rate_s(moments: list[int], outage: Outage) -> float | None:
    before = moments[: bisect_left(moments, outage.begun_ns)]
    if len(before) < 2:
        return None
    wanted = FULL_RATE * WINDOW_NS * len(before) / (outage.begun_ns - before[0])
    begin = outage.ended_ns
    while begin + WINDOW_NS <= moments[-1]:
        if bisect_left(moments, begin + WINDOW_NS) - bisect_left(moments, begin) >= wanted:
            return (begin - outage.ended_ns) / 1e9
        begin += STEP_NS
    return None
