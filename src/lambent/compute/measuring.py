"""What CloudWatch hears of a call of a function: AWS/Lambda's metrics, by function and for the whole account."""

from __future__ import annotations

from lambent.contracts.functions import FunctionSpec, Outcome
from lambent.contracts.ports import Metrics

NAMESPACE = "AWS/Lambda"


def note(metrics: Metrics, spec: FunctionSpec, outcome: Outcome | None) -> None:
    """Note a call that ended; `outcome` None for one that was throttled."""
    place = (spec.account, spec.region, NAMESPACE)
    for dimensions in ((("FunctionName", spec.name),), ()):
        if outcome is None:
            metrics.note(*place, "Throttles", 1, "Count", dimensions)
            continue
        metrics.note(*place, "Invocations", 1, "Count", dimensions)
        metrics.note(*place, "Errors", 1 if outcome.error else 0, "Count", dimensions)
        metrics.note(*place, "Duration", round(outcome.duration_ms, 2), "Milliseconds", dimensions)
