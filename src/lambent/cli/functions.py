"""`lambent invoke` and `lambent logs`."""

from __future__ import annotations

import base64
import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from .common import EndpointOption, Failure, RegionOption, client, find_endpoint, require_health

POLL_S = 0.5


def invoke(
    function: Annotated[str, typer.Argument(help="The function's name or ARN.")],
    payload: Annotated[str, typer.Argument(help="JSON, or @FILE, or - for standard input.")] = "{}",
    asynchronous: Annotated[bool, typer.Option("--async", help="Queue the event and return at once.")] = False,
    endpoint: EndpointOption = None,
    region: RegionOption = "us-east-1",
) -> None:
    """Invoke a function; its log goes to standard error, its answer to standard output."""
    address = find_endpoint(endpoint)
    require_health(address)
    functions = client("lambda", address, region)
    kind = {"InvocationType": "Event"} if asynchronous else {"LogType": "Tail"}
    try:
        answer = functions.invoke(FunctionName=function, Payload=_read(payload), **kind)
    except functions.exceptions.ClientError as error:
        raise Failure(str(error)) from None
    if asynchronous:
        print(f"queued as {answer['ResponseMetadata']['RequestId']}")
        return
    sys.stderr.write(base64.b64decode(answer.get("LogResult", "")).decode(errors="replace"))
    sys.stderr.flush()
    print(answer["Payload"].read().decode())
    if answer.get("FunctionError"):
        raise typer.Exit(1)


def _read(payload: str) -> bytes:
    if payload == "-":
        data = sys.stdin.buffer.read()
    elif payload.startswith("@"):
        try:
            data = Path(payload[1:]).read_bytes()
        except OSError as error:
            raise Failure(f"cannot read {payload[1:]}: {error.strerror}") from None
    else:
        data = payload.encode()
    try:
        json.loads(data)
    except ValueError as error:
        raise Failure(f"the payload is not JSON: {error}") from None
    return data


def logs(
    name: Annotated[str, typer.Argument(help="A function's name, or a log group's.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as new lines arrive.")] = False,
    since_min: Annotated[int, typer.Option("--since", help="Minutes to go back.")] = 60,
    pattern: Annotated[str, typer.Option("--filter", help="A CloudWatch Logs filter pattern.")] = "",
    endpoint: EndpointOption = None,
    region: RegionOption = "us-east-1",
) -> None:
    """Show a function's log."""
    address = find_endpoint(endpoint)
    require_health(address)
    logs_client = client("logs", address, region)
    group = name if name.startswith("/") else _log_group(client("lambda", address, region), name)
    start_ms = int((time.time() - since_min * 60) * 1000)
    shown: set[str] = set()
    while True:
        try:
            for event in _events(logs_client, group, start_ms, pattern):
                if event["eventId"] not in shown:
                    shown.add(event["eventId"])
                    start_ms = max(start_ms, event["timestamp"] - 60_000)
                    stamp = time.strftime("%H:%M:%S", time.localtime(event["timestamp"] / 1000))
                    print(f"{stamp}.{event['timestamp'] % 1000:03d} {event['message'].rstrip()}", flush=True)
        except logs_client.exceptions.ResourceNotFoundException:
            if not follow:
                raise Failure(f"there is no log group {group} (has the function run, and may its role log?)") from None
        if not follow:
            return
        time.sleep(POLL_S)


def _log_group(functions: Any, name: str) -> str:
    try:
        configuration = functions.get_function_configuration(FunctionName=name)
    except functions.exceptions.ResourceNotFoundException:
        raise Failure(f"there is no function {name}") from None
    return str(configuration.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}")


def _events(logs_client: Any, group: str, start_ms: int, pattern: str) -> list[dict[str, Any]]:
    request: dict[str, Any] = {"logGroupName": group, "startTime": start_ms}
    if pattern:
        request["filterPattern"] = pattern
    pages = logs_client.get_paginator("filter_log_events").paginate(**request)
    return [event for found in pages for event in found["events"]]
