"""What a schedule calls: from a target and its input to an operation and its parameters."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import orjson

from lambent import model
from lambent.contracts import arn
from lambent.contracts.arn import Arn
from lambent.contracts.errors import NotBuilt
from lambent.model.shapes import OperationModel, Shape

from .errors import ValidationException

_UNIVERSAL: Final = re.compile(r"arn:aws[a-z-]*:scheduler:::aws-sdk:([a-z0-9-]+):([A-Za-z0-9]+)")
_ATTRIBUTE: Final = re.compile(r"<aws\.scheduler\.[a-z-]+>")
_READ_ONLY: Final = re.compile(
    r"get|describe|list|poll|receive|search|scan|query|select|read|lookup|discover|validate|batchGet|batchDescribe|"
    r"batchRead|transactGet|adminGet|adminList|testMigration|retrieve|testConnection|translateDocument|isAuthorized|"
    r"invokeModel"
)
"""How the names of operations begin that universal targets do not call."""
_SDK_NAMES: Final = {
    "applicationautoscaling": "application-autoscaling",
    "cloudwatchlogs": "logs",
    "dynamodbstreams": "dynamodbstreams",
    "eventbridge": "events",
    "sfn": "stepfunctions",
}
"""Names that universal targets have for services, where they are not botocore's."""
_UNBUILT: Final = {
    "states": "Step Functions",
    "kinesis": "Kinesis",
    "firehose": "Firehose",
    "ecs": "ECS",
    "sagemaker": "SageMaker",
    "codebuild": "CodeBuild",
    "codepipeline": "CodePipeline",
    "inspector": "Inspector",
}
_PARAMETERS: Final = (
    "EcsParameters",
    "EventBridgePutEventsV2Parameters",
    "EventBridgePutRawEventsParameters",
    "KinesisParameters",
    "SageMakerPipelineParameters",
)
_BAD_ARN: Final = "Provided Arn is not in correct format."


class Call(NamedTuple):
    """An operation that a target comes to."""

    region: str
    service: str
    operation: str
    params: dict[str, Any]


def check(target: dict[str, Any]) -> None:
    """Refuse a target that cannot be called, in AWS's words where they are known."""
    for name in _PARAMETERS:
        if name in target:
            raise NotBuilt(f"Lambent has not built the target parameter {name} of schedules yet.")
    universal = _UNIVERSAL.fullmatch(target["Arn"])
    if universal is not None:
        operation = _operation(universal[1], universal[2])
        _input(operation, target.get("Input", "{}"))
        return
    try:
        place = arn.parse(target["Arn"])
    except ValueError:
        raise ValidationException(_BAD_ARN) from None
    if place.service in _UNBUILT:
        raise NotBuilt(f"Lambent has not built {_UNBUILT[place.service]} as a target of schedules yet.")
    if place.service not in _TEMPLATES or not place.resource:
        raise ValidationException(_BAD_ARN)
    _check_parameters(target, place)


def _check_parameters(target: dict[str, Any], place: Arn) -> None:
    if place.service == "events" and "EventBridgeParameters" not in target:
        raise ValidationException("EventBridgeParameters must be specified for an event bus target.")
    if place.service != "events" and "EventBridgeParameters" in target:
        raise ValidationException("EventBridgeParameters can only be specified for an event bus target.")
    if place.service != "sqs" and "SqsParameters" in target:
        raise ValidationException("SqsParameters can only be specified for an SQS target.")
    if place.service in ("lambda", "events") and "Input" in target:
        try:
            orjson.loads(_ATTRIBUTE.sub("0", target["Input"]))
        except orjson.JSONDecodeError:
            raise ValidationException("The input of the target must be well-formed JSON.") from None
    grouped = bool(target.get("SqsParameters", {}).get("MessageGroupId"))
    if place.resource.endswith(".fifo") and place.service == "sqs" and not grouped:
        raise ValidationException("MessageGroupId must be specified for a FIFO queue target.")


