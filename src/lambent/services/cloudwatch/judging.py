"""What the data of an alarm's periods means: its state, and the sentence that says why. Pure.

The periods that are looked at are more than those that count, so that one that has no data may be stood for by an
older one; how missing data count is AWS's table in "Configuring how CloudWatch alarms treat missing data".
"""

from __future__ import annotations

import operator
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from .model import ALARM, INSUFFICIENT, OK

SPARE: Final = 2
"""Periods that are looked at beyond those that count."""
COMPARISONS: Final[dict[str, tuple[Callable[[float, float], bool], str]]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to the threshold"),
    "GreaterThanThreshold": (operator.gt, "greater than the threshold"),
    "LessThanThreshold": (operator.lt, "less than the threshold"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to the threshold"),
}
_TREATED: Final = {"breaching": "Breaching", "notBreaching": "NonBreaching", "missing": "Missing", "ignore": "Ignore"}


class Terms(NamedTuple):
    """When an alarm is in ALARM: `needed` of `periods` values stand in `comparison` to `threshold`. `of` says whether
    the user has said how many are needed."""

    comparison: str
    threshold: float
    periods: int
    needed: int
    of: bool
    missing: str


class Judgement(NamedTuple):
    """A state (None: as it was), and why; `used` are the values that decided, newest first."""

    state: str | None
    reason: str
    used: tuple[tuple[int, float], ...]


def judge(terms: Terms, looked_at: list[tuple[int, float | None]]) -> Judgement:
    """`looked_at` are (start of period, value or None), newest first, `terms.periods + SPARE` of them."""
    real = [(at_s, value) for at_s, value in looked_at if value is not None][: terms.periods]
    compare = COMPARISONS[terms.comparison][0]
    breaching = [one for one in real if compare(one[1], terms.threshold)]
    filled = terms.periods - len(real)
    if not real:
        return _nothing(terms)
    if terms.missing == "breaching":
        alarm = len(breaching) + filled >= terms.needed
    elif terms.missing == "notBreaching" or not filled:
        alarm = len(breaching) >= terms.needed
    elif len(breaching) >= terms.needed:
        alarm = True
    elif len(breaching) < len(real):
        alarm = False
    elif terms.missing == "ignore":
        return Judgement(None, "", tuple(real))
    else:
        alarm = True
    return Judgement(ALARM if alarm else OK, _why(terms, alarm, real, breaching, filled), tuple(real))


def _nothing(terms: Terms) -> Judgement:
    n = terms.periods
    if terms.missing == "ignore":
        return Judgement(None, "", ())
    if terms.missing == "missing":
        plural = "datapoint was" if n == 1 else "datapoints were"
        return Judgement(INSUFFICIENT, f"Insufficient Data: {n} {plural} unknown.", ())
    periods = f"{n} period" if n == 1 else f"{n} periods"
    points = f"{n} missing datapoint was" if n == 1 else f"{n} missing datapoints were"
    reason = (
        f"Threshold Crossed: no datapoints were received for {periods} and {points} treated as "
        f"[{_TREATED[terms.missing]}]."
    )
    return Judgement(ALARM if terms.missing == "breaching" else OK, reason, ())


def _why(
    terms: Terms, alarm: bool, real: list[tuple[int, float]], breaching: list[tuple[int, float]], filled: int
) -> str:
    shown = (breaching if alarm and breaching else [one for one in real if one not in breaching]) or real
    listed = ", ".join(f"{value} ({_date(at_s)})" for at_s, value in shown)
    n = len(shown)
    how_many = f"{n} out of the last {terms.periods} datapoints" if terms.of else _count(n, "datapoint")
    verb = "was" if n == 1 else "were"
    words = COMPARISONS[terms.comparison][1]
    sentence = f"Threshold Crossed: {how_many} [{listed}] {verb} {'' if alarm else 'not '}{words} ({terms.threshold})"
    if terms.of:
        least = terms.needed if alarm else terms.periods - terms.needed + 1
        change = "OK -> ALARM" if alarm else "ALARM -> OK"
        sentence += f" (minimum {_count(least, 'datapoint')} for {change} transition)"
    if filled and terms.missing in ("breaching", "notBreaching"):
        missing = f"{filled} missing datapoint was" if filled == 1 else f"{filled} missing datapoints were"
        sentence += f" and {missing} treated as [{_TREATED[terms.missing]}]"
    return sentence + "."


def _count(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def _date(at_s: int) -> str:
    return time.strftime("%d/%m/%y %H:%M:%S", time.gmtime(at_s))
