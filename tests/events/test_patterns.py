"""Event patterns through the service: the public cases, and events that are none."""

from __future__ import annotations

import json

import pytest

from lambent.contracts.errors import ServiceError
from tests.patterns import public

from .support import EventsCloud, run


def test_the_public_patterns() -> None:
    names = public.names()
    if not names:
        pytest.skip(f"no conformance data in {public.CONFORMANCE}")

    async def scenario(c: EventsCloud) -> None:
        wrong = []
        for name in names:
            case = public.read(name)
            params = {"EventPattern": json.dumps(case["EventPattern"]), "Event": json.dumps(case["Event"])}
            try:
                result: object = (await c.call("events", "TestEventPattern", **params))["Result"]
            except ServiceError as error:
                result = error.code
            expected = "InvalidEventPatternException" if name.endswith("_EXC") else not name.endswith("_NEG")
            if result != expected:
                wrong.append((name, result))
        assert not wrong
        assert len(names) > 90

    run(scenario)


@pytest.mark.parametrize("event", ["[]", '"text"', '{"id": "1"}', "null"])
def test_an_event_that_is_none(event: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        error = await c.error("TestEventPattern", EventPattern='{"a": [1]}', Event=event)
        assert error == {"Code": "ValidationException", "Message": "Parameter Event is not valid."}

    run(scenario)
