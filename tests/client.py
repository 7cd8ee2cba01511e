"""botocore without a socket: it writes a request, the front door answers in process, it reads the answer.

For tests that hold an answer's every field, code, status and text against what AWS was recorded to answer.
"""

from __future__ import annotations

import copy
import datetime
import json
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import botocore.auth
from botocore.awsrequest import HeadersDict, create_request_object, prepare_request_dict
from botocore.credentials import Credentials
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from lambent.contracts.http import BytesBody, FileSlice, Request, Response
from lambent.model.load import OVERLAYS
from tests.support import REGION, TestCloud

HOST = "localhost:4566"
SIGNING = {"dynamodbstreams": "dynamodb"}


class Refused(Exception):
    """AWS's error: `answer` is what botocore's ClientError would hold as its response."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(f"{answer['Error'].get('Code')}: {answer['Error'].get('Message')}")
        self.answer = answer


class Client:
    """A client of one service: `await Client(cloud, "sqs").call("ListQueues")`; `protocol` is the model's unless given.

    `call` returns the answer without its metadata and raises `Refused`; `error` returns the error's answer, and its
    status as `Status`. `status` is the status of the last answer; `headers` are sent with each request. A body that
    streams is here as bytes.
    """

    def __init__(self, cloud: TestCloud, service: str, protocol: str = "", region: str = REGION) -> None:
        self._cloud, self._service, self._region = cloud, service, region
        self._model = _model(service, protocol)
        self._protocol = protocol or self._model.metadata["protocol"]
        self.status = 0
        self.headers: dict[str, str] = {}

    async def call(self, operation: str, **params: Any) -> dict[str, Any]:
        """The answer of an operation that succeeds."""
        described = self._model.operation_model(operation)
        response = await self._cloud.front(self.request(operation, **params))
        data = await drained(response)
        self.status = response.status
        streams = described.has_streaming_output and self.status < 300
        headers = HeadersDict([(name, str(value)) for name, value in response.headers])
        raw = {"body": b"" if streams else data, "headers": headers, "status_code": self.status}
        parser = create_parser(self._protocol)
        parsed: dict[str, Any] = parser.parse(raw, described.output_shape)
        if streams:
            parsed[described.output_shape.serialization["payload"]] = data
        if self.status >= 300:
            shape = self._model.shape_for_error_code(parsed["Error"].get("Code"))
            parsed.update(parser.parse(raw, shape) if shape is not None else {})
        parsed.pop("ResponseMetadata", None)
        if self.status >= 300:
            raise Refused(parsed)
        return parsed

    async def error(self, operation: str, **params: Any) -> dict[str, Any]:
        """The error that an operation ends with."""
        try:
            answer = await self.call(operation, **params)
        except Refused as refused:
            return {**refused.answer, "Status": self.status}
        raise AssertionError(f"{operation} succeeded: {answer}")

    def request(self, operation: str, *, in_query: bool = False, **params: Any) -> Request:
        """The signed request of an operation; `in_query` puts a form's fields into the URL."""
        described = self._model.operation_model(operation)
        fields = create_serializer(self._protocol, include_validation=False).serialize_to_request(params, described)
        if in_query:
            fields["query_string"], fields["body"] = fields["body"], b""
        prepare_request_dict(fields, f"http://{HOST}", {})
        made = create_request_object(fields)
        moment = datetime.datetime.fromtimestamp(self._cloud.clock.now_ns() / 1e9, datetime.UTC)

        def now(remove_tzinfo: bool = True) -> datetime.datetime:
            return moment.replace(tzinfo=None) if remove_tzinfo else moment

        with mock.patch.object(botocore.auth, "get_current_datetime", now, create=True):
            name = SIGNING.get(self._service, self._service)
            signer = botocore.auth.S3SigV4Auth if name == "s3" else botocore.auth.SigV4Auth
            signer(Credentials("test", "test"), name, self._region).add_auth(made)
        prepared = made.prepare()
        path, _, query = f"/{prepared.url.split('/', 3)[3]}".partition("?")
        headers = {
            name.lower(): value if isinstance(value, str) else value.decode()
            for name, value in prepared.headers.items()
        }
        body = prepared.body or b""
        data = body if isinstance(body, bytes) else body.encode()
        return Request(prepared.method, path, query, {"host": HOST, **headers, **self.headers}, BytesBody(data))


async def drained(response: Response) -> bytes:
    """A response's body, whole."""
    body = response.body
    if isinstance(body, FileSlice):
        return _part(body)
    return bytes(body) if isinstance(body, bytes | bytearray | memoryview) else b"".join([p async for p in body])


def _part(file: FileSlice) -> bytes:
    return Path(file.path).read_bytes()[file.offset : file.offset + file.length]


@cache
def _model(service: str, protocol: str) -> ServiceModel:
    found = Loader().load_service_model(service, "service-2")
    if (service, protocol) == ("sqs", "query"):
        found = _older(copy.deepcopy(found))
    return ServiceModel(found, service)


def _older(found: Any) -> Any:
    """SQS's model with the names of the query protocol, which it has forgotten and AWS still answers to."""
    found["metadata"]["protocol"] = "query"
    for name, operation in found["operations"].items():
        operation.get("output", {})["resultWrapper"] = f"{name}Result"
    for name, traits in json.loads((OVERLAYS / "sqs.json").read_text())["merge"]["shapes"].items():
        if traits.get("exception"):
            continue
        for part in ("member", "key", "value"):
            found["shapes"][name].get(part, {}).update(traits.get(part, {}))
        for member, named in traits.get("members", {}).items():
            found["shapes"][name]["members"][member]["locationName"] = named["formName"]
    return found
