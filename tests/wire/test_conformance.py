"""Every protocol case of botocore: what a client sends parses to its parameters; what we answer parses to the result.

A case that cannot pass is listed below with its reason, and the test fails when a listed case passes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from botocore.model import OperationModel as BotocoreOperation
from botocore.model import ServiceModel as BotocoreService
from botocore.parsers import create_parser

from lambent.contracts.errors import generic
from lambent.contracts.http import BytesBody, Request
from lambent.wire import Route, make_codec
from lambent.wire.routes import Routes

from .cases import Case, body_of, native, read, same

EXPECTED_TO_FAIL: dict[str, str] = {}
"""Cases by the end of their name, and why they cannot pass."""


def reason(case: Case) -> str | None:
    return next((why for name, why in EXPECTED_TO_FAIL.items() if case.name.endswith(name)), None)


def request_of(case: Case) -> Request:
    sent = case.data["serialized"]
    path, _, query = sent["uri"].partition("?")
    headers = {name.lower(): value for name, value in sent.get("headers", {}).items()}
    body = sent.get("body") or ""
    if isinstance(body, dict):
        data = urlencode(body).encode()
    else:
        data = body_of(sent, case.protocol)
    return Request(sent.get("method", "POST"), path or "/", query, headers, BytesBody(data))


async def parse(case: Case) -> dict[str, Any]:
    request = request_of(case)
    labels = {}
    if case.protocol.startswith("rest"):
        found = Routes(case.operation.service).find(request.method, request.path, request.query, request.headers)
        assert found is not None, "no route"
        labels = found[1]
    codec = make_codec(case.operation, case.protocol)
    body = await request.body.read(1 << 20)
    params = codec.read(Route("conformance", case.operation.name, case.protocol, "", labels), request, body)
    if codec.streaming:
        name = codec.operation.input.payload  # type: ignore[union-attr]
        if isinstance(params.get(name), BytesBody):
            params[name] = params[name].data
    return params


def expected_params(case: Case) -> dict[str, Any]:
    shape = case.operation.input
    found = native(shape, case.data["params"]) if shape is not None else {}
    return dict(found)


async def check_input(case: Case) -> None:
    params, expected = await parse(case), expected_params(case)
    for name, value in list(params.items()):
        # An empty body cannot be told from an absent one, nor an empty list in a query from none.
        if name not in expected and value in (b"", {}, [], ""):
            del params[name]
    empty = {name for name, value in expected.items() if value in ([], {}, b"", "", None) and name not in params}
    wanted = {name: value for name, value in expected.items() if name not in empty}
    assert same(params, wanted), f"{params} is not {wanted}"


def oracle(case: Case, status: int, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    model = {
        "metadata": case.operation.service.metadata,
        "shapes": case.operation.service.definitions,
        "operations": {case.operation.name: case.operation.data},
    }
    service = BotocoreService(model)
    operation = BotocoreOperation(case.operation.data, service, case.operation.name)
    parser = create_parser(case.protocol)
    output = operation.output_shape
    parsed: dict[str, Any] = parser.parse({"headers": headers, "body": body, "status_code": status}, output)
    return parsed


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
    answer = oracle(case, response.status, _Headers(response.headers), response.body)
    answer.pop("ResponseMetadata", None)
    wanted = oracle(
        case,
        case.data["response"].get("status_code", 200),
        _Headers({name.lower(): value for name, value in case.data["response"].get("headers", {}).items()}),
        body_of(case.data["response"], case.protocol),
    )
    wanted.pop("ResponseMetadata", None)
    for found in (answer, wanted):
        for name, value in list(found.items()):
            if hasattr(value, "read"):
                found[name] = value.read()
    assert same(_filled(answer), _filled(wanted)), f"{answer} is not {wanted}"


def _filled(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value not in ([], {}, "", b"", None)}


def check_error(case: Case) -> None:
    code = case.data.get("errorCode")
    error = case.data.get("error", {})
    message = case.data.get("errorMessage") or error.get("message") or error.get("Message") or ""
    shape = case.operation.service.error(code) if code else None
    fields = native(shape, error) if shape is not None else error
    raised = generic(code, message, case.data["response"].get("status_code", 0), **fields)
    codec = make_codec(case.operation, case.protocol)
    response = codec.serialize_error(raised, "request-1", Request("POST", "/"))
    assert isinstance(response.body, bytes)
    answer = oracle(case, response.status, _Headers(response.headers), response.body)
    assert answer["Error"]["Code"] == code
    assert answer["Error"].get("Message", "") == message


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
