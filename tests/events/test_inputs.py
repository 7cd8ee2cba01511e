"""What targets get of events: the cases of AWS's recordings, and the edges of templates."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.services.events import inputs
from lambent.services.events.inputs import BadInput

RULE = "arn:aws:events:us-east-1:000000000000:rule/b/r"
EVENT: dict[str, Any] = {
    "version": "0",
    "id": "1",
    "detail-type": "core.update-account-command",
    "source": "s",
    "time": "2024-01-01T00:00:00Z",
    "account": "000000000000",
    "resources": [],
    "detail": {
        "command": "update-account",
        "payload": {"acc_id": "0a787ecb-4015", "sf_id": "baz"},
        "listsingle": ["HIGH"],
        "listmulti": ["ACTIVE", "INACTIVE"],
        "items": [{"a": 1}, {"a": 2}, {}],
        "said": 'a "b"',
    },
}
PATHS = {
    "userId": "$.detail.payload.acc_id",
    "payload": "$.detail.payload",
    "systemstring": "$.detail.nothing",
    "listsingle": "$.detail.listsingle",
    "listmulti": "$.detail.listmulti",
    "said": "$.detail.said",
}


def made(template: str) -> str:
    spec = {"Id": "t", "InputTransformer": {"InputPathsMap": PATHS, "InputTemplate": template}}
    inputs.check(spec)
    return inputs.payload(spec, EVENT, RULE, 1_700_000_000_000).decode()


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ('"<listsingle> single list item"', '"[HIGH] single list item"'),
        ('"<listmulti> multiple list items"', '"[ACTIVE,INACTIVE] multiple list items"'),
        (
            '"<listsingle> x <systemstring> system account id <payload> payload <userId> user id"',
            '"[HIGH] x  system account id {acc_id:0a787ecb-4015,sf_id:baz} payload 0a787ecb-4015 user id"',
        ),
        (
            '"<listsingle> single"\n"<systemstring> system"\n"<userId> user id"',
            '"[HIGH] single"\n" system"\n"0a787ecb-4015 user id"',
        ),
        ('{"id" : <userId>}', '{"id" : "0a787ecb-4015"}'),
        (
            '{"method": "PUT", "path": "users/<userId>", "bod": <payload>}',
            '{"method": "PUT", "path": "users/0a787ecb-4015", "bod": {"acc_id":"0a787ecb-4015","sf_id":"baz"}}',
        ),
        (
            '{"a": {"b": "users/<userId>"}, "c": "<userId>"}',
            '{"a": {"b": "users/0a787ecb-4015"}, "c": "0a787ecb-4015"}',
        ),
        ('{"command": <systemstring>}', '{"command": ""}'),
        ('{"said": "<said>"}', '{"said": "a \\"b\\""}'),
        ('"{[/Check <userId>"', '"{[/Check 0a787ecb-4015"'),
        ('"a \\" <userId>"', '"a \\" 0a787ecb-4015"'),
        (
            '"<aws.events.rule-arn> <aws.events.rule-name> <aws.events.event.ingestion-time>"',
            f'"{RULE} r 2023-11-14T22:13:20Z"',
        ),
        (
            '{"e": <aws.events.event.json>}',
            json.dumps({"e": EVENT}, separators=(",", ":")).replace('{"e":', '{"e": ', 1),
        ),
    ],
)
def test_a_template(template: str, text: str) -> None:
    assert made(template) == text


def test_the_event_without_its_detail() -> None:
    rest = {name: value for name, value in EVENT.items() if name != "detail"}
    assert json.loads(made("<aws.events.event>")) == rest


@pytest.mark.parametrize("template", ["<listmulti> multiple list items", '{"singlelistitem": "<listsingle>"}'])
def test_a_template_that_makes_no_json(template: str) -> None:
    with pytest.raises(BadInput):
        made(template)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.detail.payload.sf_id", "baz"),
        ("$", EVENT),
        ("$['detail-type']", EVENT["detail-type"]),
        ("$.detail-type", EVENT["detail-type"]),
        ("$.detail.listmulti[1]", "INACTIVE"),
        ("$.detail.listmulti[2]", None),
        ("$.detail.items[*].a", [1, 2]),
        ("$.detail.command.x", None),
    ],
)
def test_a_path(path: str, found: Any) -> None:
    assert json.loads(inputs.payload({"Id": "t", "InputPath": path}, EVENT, RULE, 0)) == found


def test_a_constant() -> None:
    assert inputs.payload({"Id": "t", "Input": '{"a": 1}'}, EVENT, RULE, 0) == b'{"a": 1}'
