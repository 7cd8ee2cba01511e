"""Event patterns through the service: the public cases, and AWS's recorded sentences."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from lambent.contracts.errors import ServiceError

from .support import EventsCloud, run

_ROOT = Path(__file__).resolve().parents[2]
CONFORMANCE = Path(os.environ.get("LAMBENT_CONFORMANCE", _ROOT.parent / "shared" / "conformance")) / "event-patterns"
RECORDINGS = Path(os.environ.get("LAMBENT_RECORDINGS", _ROOT.parent / "shared" / "recordings")) / "events.json"
_FILLED: dict[str, Any] = {
    "id": "1",
    "account": "000000000000",
    "source": "",
    "time": "2022-07-13T13:48:01Z",
    "region": "us-east-1",
    "resources": [],
    "detail-type": "",
}
"""What TestEventPattern wants an event to have, where a case does not say it."""


def _case(path: Path) -> dict[str, Any]:
    """The cases use of JSON5 only comments on lines of their own and commas before brackets."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("//")]
    found: dict[str, Any] = json.loads(re.sub(r",(\s*[}\]])", r"\1", "\n".join(lines)))
    return found


def test_the_public_patterns() -> None:
    paths = sorted(CONFORMANCE.glob("*.json5"))
    if not paths:
        pytest.skip(f"no conformance data in {CONFORMANCE}")
    recorded = json.loads(RECORDINGS.read_text()) if RECORDINGS.exists() else {}
    sentences = {
        name.partition("[")[2][:-1]: run["recorded-content"]
        for name, run in recorded.items()
        if "::test_event_pattern[" in name and name.endswith("_EXC]")
    }

    async def scenario(c: EventsCloud) -> None:
        wrong = []
        for path in paths:
            case, name = _case(path), path.stem
            params: dict[str, Any] = {
                "EventPattern": json.dumps(case["EventPattern"]),
                "Event": json.dumps(_FILLED | case["Event"]),
            }
            try:
                result: object = (await c.call("events", "TestEventPattern", **params))["Result"]
            except ServiceError as error:
                told = sentences.get(name, {}).get(name, {}).get("exception_message", {}).get("Error", {})
                raw = told.get("MessageRaw", error.message)
                # Where a recording hides a name, it cannot show the place either.
                said = error.message.partition("\n")[0] if "<" in raw else error.message
                raw = raw.partition("\n")[0] if "<" in raw else raw
                result = error.code if said == raw else f"{error.message} is not {raw}"
            expected = "InvalidEventPatternException" if name.endswith("_EXC") else not name.endswith("_NEG")
            if result != expected:
                wrong.append((name, result))
        assert not wrong
        assert len(paths) > 90

    run(scenario)


@pytest.mark.parametrize(
    "pattern",
    [
        "this is valid json but not a dict",
        '["not", "a", "dict", "but valid json"]',
        "{'bad': 'quotation'}",
        '{"not": closed mark"',
    ],
)
def test_the_recorded_sentences_about_what_is_no_pattern(pattern: str) -> None:
    if not RECORDINGS.exists():
        pytest.skip(f"no recordings in {RECORDINGS}")
    name = f"TestEventPattern::test_invalid_json_event_pattern[{pattern}]"
    (found,) = (run for key, run in json.loads(RECORDINGS.read_text()).items() if key.endswith(name))

    async def scenario(c: EventsCloud) -> None:
        error = await c.error("TestEventPattern", EventPattern=pattern, Event="{}")
        assert error == found["recorded-content"]["invalid-pattern"]["Error"]

    run(scenario)


@pytest.mark.parametrize("event", ["plain string", "[]", '"text"', '{"id": "1"}'])
def test_an_event_that_is_none(event: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        error = await c.error("TestEventPattern", EventPattern='{"a": [1]}', Event=event)
        assert error == {"Code": "ValidationException", "Message": "Parameter Event is not valid."}

    run(scenario)
