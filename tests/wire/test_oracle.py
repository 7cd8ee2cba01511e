"""Real operations of real services, against botocore: what it writes we read, what we write it reads."""

from __future__ import annotations

import json
from functools import cache
from io import BytesIO
from typing import Any

import pytest
from botocore.awsrequest import create_request_object, prepare_request_dict
from botocore.loaders import Loader
from botocore.model import ServiceModel as BotocoreService
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent import model, wire
from lambent.contracts.http import BytesBody, Request
from lambent.model import OperationModel, Shape
from lambent.model.load import OVERLAYS
from lambent.wire import Route
from lambent.wire.jsonform import compile_sealer

from .cases import same
from .strategies import is_recursive, trimmed, values

SPOKEN = [
    ("s3", "rest-xml"),
    ("lambda", "rest-json"),
    ("iam", "query"),
    ("sts", "query"),
    ("cloudformation", "query"),
    ("sns", "query"),
    ("sqs", "query"),
    ("sqs", "json"),
    ("logs", "json"),
    ("dynamodb", "json"),
    ("cloudwatch", "query"),
    ("cloudwatch", "json"),
    ("cloudwatch", "smithy-rpc-v2-cbor"),
    ("ec2", "ec2"),
]
BY_HAND = {
    "ListDirectoryBuckets": "it differs from ListBuckets by its host only",
    "GetBucketLocation": "botocore reads its answer in a handler of its own",
    "GetBucketNotification": "replaced by another operation of the same path",
    "GetBucketLifecycle": "replaced by another operation of the same path",
    "PutBucketNotification": "replaced by another operation of the same path",
    "PutBucketLifecycle": "replaced by another operation of the same path",
    "WriteGetObjectResponse": "a parameter is part of its host name, which not every text can be",
    "InvokeAsync": "its body is the user's JSON, and deprecated",
}


@cache
def botocore_service(service: str, protocol: str) -> BotocoreService:
    found = Loader().load_service_model(service, "service-2")
    if (service, protocol) == ("sqs", "query"):
        # Its model tells of the query protocol no longer what AWS still answers in it.
        for name, operation in found["operations"].items():
            operation.get("output", {})["resultWrapper"] = f"{name}Result"
        _add_form_names(found["shapes"])
    return BotocoreService(found, service)


def _add_form_names(shapes: dict[str, Any]) -> None:
    """Give members the names of the query protocol that the overlay has."""
    overlay = json.loads((OVERLAYS / "sqs.json").read_text())["merge"]["shapes"]
    for name, traits in overlay.items():
        if traits.get("exception"):
            continue
        for part in ("member", "key", "value"):
            shapes[name].get(part, {}).update(traits.get(part, {}))
        for member, found in traits.get("members", {}).items():
            shapes[name]["members"][member]["locationName"] = found["formName"]


@cache
def operations(service: str) -> list[OperationModel]:
    """The operations that finite, lone requests can be made of."""
    found = model.service_model(service).operations.values()
    return [
        operation
        for operation in found
        if operation.name not in BY_HAND
        and not _streams_events(operation.input)
        and not (operation.input is not None and is_recursive(operation.input))
    ]


def _streams_events(shape: Any) -> bool:
    return shape is not None and any(member.trait("eventstream") for member in shape.members.values())


def sent(service: str, protocol: str, operation: OperationModel, params: dict[str, Any]) -> Request:
    """The request that botocore makes of parameters."""
    described = botocore_service(service, protocol).operation_model(operation.name)
    fields = create_serializer(protocol, include_validation=False).serialize_to_request(params, described)
    prepare_request_dict(fields, "http://localhost:4566", {})
    made = create_request_object(fields).prepare()
    # Some operations have a host name of their own: streaming-localhost.
    path, _, query = f"/{made.url.split('/', 3)[3]}".partition("?")
    headers = {
        name.lower(): value if isinstance(value, str) else value.decode() for name, value in made.headers.items()
    }
    scope = f"AK/20240102/us-east-1/{wire.signing_name(service)}/aws4_request"
    headers |= {"host": "localhost:4566", "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, Signature=0"}
    body = made.body if made.body is not None else b""
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else body.read()
    return Request(made.method, path, query, headers, BytesBody(bytes(data)))


