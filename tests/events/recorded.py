"""What the tests that hold EventBridge against AWS's recordings share.

A test names the recorded cases that it is, `@recorded("TestEventRule::test_describe_nonexistent_rule")`, or a row of
its parameters begins with the name. The names are the recordings' own, without the file that they begin with.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from lambent import wire
from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Request
from lambent.wire import Route
from tests.support import ACCOUNT, REGION

from .support import DETAIL, SOURCE, EventsCloud

ARN = f"arn:aws:events:{REGION}:{ACCOUNT}:"
WHOLE_PATTERN: dict[str, Any] = {
    "source": [SOURCE],
    "detail-type": [SOURCE],
    "detail": {"command": ["update-account"]},
}
"""The pattern of nearly all recorded rules and archives."""
_Test = TypeVar("_Test", bound=Callable[..., None])


def recorded(*names: str) -> Callable[[_Test], _Test]:
    """Says which recorded cases a test is."""
    assert names

    def unchanged(test: _Test) -> _Test:
        return test

    return unchanged


def shape(value: Any) -> Any:
    """An answer as recordings have it: times are the word `datetime`, JSON texts of patterns and policies are read."""
    if isinstance(value, datetime):
        return "datetime"
    if isinstance(value, dict):
        read = ("EventPattern", "Policy")
        return {name: json.loads(item) if name in read else shape(item) for name, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else value


async def done(c: EventsCloud, operation: str, region: str = REGION, **params: Any) -> Any:
    """The answer to a call, as recordings have it; on the wire its status is 200."""
    answer = await c.do(operation, region, **params)
    response = wire.codec(Route("events", operation, "json")).serialize(answer or {}, "id")
    assert response.status == 200
    return shape(answer or {})


async def refused(c: EventsCloud, operation: str, **params: Any) -> tuple[int, str, str]:
    """Status, code and message of the error that a call ends with, out of the bytes of the answer."""
    try:
        await c.do(operation, **params)
    except ServiceError as error:
        codec = wire.codec(Route("events", operation, "json"))
        response = codec.serialize_error(error, "id", Request("POST", "/", "", {}))
        assert isinstance(response.body, bytes)
        told = json.loads(response.body)
        return response.status, told["__type"].rpartition("#")[2], told["message"]
    raise AssertionError(f"{operation} succeeded")


def event(**changed: Any) -> dict[str, Any]:
    """An event as recorded targets got it, without `id` and `time`, which differ with each run."""
    return {
        "version": "0",
        "detail-type": SOURCE,
        "source": SOURCE,
        "account": ACCOUNT,
        "region": REGION,
        "resources": [],
        "detail": DETAIL,
        **changed,
    }


def bare(found: Any) -> Any:
    """An event that arrived, without `id` and `time`; both must be there."""
    assert len(found["id"]) == 36
    datetime.strptime(found["time"], "%Y-%m-%dT%H:%M:%SZ")
    return {name: item for name, item in found.items() if name not in ("id", "time")}
