"""PutEvents, and what targets get of events: against what AWS was recorded to answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support import ACCOUNT

from .recorded import ARN, bare, done, event, recorded, refused
from .support import DETAIL, SOURCE, EventsCloud, run

ENTRY = {"Source": SOURCE, "DetailType": SOURCE, "Detail": json.dumps(DETAIL)}


def _required(name: str) -> dict[str, str]:
    text = f"Parameter {name} is not valid. Reason: {name} is a required argument."
    return {"ErrorCode": "InvalidArgument", "ErrorMessage": text}


_MALFORMED = {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}


@pytest.mark.parametrize(
    ("case", "entry", "error"),
    [
        ("TestEvents::test_put_events_without_source", {"Source": None}, _required("Source")),
        ("TestEvents::test_put_event_without_detail", {"Detail": None}, _required("Detail")),
        ("TestEvents::test_put_event_without_detail_type", {"DetailType": None}, _required("DetailType")),
        ("TestEvents::test_put_event_malformed_detail[ARRAY]", {"Detail": '["value1", "value2"]'}, _MALFORMED),
        ("TestEvents::test_put_event_malformed_detail[STRING]", {"Detail": "a text"}, _MALFORMED),
        ("TestEvents::test_put_event_malformed_detail[SERIALIZED_STRING]", {"Detail": '"a text"'}, _MALFORMED),
    ],
)
def test_an_entry_that_is_wrong(case: str, entry: dict[str, Any], error: dict[str, str]) -> None:
    async def scenario(c: EventsCloud) -> None:
        given = {name: text for name, text in {**ENTRY, **entry}.items() if text is not None}
        assert await done(c, "PutEvents", Entries=[given]) == {"FailedEntryCount": 1, "Entries": [error]}

    run(scenario)


@pytest.mark.parametrize(
    ("case", "bus"),
    [
        ("TestEvents::test_put_events_exceed_limit_ten_entries[custom]", "b"),
        ("TestEvents::test_put_events_exceed_limit_ten_entries[default]", "default"),
    ],
)
def test_more_than_ten_entries(case: str, bus: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        shown = (
            "PutEventsRequestEntry(time=null, source=core.update-account-command, resources=null, "
            'detailType=core.update-account-command, detail={"command": "update-account", "payload": '
            f'{{"acc_id": "0a787ecb-4015", "sf_id": "baz"}}}}, eventBusName={bus}, traceHeader=null, '
            "kmsKeyIdentifier=null, internalMetadata=null)"
        )
        message = (
            f"1 validation error detected: Value '[{', '.join([shown] * 11)}]' at 'entries' failed to satisfy "
            "constraint: Member must have length less than or equal to 10"
        )
        entries = [{**ENTRY, "EventBusName": bus}] * 11
        assert await refused(c, "PutEvents", Entries=entries) == (400, "ValidationException", message)

    run(scenario)


@recorded("TestEvents::test_put_events_response_entries_order")
def test_one_event_for_two_queues() -> None:
    async def scenario(c: EventsCloud) -> None:
        queues = [await c.queue("one"), await c.queue("two")]
        await c.do("CreateEventBus", Name="b")
        for number, queue in enumerate(queues):
            await c.rule(f"r{number}", queue, bus="b")
        answer = await done(c, "PutEvents", Entries=[{**ENTRY, "EventBusName": "b"}])
        (id,) = (entry["EventId"] for entry in answer["Entries"])
        assert answer == {"FailedEntryCount": 0, "Entries": [{"EventId": id}]}
        for queue in queues:
            (found,) = await c.received(queue)
            assert found["id"] == id
            assert bare(found) == event()

    run(scenario)


@recorded("TestEvents::test_put_events_time")
def test_times_of_events() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        await c.rule("r", queue, json.dumps({"source": [SOURCE], "detail-type": [SOURCE]}))
        times = {
            "short time": (datetime(2022, 1, 1, tzinfo=UTC), "2022-01-01T00:00:00Z"),
            "new time": (datetime(2022, 1, 1, 12, 30, tzinfo=UTC), "2022-01-01T12:30:00Z"),
            "long time": (datetime(2022, 1, 1, 12, 30, 15, 999_999, tzinfo=UTC), "2022-01-01T12:30:15Z"),
        }
        entries = [
            {**ENTRY, "Time": time, "Detail": json.dumps({"message": text})} for text, (time, _) in times.items()
        ]
        await c.do("PutEvents", Entries=entries)
        found = await c.received(queue)
        assert [one["time"] for one in found] == [shown for _, shown in times.values()]
        assert [bare(one) for one in found] == [event(detail={"message": text}) for text in times]

    run(scenario)


@recorded("TestInputPath::test_put_events_with_input_path_multiple_targets")
def test_a_path_for_one_of_two_targets() -> None:
    async def scenario(c: EventsCloud) -> None:
        one, two = await c.queue("one"), await c.queue("two")
        await c.rule("r", one, InputPath="$.detail")
        await c.do("PutTargets", Rule="r", Targets=[{"Id": "two", "Arn": two}])
        await c.put()
        assert await c.received(one) == [DETAIL]
        assert [bare(found) for found in await c.received(two)] == [event()]

    run(scenario)


@pytest.mark.parametrize(
    ("case", "path", "body"),
    [
        (
            "TestInputPath::test_put_events_with_input_path_nested[event_detail0]",
            "$.detail.payload",
            '{"acc_id":"0a787ecb-4015","sf_id":"baz"}',
        ),
        ("TestInputPath::test_put_events_with_input_path_max_level_depth", "$.detail.payload.sf_id", '"baz"'),
    ],
)
def test_a_path_into_the_detail(case: str, path: str, body: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        await c.rule("r", queue, InputPath=path)
        await c.put()
        assert [message["Body"] for message in await c.messages(queue)] == [body]

    run(scenario)


_PATHS = {
    "userId": "$.detail.payload.acc_id",
    "payload": "$.detail.payload",
    "systemstring": "$.detail.awsAccountId",  # which is not there
    "listsingle": "$.detail.listsingle",
    "listmulti": "$.detail.listmulti",
}


@pytest.mark.parametrize(
    ("case", "body"),
    [
        (
            'TestInputTransformer::test_input_transformer_nested_keys_replacement["<listmulti> multiple list items"]',
            '"[ACTIVE,INACTIVE] multiple list items"',
        ),
        (
            "TestInputTransformer::test_input_transformer_nested_keys_replacement["
            '"<listsingle> single list item <listmulti> multiple list items <systemstring> system account id '
            '<payload> payload <userId> user id"]',
            '"[HIGH] single list item [ACTIVE,INACTIVE] multiple list items  system account id '
            '{acc_id:0a787ecb-4015,sf_id:baz} payload 0a787ecb-4015 user id"',
        ),
        (
            "TestInputTransformer::test_input_transformer_nested_keys_replacement["
            r'"<listsingle> single list item"\n"<listmulti> multiple list items"\n"<systemstring> system account id"\n'
            r'"<payload> payload"\n"<userId> user id"]',
            '"[HIGH] single list item"\n"[ACTIVE,INACTIVE] multiple list items"\n" system account id"\n'
            '"{acc_id:0a787ecb-4015,sf_id:baz} payload"\n"0a787ecb-4015 user id"',
        ),
        (
            'TestInputTransformer::test_input_transformer_nested_keys_replacement["<listsingle> single list item"]',
            '"[HIGH] single list item"',
        ),
        (
            "TestInputTransformer::test_input_transformer_nested_keys_replacement[<listmulti> multiple list items]",
            None,
        ),
        (
            'TestInputTransformer::test_input_transformer_nested_keys_replacement[{"singlelistitem": "<listsingle>"}]',
            None,
        ),
        (
            'TestInputTransformer::test_input_transformer_nested_keys_replacement[{"id" : <userId>}]',
            {"id": "0a787ecb-4015"},
        ),
        (
            'TestInputTransformer::test_input_transformer_nested_keys_replacement[{"method": "PUT", "nested": '
            '{"level1": {"level2": {"level3": "users-service/users/<userId>"} } }, "bod": "<userId>"}]',
            {
                "bod": "0a787ecb-4015",
                "method": "PUT",
                "nested": {"level1": {"level2": {"level3": "users-service/users/0a787ecb-4015"}}},
            },
        ),
        (
            'TestInputTransformer::test_input_transformer_nested_keys_replacement[{"method": "PUT", '
            '"path": "users-service/users/<userId>", "bod": <payload>}]',
            {
                "bod": {"acc_id": "0a787ecb-4015", "sf_id": "baz"},
                "method": "PUT",
                "path": "users-service/users/0a787ecb-4015",
            },
        ),
        (
            'TestInputTransformer::test_input_transformer_nested_keys_replacement[{"method": "PUT", '
            '"path": "users-service/users/<userId>", "id": <userId>, "body": <payload>}]',
            {
                "body": {"acc_id": "0a787ecb-4015", "sf_id": "baz"},
                "id": "0a787ecb-4015",
                "method": "PUT",
                "path": "users-service/users/0a787ecb-4015",
            },
        ),
    ],
)
def test_a_template(case: str, body: Any) -> None:
    """The template is what the case's name has in brackets. A template of which no JSON comes sends nothing."""

    async def scenario(c: EventsCloud) -> None:
        queue, template = await c.queue(), case.partition("[")[2][:-1].replace(r"\n", "\n")
        await c.rule("r", queue, InputTransformer={"InputPathsMap": _PATHS, "InputTemplate": template})
        await c.put(Detail=json.dumps({**DETAIL, "listsingle": ["HIGH"], "listmulti": ["ACTIVE", "INACTIVE"]}))
        bodies = [message["Body"] for message in await c.messages(queue)]
        found = [json.loads(text) for text in bodies] if isinstance(body, dict) else bodies
        assert found == ([] if body is None else [body])

    run(scenario)