def read(request: Request) -> tuple[Route, dict[str, Any]]:
    """What we make of a request."""
    assert isinstance(request.body, BytesBody)
    route = wire.identify(request, ("localhost",))
    assert route is not None
    if not route.operation:
        route = wire.resolve(route, request, request.body.data)
    codec = wire.codec(route)
    params = codec.read(route, request, request.body if codec.streaming else request.body.data)
    if codec.streaming:
        assert codec.operation.input is not None
        name = codec.operation.input.payload
        params[name] = params[name].data
    return route, params


def check_request(service: str, protocol: str, data: st.DataObject) -> None:
    operation = data.draw(st.sampled_from(operations(service)), label="operation")
    params = data.draw(values(operation.input), label="params") if operation.input is not None else {}
    if service == "s3":
        params = {name: value for name, value in params.items() if name != "ContentMD5"}  # S3 compares it
    route, found = read(sent(service, protocol, operation, dict(params)))
    assert (route.service, route.operation, route.protocol) == (service, operation.name, protocol)
    payload = operation.input.payload if operation.input is not None else ""
    if payload and params.get(payload) in (None, b"", ""):
        found.pop(payload, None)
        params = {name: value for name, value in params.items() if name != payload}
    _drop_added(operation.input, found, params)
    params = carried(operation.input, params)
    assert same(trimmed(found), trimmed(params)), f"{found} is not {params}"


def carried(shape: Shape | None, values: dict[str, Any]) -> dict[str, Any]:
    """Values as they are carried between the line and a service: what is opaque as decoded JSON."""
    seal = compile_sealer(shape)
    return values if seal is None else seal(values)


def check_response(service: str, protocol: str, data: st.DataObject) -> None:
    wanted = [operation for operation in operations(service) if not _streams_events(operation.output)]
    operation = data.draw(st.sampled_from(wanted), label="operation")
    result = dict(data.draw(values(operation.output), label="result")) if operation.output is not None else {}
    status = next(
        (
            n
            for n, m in (operation.output.members if operation.output else {}).items()
            if m.trait("location") == "statusCode"
        ),
        "",
    )
    if status in result:
        result[status] = 200
    codec = wire.codec(Route(service, operation.name, protocol))
    response = codec.serialize(carried(operation.output, result), "request-1")
    assert isinstance(response.body, bytes)
    shape = botocore_service(service, protocol).operation_model(operation.name).output_shape
    payload = operation.output.payload if operation.output is not None else ""
    blob = bool(payload) and operation.output is not None and operation.output.members[payload].kind == "blob"
    answer = {
        "headers": Headers(response.headers),
        "body": BytesIO(response.body) if blob else response.body,
        "status_code": response.status,
        "context": {},
    }
    found = create_parser(protocol).parse(answer, shape)
    found.pop("ResponseMetadata", None)
    if status and status not in result:
        found.pop(status, None)
    if payload and not result.get(payload):
        found.pop(payload, None)
        result.pop(payload, None)
    elif payload and hasattr(found.get(payload), "read"):
        found[payload] = found[payload].read()
    _drop_added(operation.output, found, result)
    assert same(trimmed(found), trimmed(result)), f"{found} is not {result}: {response.body!r}"


def _drop_added(shape: Shape | None, found: dict[str, Any], given: dict[str, Any]) -> None:
    """Take out what every message has, and some models bind: the length and the type of its body."""
    for name, member in shape.members.items() if shape is not None else ():
        if member.location_name.lower() in ("content-length", "content-type") and name not in given:
            found.pop(name, None)


class Headers(dict[str, str]):
    """Response headers as botocore has them: names without case."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())


@pytest.mark.slow
@pytest.mark.parametrize(("service", "protocol"), SPOKEN)
def test_what_botocore_sends_is_read(service: str, protocol: str) -> None:
    @settings(max_examples=30)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        check_request(service, protocol, data)

    check()


@pytest.mark.slow
@pytest.mark.parametrize(("service", "protocol"), SPOKEN)
def test_what_is_written_botocore_reads(service: str, protocol: str) -> None:
    @settings(max_examples=30)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        check_response(service, protocol, data)

    check()
