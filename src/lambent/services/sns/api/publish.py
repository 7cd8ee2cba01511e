"""Publish and PublishBatch."""

from __future__ import annotations

import re
from typing import Any, Final

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context

from .. import keys, letters
from ..drafting import draft, size
from ..errors import (
    BatchEntryIdsNotDistinct,
    BatchRequestTooLong,
    EmptyBatchRequest,
    EndpointDisabled,
    InvalidBatchEntryId,
    PlatformApplicationDisabled,
    TooManyEntriesInBatchRequest,
    ValidationError,
    invalid,
)
from ..model import BATCH_MAX, MESSAGE_BYTES_MAX
from ..publishing import publish as send
from ..service import ask, on_topic, parse, sns, topic_arn

_ENTRY_ID: Final = re.compile(r"[A-Za-z0-9_-]*")
_ENTRY_ID_MAX: Final = 80


def _target(ctx: Context, req: dict[str, Any]) -> tuple[str, str]:
    """What a message is for: ("topic" or "device", ARN), or ("number", phone number)."""
    given = [name for name in ("TopicArn", "TargetArn", "PhoneNumber") if req.get(name) is not None]
    if len(given) != 1:
        raise (
            invalid("TopicArn or TargetArn", "no value for required parameter")
            if not given
            else invalid("TopicArn, TargetArn and PhoneNumber", "only one of them may be given")
        )
    name = given[0]
    if name == "PhoneNumber":
        number: str = req[name]
        if not re.fullmatch(r"\+?[0-9]{5,15}", number):
            raise invalid("PhoneNumber", f"{number} is not valid to publish to")
        return "number", number
    if name == "TargetArn" and ":endpoint/" in req[name]:
        parse(req[name], name)
        return "device", req[name]
    return "topic", topic_arn(ctx, req, name)


def _authorize_publish(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    kind, place = _target(ctx, req)
    if kind == "number":
        return [Check("sns:Publish", "*")]
    if kind == "device":
        return [Check("sns:Publish", place)]
    return [ask("sns:Publish", place, keys.topic_at(tx, place))]


@sns.operation(tx="write", authorize=_authorize_publish)
def publish(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    kind, place = _target(ctx, req)
    ids, now_ms = ctx.cloud.ids, ctx.now_ms
    if kind == "topic":
        topic = keys.get_topic(tx, place)
        return send(ctx.cloud, tx, topic, draft(topic, req, ids, now_ms))
    message = draft(None, req, ids, now_ms, address=place)
    if kind == "number":
        letters.text_message(tx, ctx.account, ctx.region, place, message)
    else:
        _push(ctx, tx, place, req, message)
    return {"MessageId": message.id}


def _push(ctx: Context, tx: Transaction, place: str, req: dict[str, Any], message: Any) -> None:
    application_arn, _, id = place.replace(":endpoint/", ":app/", 1).rpartition("/")
    device = keys.devices.get(tx, application_arn, id)
    if device is None:
        raise invalid("TargetArn", "No endpoint found for the target arn specified")
    if device.attributes.get("Enabled") == "false":
        raise EndpointDisabled("Endpoint is disabled")
    _, platform, name = application_arn.rsplit(":", 1)[1].split("/", 2)
    application = keys.applications.get(tx, ctx.account, ctx.region, platform, name)
    if application is not None and application.attributes.get("Enabled") == "false":
        raise PlatformApplicationDisabled("Platform application is disabled")
    letters.push(tx, ctx.account, ctx.region, place, message)


@sns.operation(tx="write", authorize=on_topic("sns:Publish"))
def publish_batch(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    topic = keys.get_topic(tx, topic_arn(ctx, req))
    entries: list[dict[str, Any]] = req.get("PublishBatchRequestEntries") or []
    _check_batch(entries)
    drafts = [
        draft(topic, entry, ctx.cloud.ids, ctx.now_ms, entry=number) for number, entry in enumerate(entries, start=1)
    ]
    total = sum(size(entry["Message"], one.attributes) for entry, one in zip(entries, drafts, strict=True))
    if total > MESSAGE_BYTES_MAX:
        raise BatchRequestTooLong("The length of all the messages put together is more than the limit.")
    sent = [{"Id": entry["Id"], **send(ctx.cloud, tx, topic, one)} for entry, one in zip(entries, drafts, strict=True)]
    return {"Successful": sent, "Failed": []}


def _check_batch(entries: list[dict[str, Any]]) -> None:
    if not entries:
        raise EmptyBatchRequest("The batch request doesn't contain any entries.")
    if len(entries) > BATCH_MAX:
        raise TooManyEntriesInBatchRequest("The batch request contains more entries than permissible.")
    for number, entry in enumerate(entries, start=1):
        if not entry.get("Id"):
            raise ValidationError(
                f"1 validation error detected: Value null at 'publishBatchRequestEntries.{number}.member.id' failed to "
                "satisfy constraint: Member must not be null"
            )
        if len(entry["Id"]) > _ENTRY_ID_MAX:
            raise InvalidBatchEntryId(f"The Id of a batch entry in the batch request is too long: {entry['Id']}")
        if not _ENTRY_ID.fullmatch(entry["Id"]):
            raise InvalidBatchEntryId(
                f"The Id of a batch entry in the batch request contains an impermissible character: {entry['Id']}"
            )
    if len({entry["Id"] for entry in entries}) < len(entries):
        raise BatchEntryIdsNotDistinct("Two or more batch entries in the request have the same Id.")