def _operation(service: str, action: str) -> OperationModel:
    name = _SDK_NAMES.get(service, service)
    try:
        known = model.service_model(name)
    except KeyError:
        raise ValidationException(f"{service} is not a supported service for a target.") from None
    wanted = action[:1].upper() + action[1:]
    if _READ_ONLY.match(action[:1].lower() + action[1:]) or wanted not in known.operations:
        raise ValidationException(f"{action} is not a supported api for a target.")
    return known.operations[wanted]


def call_of(target: dict[str, Any], text: str, region: str, endpoint: str) -> Call:
    """The call that a target comes to with the input `text`; `ValidationException` when the input does not fit."""
    universal = _UNIVERSAL.fullmatch(target["Arn"])
    if universal is not None:
        operation = _operation(universal[1], universal[2])
        params = _input(operation, text if "Input" in target else "{}")
        return Call(region, operation.service.name, operation.name, params)
    place = arn.parse(target["Arn"])
    operation_name, params_of = _TEMPLATES[place.service]
    return Call(place.region or region, place.service, operation_name, params_of(target, text, endpoint))


# -- templated targets ------------------------------------------------------------------------------------------------


def _to_function(target: dict[str, Any], text: str, endpoint: str) -> dict[str, Any]:
    return {"FunctionName": target["Arn"], "InvocationType": "Event", "Payload": text.encode()}


def _to_queue(target: dict[str, Any], text: str, endpoint: str) -> dict[str, Any]:
    place = arn.parse(target["Arn"])
    url = f"{endpoint}/{place.account}/{place.resource}"
    group = target.get("SqsParameters", {}).get("MessageGroupId")
    return {"QueueUrl": url, "MessageBody": text, **({"MessageGroupId": group} if group else {})}


def _to_topic(target: dict[str, Any], text: str, endpoint: str) -> dict[str, Any]:
    return {"TopicArn": target["Arn"], "Message": text}


def _to_bus(target: dict[str, Any], text: str, endpoint: str) -> dict[str, Any]:
    entry = {**target["EventBridgeParameters"], "EventBusName": target["Arn"], "Detail": text}
    return {"Entries": [entry]}


_TEMPLATES: Final[dict[str, tuple[str, Callable[[dict[str, Any], str, str], dict[str, Any]]]]] = {
    "lambda": ("Invoke", _to_function),
    "sqs": ("SendMessage", _to_queue),
    "sns": ("Publish", _to_topic),
    "events": ("PutEvents", _to_bus),
}


# -- universal targets ------------------------------------------------------------------------------------------------


def _input(operation: OperationModel, text: str) -> dict[str, Any]:
    """The JSON input of a universal target as an operation's parameters."""
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise ValidationException("Invalid RequestJson provided. Reason The input is not a JSON object")
    if operation.input is None:
        return {}
    shaped: dict[str, Any] = _shaped(operation.input, given)
    return shaped


def _shaped(shape: Shape, given: Any) -> Any:
    """A JSON value as the model's shape wants it: texts for blobs and times, members by their names."""
    if shape.kind == "structure" and isinstance(given, dict):
        if shape.definition.get("document"):
            return given
        names = {name.lower(): name for name in shape.members}
        found: dict[str, Any] = {}
        for name, inner in given.items():
            member = names.get(name.lower())
            if member is None:
                raise ValidationException(
                    f"Invalid RequestJson provided. Reason The field '{name}' is not supported by api"
                )
            found[member] = _shaped(shape.members[member], inner)
        return found
    if shape.kind == "list" and isinstance(given, list):
        return [_shaped(shape.element, one) for one in given]
    if shape.kind == "map" and isinstance(given, dict):
        return {name: _shaped(shape.value, one) for name, one in given.items()}
    if shape.kind == "blob" and isinstance(given, str):
        return given.encode()
    return _time(given) if shape.kind == "timestamp" else given


def _time(given: Any) -> Any:
    try:
        if isinstance(given, str):
            time = datetime.fromisoformat(given)
            return time if time.tzinfo else time.replace(tzinfo=UTC)
        return datetime.fromtimestamp(given, UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        raise ValidationException(f"Invalid RequestJson provided. Reason '{given}' is not a timestamp") from None
