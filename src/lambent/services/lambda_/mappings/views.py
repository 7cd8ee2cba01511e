"""What a mapping looks like in answers."""

from __future__ import annotations

import datetime
from typing import Any

from .model import Mapping


def mapping_view(mapping: Mapping, result: str) -> dict[str, Any]:
    """An EventSourceMappingConfiguration; `result` is what the last batch came to."""
    shown: dict[str, Any] = {
        "UUID": mapping.id,
        "BatchSize": mapping.batch,
        "MaximumBatchingWindowInSeconds": mapping.window_s,
        "EventSourceArn": mapping.source,
        "EventSourceMappingArn": mapping.arn,
        "FunctionArn": mapping.target.qualified,
        "FunctionResponseTypes": ["ReportBatchItemFailures"] if mapping.reports else [],
        "LastModified": datetime.datetime.fromtimestamp(mapping.modified_ms / 1000, datetime.UTC),
        "State": mapping.state,
        "StateTransitionReason": mapping.reason,
    }
    if mapping.filters is not None:
        shown["FilterCriteria"] = {"Filters": [{"Pattern": pattern} for pattern in mapping.filters]}
    if mapping.metrics is not None:
        shown["MetricsConfig"] = {"Metrics": list(mapping.metrics)}
    if mapping.concurrency:
        shown["ScalingConfig"] = {"MaximumConcurrency": mapping.concurrency}
    if mapping.kind != "sqs":
        return shown | _stream_view(mapping, result)
    # AWS says nothing of a queue here; a mapping that is Enabled and does nothing should say why.
    return shown | ({"LastProcessingResult": result} if result.startswith("PROBLEM") else {})


def _stream_view(mapping: Mapping, result: str) -> dict[str, Any]:
    return {
        "StartingPosition": mapping.position,
        "ParallelizationFactor": mapping.parallel,
        "LastProcessingResult": result,
        "DestinationConfig": {"OnFailure": {"Destination": mapping.on_failure} if mapping.on_failure else {}},
        "MaximumRecordAgeInSeconds": mapping.age_s,
        "MaximumRetryAttempts": mapping.retries,
        "BisectBatchOnFunctionError": mapping.bisect,
        "TumblingWindowInSeconds": mapping.tumbling_s,
    }
