"""Archives, replays, connections and API destinations: against what AWS was recorded to answer."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambent.contracts.events import Delivery, TryAgain
from tests.support import ACCOUNT, REGION

from .recorded import ARN, WHOLE_PATTERN, bare, done, event, recorded, refused
from .support import OTHER, PATTERN, EventsCloud, run

ARCHIVE = f"{ARN}archive/a"
BUS = f"{ARN}event-bus/default"
BEGIN, END = datetime(2023, 11, 14, 21, tzinfo=UTC), datetime(2023, 11, 14, 23, tzinfo=UTC)
SPAN = {"EventStartTime": BEGIN, "EventEndTime": END}
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


async def _bus(c: EventsCloud, bus: str) -> str:
    if bus != "default":
        await c.do("CreateEventBus", Name=bus)
    return f"{ARN}event-bus/{bus}"


async def _archive(c: EventsCloud, bus: str = "default") -> dict[str, Any]:
    """Makes the archive `a`; what lists show of it."""
    source = await _bus(c, bus)
    given = {"Description": "description of the archive", "EventPattern": PATTERN, "RetentionDays": 1}
    made = await done(c, "CreateArchive", ArchiveName="a", EventSourceArn=source, **given)
    assert made == {"ArchiveArn": ARCHIVE, "CreationTime": "datetime", "State": "ENABLED"}
    return {
        "ArchiveName": "a",
        "CreationTime": "datetime",
        "EventCount": 0,
        "EventSourceArn": source,
        "RetentionDays": 1,
        "SizeBytes": 0,
        "State": "ENABLED",
    }


_DESCRIBED = {"ArchiveArn": ARCHIVE, "Description": "description of the archive", "EventPattern": WHOLE_PATTERN}


@pytest.mark.parametrize(
    ("case", "bus"),
    [
        ("TestArchive::test_create_list_describe_update_delete_archive[custom]", "b"),
        ("TestArchive::test_create_list_describe_update_delete_archive[default]", "default"),
    ],
)
def test_an_archive_from_beginning_to_end(case: str, bus: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        listed = await _archive(c, bus)
        assert await done(c, "ListArchives", NamePrefix="a") == {"Archives": [listed]}
        assert await done(c, "DescribeArchive", ArchiveName="a") == {**listed, **_DESCRIBED}
        updated = await done(c, "UpdateArchive", ArchiveName="a", Description="new", RetentionDays=2)
        assert updated == {"ArchiveArn": ARCHIVE, "CreationTime": "datetime", "State": "ENABLED"}
        assert await done(c, "DeleteArchive", ArchiveName="a") == {}

    run(scenario)


@pytest.mark.parametrize(
    ("case", "bus", "by"),
    [
        ("TestArchive::test_list_archive_state_enabled[custom]", "b", {"State": "ENABLED"}),
        ("TestArchive::test_list_archive_state_enabled[default]", "default", {"State": "ENABLED"}),
        ("TestArchive::test_list_archive_with_source_arn[default]", "default", {"EventSourceArn": BUS}),
    ],
)
def test_archives_by_state_and_source(case: str, bus: str, by: dict[str, str]) -> None:
    async def scenario(c: EventsCloud) -> None:
        listed = await _archive(c, bus)
        assert await done(c, "ListArchives", **by) == {"Archives": [listed]}

    run(scenario)


@pytest.mark.parametrize(
    ("case", "bus"),
    [
        ("TestArchive::test_list_archive_with_events[True-custom]", "b"),
        ("TestArchive::test_list_archive_with_events[True-default]", "default"),
    ],
)
def test_what_an_archive_holds(case: str, bus: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        listed = {**await _archive(c, bus), "EventCount": 10, "SizeBytes": 1590}
        for _ in range(10):
            await c.put(EventBusName=bus)
        await c.put(EventBusName=bus, Source="other")
        assert await done(c, "ListArchives", NamePrefix="a") == {"Archives": [listed]}
        assert await done(c, "DescribeArchive", ArchiveName="a") == {**listed, **_DESCRIBED}

    run(scenario)


_NO_ARCHIVE = (400, "ResourceNotFoundException", "Archive none does not exist.")


@pytest.mark.parametrize(
    ("case", "operation", "error"),
    [
        ("TestArchive::test_delete_archive_error_unknown_archive", "DeleteArchive", _NO_ARCHIVE),
        ("TestArchive::test_describe_archive_error_unknown_archive", "DescribeArchive", _NO_ARCHIVE),
        (
            "TestArchive::test_update_archive_error_unknown_archive",
            "UpdateArchive",
            (
                400,
                "ValidationException",
                "At least one of EventPattern, RetentionDays or Description must be provided.",
            ),
        ),
    ],
)
def test_an_archive_that_is_not_there(case: str, operation: str, error: tuple[int, str, str]) -> None:
    async def scenario(c: EventsCloud) -> None:
        assert await refused(c, operation, ArchiveName="none") == error

    run(scenario)


@pytest.mark.parametrize(
    ("case", "changed", "message"),
    [
        (
            "TestReplay::test_start_replay_error_unknown_archive",
            {"EventSourceArn": f"{ARN}archive/none"},
            "Parameter EventSourceArn is not valid. Reason: Archive none does not exist.",
        ),
        (
            "TestReplay::test_start_replay_error_invalid_end_time[10]",
            {"EventEndTime": BEGIN - timedelta(seconds=10)},
            "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.",
        ),
        (  # nothing was recorded of this case
            "TestReplay::test_start_replay_error_unknown_event_bus[cross_account]",
            {"Destination": {"Arn": f"arn:aws:events:{REGION}:{OTHER}:event-bus/none"}},
            "Parameter Destination.Arn is not valid. Reason: Must contain an event bus ARN.",
        ),
    ],
)
def test_a_replay_that_cannot_be(case: str, changed: dict[str, Any], message: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        await _archive(c)
        asked: dict[str, Any] = {"EventSourceArn": ARCHIVE, "Destination": {"Arn": BUS}, **SPAN, **changed}
        assert await refused(c, "StartReplay", ReplayName="r", **asked) == (400, "ValidationException", message)

    run(scenario)


@recorded("TestReplay::test_list_replays_with_prefix", "TestReplay::test_list_replays_with_event_source_arn")
def test_replays_by_prefix_and_source() -> None:
    async def scenario(c: EventsCloud) -> None:
        await _archive(c)
        for name in ("prefix-test-replay", "other"):
            source = ARCHIVE
            if name == "other":
                source = f"{ARN}archive/o"
                await c.do("CreateArchive", ArchiveName="o", EventSourceArn=BUS)
            await c.do("StartReplay", ReplayName=name, EventSourceArn=source, Destination={"Arn": BUS}, **SPAN)
        names = ("EventStartTime", "EventEndTime", "ReplayStartTime", "ReplayEndTime")
        shown = {"ReplayName": "prefix-test-replay", "EventSourceArn": ARCHIVE, "State": "COMPLETED"}
        expected = {"Replays": [{**shown, **dict.fromkeys(names, "datetime")}]}
        for by in ({"NamePrefix": "prefix"}, {"NamePrefix": "prefix-test-replay"}, {"EventSourceArn": ARCHIVE}):
            assert await done(c, "ListReplays", **by) == expected

    run(scenario)


class _Never:
    """Puts everything off."""

    async def deliver(self, delivery: Delivery) -> None:
        raise TryAgain("later", delay_s=60, count=False)

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        return None


@recorded("TestReplay::test_start_list_describe_canceled_replay[default]")
def test_a_replay_from_beginning_to_end_and_one_that_is_cancelled() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        rule = await c.rule("r", queue)
        await _archive(c)
        ids = [await c.put() for _ in range(3)]
        assert len(await c.received(queue)) == 3
        given = {"Description": "description of the replay", "EventSourceArn": ARCHIVE, **SPAN}
        destination = {"Arn": BUS, "FilterArns": [rule]}
        begun = await done(c, "StartReplay", ReplayName="one", Destination=destination, **given)
        arn = f"{ARN}replay/one"
        assert begun == {"ReplayArn": arn, "ReplayStartTime": "datetime", "State": "STARTING"}
        times = dict.fromkeys(("EventStartTime", "EventEndTime", "ReplayStartTime"), "datetime")
        over = {"EventLastReplayedTime": "datetime", "ReplayEndTime": "datetime", "State": "COMPLETED"}
        listed = {"EventSourceArn": ARCHIVE, "ReplayName": "one", **times, **over}
        assert await done(c, "ListReplays", NamePrefix="one") == {"Replays": [listed]}
        more = {"Description": "description of the replay", "Destination": destination}
        assert await done(c, "DescribeReplay", ReplayName="one") == {**listed, "ReplayArn": arn, **more}
        found = await c.received(queue)
        assert {one["id"] for one in found} == set(ids), "the events have the ids that they had"
        assert [bare(one) for one in found] == [event(**{"replay-name": "one"})] * 3
        c.targets["events"] = _Never()
        await c.do("StartReplay", ReplayName="two", Destination=destination, **given)
        arn = f"{ARN}replay/two"
        assert await done(c, "CancelReplay", ReplayName="two") == {"ReplayArn": arn, "State": "CANCELLING"}
        shown = {"EventSourceArn": ARCHIVE, "ReplayName": "two", "ReplayArn": arn, "State": "CANCELLING", **times}
        assert await done(c, "DescribeReplay", ReplayName="two") == {**shown, **more}

    run(scenario)


_BASIC = {"BasicAuthParameters": {"Username": "user", "Password": "pass"}}
_KEY = {"ApiKeyAuthParameters": {"ApiKeyName": "ApiKey", "ApiKeyValue": "secret"}}
_OAUTH = {
    "OAuthParameters": {
        "ClientParameters": {"ClientID": "id", "ClientSecret": "password"},
        "AuthorizationEndpoint": "http://127.0.0.1:1/oauth",
        "HttpMethod": "POST",
    }
}
_MADE = {"ConnectionState": "AUTHORIZED", "CreationTime": "datetime", "LastModifiedTime": "datetime"}


def _connection_arn(answer: dict[str, Any]) -> str:
    arn: str = answer.pop("ConnectionArn")
    assert re.fullmatch(f"arn:aws:events:{REGION}:{ACCOUNT}:connection/c/{_UUID}", arn)
    return arn


@pytest.mark.parametrize(
    ("case", "kind", "given", "shown"),
    [
        (
            "TestEventBridgeConnections::test_create_connection",
            "API_KEY",
            {**_KEY, "InvocationHttpParameters": {}},
            {"ApiKeyAuthParameters": {"ApiKeyName": "ApiKey"}, "InvocationHttpParameters": {}},
        ),
        (  # that the secret is in Secrets Manager was recorded too; Lambent has not built that service
            "TestEventBridgeConnections::test_connection_secrets[api-key]",
            "API_KEY",
            _KEY,
            {"ApiKeyAuthParameters": {"ApiKeyName": "ApiKey"}},
        ),
        (
            "TestEventBridgeConnections::test_connection_secrets[basic]",
            "BASIC",
            _BASIC,
            {"BasicAuthParameters": {"Username": "user"}},
        ),
    ],
)
def test_a_connection(case: str, kind: str, given: dict[str, Any], shown: dict[str, Any]) -> None:
    async def scenario(c: EventsCloud) -> None:
        made = await done(c, "CreateConnection", Name="c", AuthorizationType=kind, AuthParameters=given)
        arn = _connection_arn(made)
        assert made == _MADE
        described = await done(c, "DescribeConnection", Name="c")
        secret = described.pop("SecretArn")
        begin = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:events!connection/c/"
        assert re.fullmatch(f"{begin}{_UUID}-[A-Za-z0-9]{{6}}", secret)
        rest = {"ConnectionArn": arn, "Name": "c", "AuthorizationType": kind, "LastAuthorizedTime": "datetime"}
        assert described == {**_MADE, **rest, "AuthParameters": shown}

    run(scenario)


@recorded("TestEventBridgeConnections::test_list_connections", "TestEventBridgeConnections::test_delete_connection")
def test_connections_are_listed_and_deleted() -> None:
    async def scenario(c: EventsCloud) -> None:
        made = await done(c, "CreateConnection", Name="c", AuthorizationType="BASIC", AuthParameters=_BASIC)
        arn = _connection_arn(made)
        shown = {**_MADE, "ConnectionArn": arn, "LastAuthorizedTime": "datetime"}
        listed = {**shown, "Name": "c", "AuthorizationType": "BASIC"}
        assert await done(c, "ListConnections", NamePrefix="c") == {"Connections": [listed]}
        assert await done(c, "DeleteConnection", Name="c") == {**shown, "ConnectionState": "DELETING"}
        message = "Failed to describe the connection(s). Connection 'c' does not exist."
        assert await refused(c, "DescribeConnection", Name="c") == (400, "ResourceNotFoundException", message)

    run(scenario)


@pytest.mark.parametrize(
    ("case", "operation", "params", "message"),
    [
        (
            "TestEvents::test_create_connection_validations",
            "CreateConnection",
            {
                "Name": "This should fail with two errors 123467890123412341234123412341234",
                "AuthorizationType": "INVALID",
                "AuthParameters": _BASIC,
            },
            "3 validation errors detected: Value 'This should fail with two errors 123467890123412341234123412341234' "
            "at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: "
            "[\\.\\-_A-Za-z0-9]+; Value 'This should fail with two errors 123467890123412341234123412341234' at 'name' "
            "failed to satisfy constraint: Member must have length less than or equal to 64; Value 'INVALID' at "
            "'authorizationType' failed to satisfy constraint: Member must satisfy enum value set: [BASIC, "
            "OAUTH_CLIENT_CREDENTIALS, API_KEY]",
        ),
        (
            "TestEventBridgeApiDestinations::test_create_api_destination_invalid_parameters",
            "CreateApiDestination",
            {
                "Name": "d",
                "ConnectionArn": "invalid-connection-arn",
                "HttpMethod": "INVALID_METHOD",
                "InvocationEndpoint": "https://example.com/api",
            },
            "2 validation errors detected: Value 'invalid-connection-arn' at 'connectionArn' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: "
            "^arn:aws([a-z]|\\-)*:events:([a-z]|\\d|\\-)*:([0-9]{12})?:connection\\/[\\.\\-_A-Za-z0-9]+"
            "\\/[\\-A-Za-z0-9]+$; Value 'INVALID_METHOD' at 'httpMethod' failed to satisfy constraint: Member must "
            "satisfy enum value set: [HEAD, POST, PATCH, DELETE, PUT, GET, OPTIONS]",
        ),
    ],
)
def test_parameters_that_cannot_be(case: str, operation: str, params: dict[str, Any], message: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        assert await refused(c, operation, **params) == (400, "ValidationException", message)

    run(scenario)


@pytest.mark.parametrize(
    ("case", "kind", "auth", "state"),
    [
        ("TestEventBridgeApiDestinations::test_api_destinations[auth1]", "API_KEY", _KEY, "ACTIVE"),
        pytest.param(
            "TestEventBridgeApiDestinations::test_api_destinations[auth2]",
            "OAUTH_CLIENT_CREDENTIALS",
            _OAUTH,
            "INACTIVE",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_an_api_destination_from_beginning_to_end(case: str, kind: str, auth: dict[str, Any], state: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        made = await c.do("CreateConnection", Name="c", AuthorizationType=kind, AuthParameters=auth)
        connection = made["ConnectionArn"]
        given = {"ConnectionArn": connection, "HttpMethod": "POST", "InvocationEndpoint": "https://example.com/api"}
        described = {"Description": "Test API destination"}
        answer = await done(c, "CreateApiDestination", Name="d", **given, **described)
        assert re.fullmatch(f"{ARN}api-destination/d/{_UUID}", answer["ApiDestinationArn"])
        same = {**answer, "ApiDestinationState": state, "CreationTime": "datetime", "LastModifiedTime": "datetime"}
        assert answer == same
        shown = {**same, **given, "Name": "d", "InvocationRateLimitPerSecond": 300}
        assert await done(c, "DescribeApiDestination", Name="d") == {**shown, **described}
        assert await done(c, "ListApiDestinations", NamePrefix="d") == {"ApiDestinations": [shown]}
        changed = {"HttpMethod": "PUT", "InvocationEndpoint": "https://example.com/api/v2"}
        described = {"Description": "Updated API destination"}
        assert await done(c, "UpdateApiDestination", Name="d", **changed, **described) == same
        assert await done(c, "DescribeApiDestination", Name="d") == {**shown, **changed, **described}
        assert await done(c, "DeleteApiDestination", Name="d") == {}
        message = "Failed to describe the api-destination(s). An api-destination 'd' does not exist."
        assert await refused(c, "DescribeApiDestination", Name="d") == (400, "ResourceNotFoundException", message)

    run(scenario)
