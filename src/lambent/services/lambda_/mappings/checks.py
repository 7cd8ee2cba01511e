"""From the parameters of CreateEventSourceMapping and UpdateEventSourceMapping to a `Mapping`. Pure."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts import arn
from lambent.contracts.errors import NotBuilt

from ..errors import InvalidParameterValueException
from . import filters
from .model import (
    BATCH_DEFAULT,
    BATCH_FIFO_MAX,
    BATCH_UNWINDOWED_MAX,
    FILTERS_MAX,
    Kind,
    Mapping,
)

UNBUILT: Final = (
    "LoggingConfig",
    "Topics",
    "Queues",
    "SourceAccessConfigurations",
    "SelfManagedEventSource",
    "AmazonManagedKafkaEventSourceConfig",
    "SelfManagedKafkaEventSourceConfig",
    "DocumentDBEventSourceConfig",
    "ProvisionedPollerConfig",
)
"""Parameters that belong to sources which Lambent has not built."""
_UNBUILT_SOURCES: Final = {
    "kinesis": "Kinesis streams",
    "kafka": "Amazon MSK",
    "mq": "Amazon MQ",
    "rds": "DocumentDB",
}
_OF_STREAMS: Final = (
    "StartingPosition",
    "StartingPositionTimestamp",
    "DestinationConfig",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "BisectBatchOnFunctionError",
    "ParallelizationFactor",
    "TumblingWindowInSeconds",
)
_OF_QUEUES: Final = ("ScalingConfig",)
AGE_S_MIN: Final = 60
DESTINATIONS: Final = ("sqs", "sns", "s3")


def source_kind(text: str) -> Kind:
    """The kind of source that an ARN names; refuses what is no source, or none that Lambent has built."""
    try:
        place = arn.parse(text)
    except ValueError:
        raise InvalidParameterValueException("Unrecognized event source.") from None
    if place.service == "sqs" and place.resource:
        return "sqs"
    if place.service == "dynamodb" and "/stream/" in place.resource:
        return "dynamodb"
    if place.service in _UNBUILT_SOURCES:
        raise NotBuilt(f"Lambent has not built {_UNBUILT_SOURCES[place.service]} as an event source yet.")
    raise InvalidParameterValueException("Unrecognized event source.")


def first_mapping(blank: Mapping, req: dict[str, Any]) -> Mapping:
    """A new mapping: `blank` with the parameters of a CreateEventSourceMapping."""
    if blank.kind == "dynamodb":
        _check_position(req)
    base = replace(blank, batch=BATCH_DEFAULT[blank.kind], position=req.get("StartingPosition", ""))
    return changed_mapping(base, req)


def _check_position(req: dict[str, Any]) -> None:
    position = req.get("StartingPosition")
    if position is None:
        raise InvalidParameterValueException("StartingPosition must be specified for stream event sources.")
    if position == "AT_TIMESTAMP":
        raise InvalidParameterValueException("Unsupported starting position for stream type: AT_TIMESTAMP")
    if "StartingPositionTimestamp" in req:
        raise InvalidParameterValueException("StartingPositionTimestamp is only valid with AT_TIMESTAMP.")


def changed_mapping(old: Mapping, req: dict[str, Any]) -> Mapping:
    """`old` with the parameters of a request. State, revision and target are the caller's affair."""
    if req.get("KMSKeyArn"):
        raise NotBuilt("Lambent has not built the parameter KMSKeyArn of event source mappings yet.")
    for name in _OF_STREAMS if old.kind == "sqs" else _OF_QUEUES:
        if req.get(name) not in (None, {}):
            raise InvalidParameterValueException(f"Unsupported {name} parameter for given event source mapping type.")
    scaling = req.get("ScalingConfig")
    new = replace(
        old,
        enabled=req.get("Enabled", old.enabled),
        batch=req.get("BatchSize", old.batch),
        window_s=req.get("MaximumBatchingWindowInSeconds", old.window_s),
        filters=_filters(req["FilterCriteria"]) if "FilterCriteria" in req else old.filters,
        reports=bool(req["FunctionResponseTypes"]) if "FunctionResponseTypes" in req else old.reports,
        concurrency=scaling.get("MaximumConcurrency", 0) if scaling is not None else old.concurrency,
        bisect=req.get("BisectBatchOnFunctionError", old.bisect),
        age_s=req.get("MaximumRecordAgeInSeconds", old.age_s),
        retries=req.get("MaximumRetryAttempts", old.retries),
        parallel=req.get("ParallelizationFactor", old.parallel),
        tumbling_s=req.get("TumblingWindowInSeconds", old.tumbling_s),
        on_failure=_on_failure(req["DestinationConfig"]) if "DestinationConfig" in req else old.on_failure,
        metrics=_metrics(req["MetricsConfig"]) if "MetricsConfig" in req else old.metrics,
    )
    _check_limits(new)
    return new


def _check_limits(mapping: Mapping) -> None:
    """What parameters say together."""
    if mapping.fifo and mapping.window_s:
        raise InvalidParameterValueException("Batching window is not supported for FIFO queues")
    if mapping.fifo and mapping.batch > BATCH_FIFO_MAX:
        raise InvalidParameterValueException(f"Maximum batch size for FIFO queues is {BATCH_FIFO_MAX}")
    if mapping.kind == "sqs" and mapping.batch > BATCH_UNWINDOWED_MAX and not mapping.window_s:
        raise InvalidParameterValueException(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )
    if mapping.age_s != -1 and mapping.age_s < AGE_S_MIN:
        raise InvalidParameterValueException(
            f"MaximumRecordAgeInSeconds must be -1 or at least {AGE_S_MIN} seconds, but is {mapping.age_s}"
        )


def _filters(criteria: dict[str, Any]) -> tuple[str, ...] | None:
    given = criteria.get("Filters") or []
    if not given:
        return None
    if len(given) > FILTERS_MAX:
        raise InvalidParameterValueException(f"Number of filters exceeds the maximum of {FILTERS_MAX}.")
    patterns = tuple(entry.get("Pattern", "") for entry in given)
    filters.check(patterns)
    return patterns


def _metrics(config: dict[str, Any]) -> tuple[str, ...] | None:
    given = config.get("Metrics")
    if given and "KafkaMetrics" in given:
        raise InvalidParameterValueException("KafkaMetrics is not supported for given event source mapping type.")
    return tuple(given) if given else None


def _on_failure(config: dict[str, Any]) -> str:
    if config.get("OnSuccess", {}).get("Destination"):
        raise InvalidParameterValueException(
            "Unsupported DestinationConfig parameter for given event source mapping type."
        )
    text: str = config.get("OnFailure", {}).get("Destination", "")
    if not text:
        return ""
    try:
        place = arn.parse(text)
    except ValueError:
        place = None
    if place is None or place.service not in DESTINATIONS or place.resource.endswith(".fifo"):
        shown = f"DestinationConfig(onSuccess=null, onFailure=OnFailure(destination={text}))"
        raise InvalidParameterValueException(f"The provided destination config {shown} is invalid.")
    return text
