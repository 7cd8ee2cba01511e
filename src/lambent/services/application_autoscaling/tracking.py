"""Target tracking: what capacity a history of consumption asks for. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

OUT_MINUTES: Final = 2
"""Minutes in a row above the target that scale out, as the alarms of AWS's policies for DynamoDB have it."""
IN_MINUTES: Final = 15
"""Minutes in a row below the lower mark that scale in."""
_LOWER: Final = 20
"""How many points of utilization below the target the lower mark lies."""


class Wish(NamedTuple):
    """The capacity that a policy asks for, and the alarm that says so: AlarmHigh or AlarmLow."""

    capacity: int
    alarm: str


def wish(history: Sequence[float], capacity: int, target_percent: float) -> Wish | None:
    """What consumption by minutes (the latest last) asks of a provisioned `capacity` in units a second; None where it
    is right. As on AWS, a capacity of which nothing at all is consumed stays as it is."""
    rates = [units / 60 for units in history]
    if not capacity:
        return None
    used = [100 * rate / capacity for rate in rates]
    recent = used[-OUT_MINUTES:]
    if len(recent) == OUT_MINUTES and min(recent) > target_percent:
        return Wish(_needed(max(rates[-OUT_MINUTES:]), target_percent), "AlarmHigh")
    last = used[-IN_MINUTES:]
    if len(last) == IN_MINUTES and 0 < max(last) < target_percent - _LOWER:
        needed = _needed(max(rates[-IN_MINUTES:]), target_percent)
        return Wish(needed, "AlarmLow") if needed < capacity else None
    return None


def _needed(rate: float, target_percent: float) -> int:
    return max(1, math.ceil(rate * 100 / target_percent))
