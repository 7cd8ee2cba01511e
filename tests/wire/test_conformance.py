"""Every protocol case of botocore: what a client sends parses to its parameters; what we answer parses to the result.

A case that cannot pass is listed below with its reason, and the test fails when a listed case passes.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from botocore.eventstream import EventStream
from botocore.model import OperationModel as BotocoreOperation
from botocore.model import ServiceModel as BotocoreService
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from lambent.contracts.errors import generic
from lambent.contracts.http import BytesBody, Request
from lambent.wire import Route, make_codec
from lambent.wire.eventstream import stream_member
from lambent.wire.routes import Routes

from .cases import Case, body_of, native, read, same

_FLATTENED = (
    "AWS's clients find a flattened list by its elements' name, and two lists of this structure have the same one"
)
EXPECTED_TO_FAIL: dict[str, str] = {
    "rest-json/17/2/OperationName": "a server sends no member that its model does not have",
    "rest-xml/16/2/OperationName": "a server sends no member that its model does not have",
    "output/ec2/15/0/Ec2XmlLists": _FLATTENED,
    "output/rest-xml/39/0/XmlLists": _FLATTENED,
}
"""Cases by the end of their name, and why they cannot pass."""

TOKEN = "00000000-0000-4000-8000-000000000000"
"""What the cases' client fills in for an idempotency token that was not given."""


def reason(case: Case) -> str | None:
    return next((why for name, why in EXPECTED_TO_FAIL.items() if case.name.endswith(name)), None)


def request_of(case: Case) -> Request:
    sent = case.data["serialized"]
    path, _, query = sent["uri"].partition("?")
    # A custom endpoint's own path is taken off before the wire sees the request.
    path = path.removeprefix("/" + sent.get("host", "").partition("/")[2]) if "/" in sent.get("host", "") else path
    headers = {name.lower(): value for name, value in sent.get("headers", {}).items()}
    body = sent.get("body") or ""
    if "content-encoding" in headers and not body:
        body = written(case)  # the case shows the headers only
    data = urlencode(body).encode() if isinstance(body, dict) else body_of(body, case.protocol)
    if headers.get("content-encoding", "").endswith("gzip"):
        data = gzip.compress(data)  # the cases show it before compression
    method = sent.get("method") or case.operation.http["method"]
    return Request(method, path or "/", query, headers, BytesBody(data))


def written(case: Case) -> dict[str, Any] | str:
    """The body that botocore writes for a case's parameters."""
    found = create_serializer(case.protocol).serialize_to_request(case.data["params"], botocore_operation(case))["body"]
    return found.decode() if isinstance(found, bytes) else found


def botocore_operation(case: Case) -> BotocoreOperation:
    """A case's operation as botocore's own model of it."""
    model = {
        "metadata": case.operation.service.metadata,
        "shapes": case.operation.service.definitions,
        "operations": {case.operation.name: case.operation.data},
    }
    return BotocoreOperation(case.operation.data, BotocoreService(model), case.operation.name)


async def parse(case: Case) -> dict[str, Any]:
    request = request_of(case)
    labels = {}
    if case.protocol.startswith("rest"):
        found = Routes(case.operation.service).find(request.method, request.path, request.query, request.headers)
        assert found is not None, "no route"
        labels = found[1]
    codec = make_codec(case.operation, case.protocol)
    body = await request.body.read(1 << 20)
    codec._validate = None  # the cases are about form only: many break their models' constraints
    params = codec.parse(Route("conformance", case.operation.name, case.protocol, "", labels), request, body)
    if codec.streaming:
        name = codec.operation.input.payload  # type: ignore[union-attr]
        if isinstance(params.get(name), BytesBody):
            params[name] = params[name].data
    return params


def expected_params(case: Case) -> dict[str, Any]:
    shape = case.operation.input
    found: dict[str, Any] = dict(native(shape, case.data["params"])) if shape is not None else {}
    in_query = {
        n: m for n, m in (shape.members if shape is not None else {}).items() if m.trait("location") == "querystring"
    }
    named = {member.location_name or name for name, member in in_query.items() if member.kind != "map"}
    for name, member in in_query.items():
        if member.kind == "map" and name in found:
            # A parameter that another member names is that member's: the client sends it once.
            found[name] = {key: value for key, value in found[name].items() if key not in named}
    return found


