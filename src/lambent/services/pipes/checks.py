"""What a pipe may be made of: refuses the rest, by name where AWS has it."""

from __future__ import annotations

import re
from typing import Any, Final

from lambent.contracts import arn
from lambent.contracts.errors import NotBuilt
from lambent.patterns import InvalidPattern, compile_pattern

from .errors import ValidationException
from .model import Pipe

DESTINATION: Final = "api-destination"
_UNBUILT: Final = {
    "batch": "Batch",
    "ecs": "ECS",
    "firehose": "Firehose",
    "inspector": "Inspector",
    "kafka": "Amazon MSK",
    "kinesis": "Kinesis",
    "mq": "Amazon MQ",
    "redshift": "Redshift",
    "redshift-serverless": "Redshift",
    "sagemaker": "SageMaker",
    "states": "Step Functions",
    "timestream": "Timestream",
}
_TARGET_PARAMETERS: Final = {
    "lambda": "LambdaFunctionParameters",
    "sqs": "SqsQueueParameters",
    "events": "EventBridgeEventBusParameters",
    "logs": "CloudWatchLogsParameters",
    "execute-api": "HttpParameters",
    DESTINATION: "HttpParameters",
}
_TARGETS: Final = (*_TARGET_PARAMETERS, "sns")
_ENRICHMENTS: Final = ("lambda", "execute-api", DESTINATION)
_STAGE: Final = re.compile(r"[^/]+/[^/]+/[A-Z*]+(/.*)?")
_QUEUE_BATCH_MAX: Final = 10


def kind_of(place: arn.Arn) -> str:
    """The service of an ARN; `DESTINATION` for API destinations."""
    if place.service == "events" and place.resource.startswith("api-destination/"):
        return DESTINATION
    return place.service


def check(pipe: Pipe) -> None:
    """Refuse a pipe that cannot work."""
    if pipe.source.startswith("smk://"):
        raise NotBuilt("Lambent has not built self-managed Kafka as a source of pipes yet.")
    source = _service(pipe.source, "source", ("sqs", "dynamodb"))
    if source == "dynamodb" and "/stream/" not in pipe.source:
        raise ValidationException(f"Source {pipe.source} is not supported.")
    _check_source(pipe, "SqsQueueParameters" if source == "sqs" else "DynamoDBStreamParameters")
    if pipe.enrichment:
        kind = _service(pipe.enrichment, "enrichment", _ENRICHMENTS)
        known = {"InputTemplate"} if kind == "lambda" else {"InputTemplate", "HttpParameters"}
        _check_parameters(pipe.enrichment_parameters, known, "enrichment")
    target = _service(pipe.target, "target", _TARGETS)
    _check_parameters(pipe.target_parameters, {"InputTemplate", _TARGET_PARAMETERS.get(target, "")}, "target")
    if "EndpointId" in pipe.target_parameters.get("EventBridgeEventBusParameters", {}):
        raise NotBuilt("Lambent has not built global endpoints (EndpointId) as targets of pipes yet.")
    if target == "logs" and "LogStreamName" not in pipe.target_parameters.get("CloudWatchLogsParameters", {}):
        raise ValidationException("LogStreamName must be specified for a CloudWatch Logs target.")
    for name in ("S3LogDestination", "FirehoseLogDestination"):
        if name in pipe.log:
            raise NotBuilt(f"Lambent has not built {name} of pipes yet.")


def _service(text: str, part: str, built: tuple[str, ...]) -> str:
    """The service of an ARN that is a pipe's source, enrichment or target; `DESTINATION` for API destinations."""
    try:
        place = arn.parse(text)
    except ValueError:
        raise ValidationException(f"{part.capitalize()} {text} is not a valid ARN.") from None
    kind = kind_of(place)
    if kind in built:
        if kind == "execute-api" and not _STAGE.fullmatch(place.resource):
            raise ValidationException(f"{part.capitalize()} {text} is not supported.")
        return kind
    if place.service in _UNBUILT:
        raise NotBuilt(f"Lambent has not built {_UNBUILT[place.service]} as the {part} of pipes yet.")
    raise ValidationException(f"{part.capitalize()} {text} is not supported.")


def _check_source(pipe: Pipe, kind: str) -> None:
    _check_parameters(pipe.source_parameters, {"FilterCriteria", kind}, "source")
    if kind == "DynamoDBStreamParameters":
        if "StartingPosition" not in pipe.polling:
            raise ValidationException("StartingPosition must be specified for a stream source.")
        _check_dead_letter(pipe.polling)
    elif pipe.polling.get("BatchSize", 1) > _QUEUE_BATCH_MAX and not pipe.polling.get("MaximumBatchingWindowInSeconds"):
        raise ValidationException(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )
    elif pipe.source.endswith(".fifo"):
        if pipe.polling.get("MaximumBatchingWindowInSeconds"):
            raise ValidationException("Batching window is not supported for FIFO queues")
        if pipe.polling.get("BatchSize", 1) > _QUEUE_BATCH_MAX:
            raise ValidationException("Maximum batch size for FIFO queues is 10")
    for pattern in pipe.filters or ():
        try:
            compile_pattern(pattern)
        except InvalidPattern as invalid:
            raise ValidationException(f"Invalid filter pattern. Reason: {invalid.message}") from None


def _check_dead_letter(polling: dict[str, Any]) -> None:
    dead_letter = polling.get("DeadLetterConfig", {}).get("Arn", "")
    if dead_letter and arn.parse(dead_letter).service not in ("sqs", "sns"):
        raise ValidationException(f"DeadLetterConfig {dead_letter} must be an SQS queue or an SNS topic.")


def _check_parameters(given: dict[str, Any], known: set[str], part: str) -> None:
    for name in given:
        if name not in known:
            raise ValidationException(f"{name} is not supported for the {part} of this pipe.")
