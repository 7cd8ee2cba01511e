"""How asynchronous events are treated: attempts, age, destinations."""

from __future__ import annotations

from typing import Any

from lambent.contracts import arn
from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kit.paging import page

from .. import keys
from ..errors import InvalidParameterValueException, ResourceNotFoundException
from ..model import LATEST, EventConfigRecord
from ..names import Ref, from_arn, ref
from ..service import lambda_, on_function, page_size, position, target_of
from ..views import event_config_view

DESTINATIONS = ("sqs", "sns", "lambda", "events")


def _place(target: Ref) -> tuple[str, ...]:
    return (*target.place, target.qualifier or LATEST)


@lambda_.operation(tx="write", authorize=on_function("PutFunctionEventInvokeConfig"))
def put_function_event_invoke_config(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    return _put(ctx, tx, req, EventConfigRecord(None, None, "", "", 0))


@lambda_.operation(tx="write", authorize=on_function("UpdateFunctionEventInvokeConfig"))
def update_function_event_invoke_config(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    target = ref(ctx, req)
    _function_exists(tx, target)
    return _put(ctx, tx, req, _existing(tx, target))


def _function_exists(tx: Reader, target: Ref) -> None:
    try:
        keys.resolve(tx, target)
    except ResourceNotFoundException:
        raise ResourceNotFoundException("The function doesn't exist.") from None


def _put(ctx: Context, tx: Transaction, req: dict[str, Any], old: EventConfigRecord) -> dict[str, Any]:
    target = ref(ctx, req)
    if not any(name in req for name in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")):
        raise InvalidParameterValueException("You must specify at least one of error handling or destination setting.")
    _function_exists(tx, target)
    destinations = req.get("DestinationConfig", {})
    record = EventConfigRecord(
        req.get("MaximumRetryAttempts", old.retries),
        req.get("MaximumEventAgeInSeconds", old.age_s),
        _destination(ctx, tx, target, destinations, "OnSuccess", old.on_success),
        _destination(ctx, tx, target, destinations, "OnFailure", old.on_failure),
        ctx.now_ms,
    )
    keys.event_configs.put(tx, record, *_place(target))
    return event_config_view(target, record)


def _destination(ctx: Context, tx: Reader, target: Ref, destinations: dict[str, Any], when: str, old: str) -> str:
    """The destination that the request gives for `when`, checked; `old` where it says nothing."""
    if when not in destinations:
        return old
    text: str = destinations[when].get("Destination", "")
    if not text:
        return ""
    try:
        service = arn.parse(text).service
    except ValueError:
        service = ""
    if service == "s3":
        raise NotBuilt("Lambent has not built S3 as a destination of asynchronous invocations yet.")
    if service not in DESTINATIONS:
        raise InvalidParameterValueException(f"The provided destination config {_shown(destinations)} is invalid.")
    if service == "lambda":
        function = from_arn(text)
        if function is not None and function.place == target.place:
            raise InvalidParameterValueException("You can't specify the function as a destination for itself.")
        if function is None or keys.functions.get(tx, *function.place) is None:
            raise InvalidParameterValueException(f"The destination ARN {text} is invalid.")
    target_of(ctx.cloud, service, "a destination of asynchronous invocations")
    return text


def _shown(destinations: dict[str, Any]) -> str:
    """A DestinationConfig as AWS's server prints it."""
    shown = []
    for name in ("OnSuccess", "OnFailure"):
        value = "null"
        if name in destinations:
            value = f"{name}(destination={destinations[name].get('Destination', 'null')})"
        shown.append(f"on{name[2:]}={value}")
    return f"DestinationConfig({', '.join(shown)})"


def _existing(tx: Reader, target: Ref) -> EventConfigRecord:
    record = keys.event_configs.get(tx, *_place(target))
    if record is None:
        raise ResourceNotFoundException(
            f"The function {target.arn}:{target.qualifier or LATEST} doesn't have an EventInvokeConfig"
        )
    return record


@lambda_.operation(tx="read", authorize=on_function("GetFunctionEventInvokeConfig"))
def get_function_event_invoke_config(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    target = ref(ctx, req)
    return event_config_view(target, _existing(tx, target))


@lambda_.operation(tx="write", authorize=on_function("DeleteFunctionEventInvokeConfig"))
def delete_function_event_invoke_config(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    target = ref(ctx, req)
    _existing(tx, target)
    keys.event_configs.delete(tx, *_place(target))


@lambda_.operation(tx="read", authorize=on_function("ListFunctionEventInvokeConfigs"))
def list_function_event_invoke_configs(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    target = ref(ctx, req)
    _function_exists(tx, target._replace(qualifier=""))
    limit = page_size(req)
    after = position(req, keys.event_configs)
    found = keys.event_configs.scan(tx, *target.place, after=after, limit=limit + 1)
    configs, marker = page(found, limit, lambda entry: entry[0])
    shown = []
    for key, record in configs:
        qualifier = str(keys.event_configs.parts(key)[3])
        shown.append(event_config_view(target._replace(qualifier=qualifier), record))
    result: dict[str, Any] = {"FunctionEventInvokeConfigs": shown}
    return result | {"NextMarker": marker} if marker else result