async def check_input(case: Case) -> None:
    params, expected = await parse(case), expected_params(case)
    for name, value in list(params.items()):
        # An empty body cannot be told from an absent one, nor an empty list in a query from none.
        # What the client adds by itself is no parameter either: a token, the default content type of a blob.
        if name not in expected and value in (b"", {}, [], "", TOKEN, "application/octet-stream"):
            del params[name]
    empty = {name for name, value in expected.items() if value in ([], {}, b"", "", None) and name not in params}
    wanted = {name: value for name, value in expected.items() if name not in empty}
    assert same(params, wanted), f"{params} is not {wanted}"


def oracle(case: Case, status: int, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    context = {"operation_name": case.operation.name}
    response: dict[str, Any] = {"headers": headers, "body": body, "status_code": status, "context": context}
    output = botocore_operation(case).output_shape
    if stream_member(case.operation.output) is not None:
        response["body"] = _Stream(body)
    parsed: dict[str, Any] = create_parser(case.protocol).parse(response, output)
    return parsed


class _Stream:
    """A body as botocore wants that of an event stream."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self) -> Iterator[bytes]:
        yield self.body


class _Headers(dict[str, str]):
    """Header names without case, as botocore's responses have them."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())


def check_output(case: Case) -> None:
    codec = make_codec(case.operation, case.protocol)
    if "error" in case.data or "errorCode" in case.data:
        check_error(case)
        return
    shape = case.operation.output
    expected = native(shape, case.data["result"]) if shape is not None else {}
    response = codec.serialize(expected, "request-1")
    assert isinstance(response.body, bytes)
    headers = _Headers((name, value) for name, value in response.headers if name != "x-amzn-requestid")
    if not response.body and response.status == 200 and expected == {}:
        return  # nothing is what was wanted; botocore's parser does not read an empty document
    answer = _plain(oracle(case, response.status, headers, response.body))
    if same(answer, _filled(expected)):
        return
    # What botocore's parser makes of the case's own response is right too: it reads some forms less exactly.
    wanted = oracle(
        case,
        case.data["response"].get("status_code", 200),
        _Headers({name.lower(): value for name, value in case.data["response"].get("headers", {}).items()}),
        body_of(case.data["response"].get("body") or "", case.protocol),
    )
    assert same(answer, _plain(wanted)), f"{answer} is not {wanted}"


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    found.pop("ResponseMetadata", None)
    for name, value in found.items():
        if hasattr(value, "read"):
            found[name] = value.read()
        elif isinstance(value, EventStream):
            found[name] = list(value)
    return _filled(found)


def _filled(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value not in ([], {}, "", b"", None)}


def check_error(case: Case) -> None:
    code = case.data.get("errorCode")
    error = case.data.get("error", {})
    message = case.data.get("errorMessage") or error.get("message") or error.get("Message") or ""
    shape = case.operation.service.error(code) if code else None
    fields = native(shape, error) if shape is not None else error
    fields = {name: value for name, value in fields.items() if name.lower() != "message"}
    raised = generic(code, message, case.data["response"].get("status_code", 0), **fields)
    codec = make_codec(case.operation, case.protocol)
    response = codec.serialize_error(raised, "request-1", Request("POST", "/"))
    assert isinstance(response.body, bytes)
    answer = oracle(case, response.status, _Headers(response.headers), response.body)
    assert answer["Error"]["Code"] == code
    assert (answer["Error"].get("Message") or "") == message
    for name, value in fields.items():
        member = shape.members.get(name) if shape is not None else None
        if member is not None and member.trait("location") != "statusCode" and name in answer:
            assert same(answer[name], value)


async def test_every_input_parses_to_its_parameters(conformance: Path) -> None:
    await _run(conformance, "input")


async def test_every_output_parses_to_its_result(conformance: Path) -> None:
    await _run(conformance, "output")


async def _run(folder: Path, direction: str) -> None:
    wrong: list[str] = []
    count = 0
    for case in read(folder, direction):
        count += 1
        try:
            await check_input(case) if direction == "input" else check_output(case)
        except Exception as error:
            if reason(case) is None:
                wrong.append(f"{case.name}: {type(error).__name__}: {str(error)[:300]}")
        else:
            if reason(case) is not None:
                wrong.append(f"{case.name} passes, but is listed as failing")
    assert count > 300
    assert not wrong, "\n".join(wrong)
