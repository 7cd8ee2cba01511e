"""API destinations, replays and schedules over the wire, as boto3's users have them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from .node import ACCOUNT, REGION, Node, eventually
from .test_events import queue, received

pytestmark = pytest.mark.e2e
Call = tuple[str, str, str, Any]


class Shop(ThreadingHTTPServer):
    """A server that gives tokens at /token, and answers other calls with the statuses `answers` (200 after them).
    `calls` are method, path, Authorization and body."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls: list[Call] = []
        self.answers: list[int] = []
        self.tokens = 0
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Shop

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        status, text = 200, "{}"
        if self.path == "/token":
            self.server.tokens += 1
            text = json.dumps({"access_token": f"token-{self.server.tokens}", "expires_in": 3600})
        else:
            status = self.server.answers.pop(0) if self.server.answers else 200
            self.server.calls.append((self.command, self.path, self.headers["Authorization"], json.loads(body)))
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        return None


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A running server."""
    server = Shop()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def _role(node: Node, name: str, service: str, action: str) -> str:
    principal = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
    allowed = {"Effect": "Allow", "Action": action, "Resource": "*"}
    trust, policy = (json.dumps({"Version": "2012-10-17", "Statement": [one]}) for one in (principal, allowed))
    made = node.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    node.client("iam").put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
    return str(made["Role"]["Arn"])


def test_a_shop_is_called_with_tokens_that_it_accepts(node: Node, shop: Shop) -> None:
    events = node.client("events")
    oauth = {"ClientParameters": {"ClientID": "id", "ClientSecret": "shh"}, "HttpMethod": "POST"}
    connection = events.create_connection(
        Name="shop",
        AuthorizationType="OAUTH_CLIENT_CREDENTIALS",
        AuthParameters={"OAuthParameters": {**oauth, "AuthorizationEndpoint": f"{shop.url}/token"}},
    )["ConnectionArn"]
    eventually(lambda: events.describe_connection(Name="shop")["ConnectionState"] == "AUTHORIZED")
    destination = events.create_api_destination(
        Name="shop", ConnectionArn=connection, InvocationEndpoint=f"{shop.url}/orders/*", HttpMethod="POST"
    )
    assert destination["ApiDestinationState"] == "ACTIVE"
    events.put_rule(Name="to-shop", EventPattern='{"source": ["till"]}')
    target = {
        "Id": "t",
        "Arn": destination["ApiDestinationArn"],
        "RoleArn": _role(node, "calls-shop", "events", "events:InvokeApiDestination"),
        "InputPath": "$.detail",
        "HttpParameters": {"PathParameterValues": ["$.detail.id"], "QueryStringParameters": {"from": "till"}},
    }
    assert events.put_targets(Rule="to-shop", Targets=[target])["FailedEntryCount"] == 0
    shop.answers = [503, 401]
    entry = {"Source": "till", "DetailType": "order", "Detail": '{"id": "a b"}'}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    assert eventually(lambda: len(shop.calls) == 3)
    tokens = ("token-1", "token-1", "token-2")
    assert shop.calls == [("POST", "/orders/a%20b?from=till", f"Bearer {token}", {"id": "a b"}) for token in tokens]
    events.deauthorize_connection(Name="shop")
    assert events.describe_api_destination(Name="shop")["ApiDestinationState"] == "INACTIVE"


def test_a_replay_goes_on_though_the_node_is_killed(tmp_path: Path) -> None:
    node = Node(tmp_path / "cloud").start()
    try:
        events = node.client("events")
        url, arn = queue(node, "again")
        bus = events.create_event_bus(Name="b")["EventBusArn"]
        archive = events.create_archive(ArchiveName="a", EventSourceArn=bus)["ArchiveArn"]
        begin = datetime.now(UTC) - timedelta(seconds=1)
        entry = {"Source": "till", "DetailType": "order", "Detail": "{}", "EventBusName": "b"}
        answers = [events.put_events(Entries=[entry] * 10)["Entries"] for _ in range(30)]
        assert events.describe_archive(ArchiveName="a")["EventCount"] == 300
        events.put_rule(Name="r", EventBusName="b", EventPattern='{"replay-name": ["again"]}')
        events.put_targets(Rule="r", EventBusName="b", Targets=[{"Id": "t", "Arn": arn}])
        span = {"EventStartTime": begin, "EventEndTime": datetime.now(UTC) + timedelta(seconds=1)}
        events.start_replay(ReplayName="again", EventSourceArn=archive, Destination={"Arn": bus}, **span)
        node.kill()
        node.start()
        wanted = {one["EventId"] for answer in answers for one in answer}
        seen: set[str] = set()

        def everything() -> bool:
            seen.update(event["id"] for event in received(node, url))
            return seen == wanted

        assert eventually(everything)
        assert eventually(lambda: node.client("events").describe_replay(ReplayName="again")["State"] == "COMPLETED")
    finally:
        assert node.stop() == 0


def test_a_schedule_of_tokyo_comes_once_and_goes(node: Node) -> None:
    scheduler = node.client("scheduler")
    url, arn = queue(node, "tokyo")
    when = datetime.now(ZoneInfo("Asia/Tokyo")).replace(microsecond=0) + timedelta(seconds=2)
    target = {
        "Arn": arn,
        "RoleArn": _role(node, "wakes", "scheduler", "sqs:SendMessage"),
        "Input": '{"time": "<aws.scheduler.scheduled-time>", "by": "<aws.scheduler.schedule-arn>"}',
    }
    made = scheduler.create_schedule(
        Name="once",
        ScheduleExpression=f"at({when:%Y-%m-%dT%H:%M:%S})",
        ScheduleExpressionTimezone="Asia/Tokyo",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target=target,
    )["ScheduleArn"]
    assert made == f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/once"
    (body,) = eventually(lambda: received(node, url))
    assert body == {"time": f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", "by": made}
    assert scheduler.list_schedules(NamePrefix="once")["Schedules"] == []
