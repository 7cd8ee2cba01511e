"""Invoke and InvokeAsync."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import orjson

from lambent.contracts.functions import Invocation, TooManyRequests
from lambent.contracts.http import Body, BodyTooLarge
from lambent.contracts.ports import Transaction
from lambent.kit import Context

from .. import keys
from ..errors import (
    InvalidRequestContentException,
    RequestEntityTooLargeException,
    TooManyRequestsException,
)
from ..events import accept
from ..model import EVENT_BYTES_MAX, PAYLOAD_BYTES_MAX
from ..names import Ref, ref
from ..running import choose, spec, trace_header
from ..service import lambda_, on_function
from ..slots import RESERVED_REASON

_UNBUILT = ("TenantId", "DurableExecutionName")
_JSON = {"HTTPHeaders": {"content-type": "application/json"}}
"""What AWS says of every function's answer, whatever it is."""


@lambda_.operation(tx="none", authorize=on_function("InvokeFunction"), unbuilt=_UNBUILT)
async def invoke(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    target = ref(ctx, req)
    kind = req.get("InvocationType", "RequestResponse")
    payload = await _payload(req.get("Payload", b""), EVENT_BYTES_MAX if kind == "Event" else PAYLOAD_BYTES_MAX)
    client_context = _client_context(req.get("ClientContext", ""))
    if kind == "DryRun":
        await ctx.cloud.store.read(lambda tx: keys.resolve(tx, target))
        return {"StatusCode": 204}
    if kind == "Event":
        await _later(ctx, target, payload, client_context)
        return {"StatusCode": 202}
    return await _now(ctx, target, payload, client_context, req.get("LogType") == "Tail")


@lambda_.operation(tx="none", authorize=on_function("InvokeFunction"))
async def invoke_async(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    target = ref(ctx, req)
    await _later(ctx, target, await _payload(req["InvokeArgs"], EVENT_BYTES_MAX), "")
    return {"Status": 202}


async def _now(ctx: Context, target: Ref, payload: bytes, client_context: str, tail: bool) -> dict[str, Any]:
    cloud = ctx.cloud
    found = await cloud.store.read(lambda tx: choose(tx, target, cloud.ids))
    invocation = Invocation(
        request_id=ctx.request_id,
        payload=payload,
        client_context=client_context,
        invoked_arn=target.qualified,
        trace_id=_trace(ctx),
    )
    try:
        if found.function.reserved == 0:
            raise TooManyRequests(RESERVED_REASON)
        outcome = await cloud.compute.invoke(spec(found.function, found.config), invocation)
    except TooManyRequests as refused:
        raise TooManyRequestsException("Rate Exceeded.", Reason=refused.reason) from None
    result: dict[str, Any] = {
        "StatusCode": 200,
        "Payload": outcome.payload,
        "ExecutedVersion": found.config.version,
        "ResponseMetadata": _JSON,
    }
    if outcome.error:
        result["FunctionError"] = outcome.error
    if tail:
        result["LogResult"] = base64.b64encode(outcome.log_tail).decode()
    return result


async def _later(ctx: Context, target: Ref, payload: bytes, client_context: str) -> None:
    def emit(tx: Transaction) -> None:
        keys.resolve(tx, target)
        tx.emit(accept(target, payload, ctx.caller.arn, attributes))

    attributes = {"request_id": ctx.request_id, "trace": _trace(ctx)}
    if client_context:
        attributes["client_context"] = client_context
    await ctx.cloud.store.write(emit)


def _trace(ctx: Context) -> str:
    given = ctx.request.headers.get("x-amzn-trace-id", "") if ctx.request is not None else ""
    return trace_header(ctx.cloud, given)


async def _payload(given: bytes | Body, limit: int) -> bytes:
    """The payload, `{}` for none; it must be JSON."""
    try:
        data = bytes(given) if isinstance(given, bytes | bytearray) else await given.read(limit)
    except BodyTooLarge:
        data = None
    if data is None or len(data) > limit:
        raise RequestEntityTooLargeException(
            f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
        )
    if not data:
        return b"{}"
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if not _has_lone_surrogates(data):
            raise InvalidRequestContentException(_unreadable(data, error)) from None
    return data


def _has_lone_surrogates(data: bytes) -> bool:
    """Whether halves of surrogate pairs, which AWS and Python's own `json` let pass, are all that is wrong."""
    if b"\\ud" not in data.lower():
        return False
    try:
        json.loads(data.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _unreadable(data: bytes, error: orjson.JSONDecodeError) -> str:
    """Where the payload stops being JSON, worded as AWS's parser does."""
    text = data.decode("latin-1") if not _is_utf8(data) else data.decode()
    at = min(error.pos, len(text))
    line, column = text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1
    if at >= len(text):
        what = "Unexpected end-of-input"
    else:
        code = ord(text[at])
        shown = f"'{text[at]}' (code {code})" if 32 <= code < 127 or code > 159 else f"(CTRL-CHAR, code {code})"
        what = (
            f"Unexpected character ({shown}): expected a valid value (JSON String, Number, Array, Object or token "
            "'null', 'true' or 'false')"
        )
    return (
        f"Could not parse request body into json: Could not parse payload into json: {what}\n at [Source: REDACTED "
        f"(`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {line}, column: {column}]"
    )


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _client_context(given: str) -> str:
    """The JSON text in an X-Amz-Client-Context header."""
    if not given:
        return ""
    try:
        text = base64.b64decode(given, validate=True).decode()
        orjson.loads(text)
    except (binascii.Error, ValueError):
        raise InvalidRequestContentException("Client context must be a valid Base64-encoded JSON object.") from None
    return text