@recorded(
    'TestInputTransformer::test_input_transformer_predefined_variables["Message containing all pre defined variables '
    '<aws.events.rule-arn> <aws.events.rule-name> <aws.events.event.ingestion-time>"]'
)
def test_variables_that_are_there_anyway() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        await c.do("CreateEventBus", Name="b")
        template = (
            '"Message containing all pre defined variables '
            '<aws.events.rule-arn> <aws.events.rule-name> <aws.events.event.ingestion-time>"'
        )
        await c.rule("r", queue, bus="b", InputTransformer={"InputTemplate": template})
        await c.put(EventBusName="b")
        (message,) = await c.messages(queue)
        begin = f'"Message containing all pre defined variables {ARN}rule/b/r r '
        assert message["Body"].startswith(begin)
        assert message["Body"].endswith('"')
        datetime.strptime(message["Body"].removeprefix(begin)[:-1], "%Y-%m-%dT%H:%M:%SZ")

    run(scenario)


_COMMAND = "Event of core.update-account-command type, at time 2022-01-01T00:00:00Z, info extracted from detail "


@pytest.mark.parametrize(
    ("case", "template", "bodies"),
    [
        (
            "TestInputTransformer::test_put_events_with_input_transformer_input_template_string",
            '"Event of <detail-type> type, at time <timestamp>, info extracted from detail <command>"',
            [f'"{_COMMAND}update-account"', f'"{_COMMAND}"'],
        ),
        (
            'TestInputTransformer::test_put_events_with_input_transformer_input_template_string["Event of '
            '<detail-type> type, at time <timestamp>, info extracted from detail <command>"]',
            '"Event of <detail-type> type, at time <timestamp>, info extracted from detail <command>"',
            [f'"{_COMMAND}update-account"', f'"{_COMMAND}"'],
        ),
        (
            'TestInputTransformer::test_put_events_with_input_transformer_input_template_string["{[/Check with '
            'special starting characters for event of <detail-type> type"]',
            '"{[/Check with special starting characters for event of <detail-type> type"',
            ['"{[/Check with special starting characters for event of core.update-account-command type"'] * 2,
        ),
        (
            "TestInputTransformer::test_put_events_with_input_transformer_input_template_json",
            '{"detailType": <detail-type>, "time": <timestamp>, "command": <command>}',
            [
                '{"detailType": "core.update-account-command", "time": "2022-01-01T00:00:00Z", '
                f'"command": "{command}"}}'
                for command in ("update-account", "")
            ],
        ),
    ],
)
def test_a_template_with_and_without_all_its_values(case: str, template: str, bodies: list[str]) -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        paths = {"detail-type": "$.detail-type", "timestamp": "$.time", "command": "$.detail.command"}
        transformer = {"InputPathsMap": paths, "InputTemplate": template}
        await c.rule("r", queue, json.dumps({"source": [SOURCE]}), InputTransformer=transformer)
        for detail in (DETAIL, {"no-command": "x"}):
            await c.put(Detail=json.dumps(detail), Time=datetime(2022, 1, 1, tzinfo=UTC))
        assert [message["Body"] for message in await c.messages(queue)] == bodies

    run(scenario)


@recorded("TestInputTransformer::test_put_events_with_input_transformer_missing_keys")
def test_a_template_with_a_name_that_has_no_path() -> None:
    async def scenario(c: EventsCloud) -> None:
        await c.rule("r")
        transformer = {"InputPathsMap": {"a": "$.detail"}, "InputTemplate": '{"a": <a>, "b": <notdefinedkey>}'}
        target = {"Id": "t", "Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:q", "InputTransformer": transformer}
        message = "InputTemplate for target t contains invalid placeholder notdefinedkey."
        assert await refused(c, "PutTargets", Rule="r", Targets=[target]) == (400, "ValidationException", message)

    run(scenario)
