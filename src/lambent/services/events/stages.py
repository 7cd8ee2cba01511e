"""Calls of stages of API Gateway, in process: `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from lambent.contracts.arn import Arn, parse
from lambent.contracts.caller import Credential
from lambent.contracts.http import BytesBody, FileSlice, Request, Response
from lambent.contracts.ports import Cloud
from lambent.kit import outward

from . import connecting, http, signing
from .http import Answer, Unreachable

TIMEOUT_S: Final = 29.0
"""What API Gateway gives an integration, and so how long an answer may take."""
_ANSWER_BYTES_MAX: Final = 10 << 20
_OWN: Final = frozenset(
    ("authorization", "connection", "content-length", "host", "transfer-encoding", "x-amz-date", "x-amz-security-token")
)
"""Headers that the call makes itself."""
_SPELLED: Final = ("X-Amz-Source-Arn", "X-Amz-Source-Account", "X-Amz-Security-Token")
"""Headers of the call that backends see in these letters."""


def parts(place: Arn) -> tuple[str, str, str, str]:
    """API, stage, method and path (without a slash before it) of a stage's ARN; `ValueError` when it is none."""
    api, stage, method, *rest = [*place.resource.split("/", 3), "", ""][:4]
    if place.service != "execute-api" or not (api and stage and method):
        raise ValueError(f"{place} is not the ARN of a method of an API's stage")
    return api, stage, method, rest[0] if rest else ""


def request(place: Arn, given: Mapping[str, Any], payload: bytes, agent: str, source: str) -> Request:
    """The request to a stage on behalf of `source`, a rule or a pipe; `given` is HttpParameters of a target.
    `ValueError` where they lead elsewhere."""
    api, stage, method, path = parts(place)
    path = connecting.filled(path, given.get("PathParameterValues", ()))
    pairs = given.get("QueryStringParameters", {}).items()
    query = "&".join(f"{quote(name, safe='-._~')}={quote(value, safe='-._~')}" for name, value in pairs)
    headers = {"host": f"{api}.execute-api.{place.region}.amazonaws.com", "content-type": "application/json"}
    for name, value in given.get("HeaderParameters", {}).items():
        if name.lower() not in _OWN and not name.lower().startswith("x-amz-source-"):
            headers[name.lower()] = http.one_line(value)
    headers |= {"user-agent": agent, "x-amz-source-arn": source, "x-amz-source-account": parse(source).account}
    method = "POST" if method == "*" else method
    body = b"" if method in ("GET", "HEAD") else payload
    target = f"/{quote(stage, safe='$')}/{quote(path, safe='/-._~%')}"
    return Request(method, target, query, headers, BytesBody(body), secure=True)


async def ask(
    cloud: Cloud,
    place: Arn,
    given: Mapping[str, Any],
    payload: bytes,
    credential: Credential | None,
    agent: str,
    source: str,
) -> Answer:
    """Call a stage, signed where there is a credential; `Unreachable` when no answer comes in time."""
    asked = request(place, given, payload, agent, source)
    asked.id = cloud.ids.request_id()
    if credential is not None:
        assert isinstance(asked.body, BytesBody)
        signing.sign(asked, asked.body.data, credential, place.region, cloud.clock.outside_ns())
    spelled = {name.lower(): name for name in (*given.get("HeaderParameters", ()), *_SPELLED)}
    asked.lines = [f"{spelled.get(name, name)}: {value}" for name, value in asked.headers.items()]
    try:
        return await outward.within(cloud.clock, TIMEOUT_S, _exchange(cloud, asked))
    except TimeoutError as error:
        raise Unreachable(str(error)) from None


async def _exchange(cloud: Cloud, asked: Request) -> Answer:
    response = await cloud.front(asked)
    headers = {name.lower(): value for name, value in response.headers}
    return Answer(response.status, headers, await _body(response))


async def _body(response: Response) -> bytes:
    body = response.body
    if isinstance(body, bytes):
        return body
    if isinstance(body, FileSlice):
        return await asyncio.to_thread(_slice, body)
    found = bytearray()
    async for piece in body:
        found += piece
        if len(found) > _ANSWER_BYTES_MAX:
            raise Unreachable("the answer is too long")
    return bytes(found)


def _slice(body: FileSlice) -> bytes:
    with Path(body.path).open("rb") as file:
        file.seek(body.offset)
        return file.read(min(body.length, _ANSWER_BYTES_MAX))
