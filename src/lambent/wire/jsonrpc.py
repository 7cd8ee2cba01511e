"""The json protocol (1.0 and 1.1): the operation in X-Amz-Target, everything else in the body."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Body, Request, Response
from lambent.model import OperationModel, Shape

from .codec import Codec, Route, apply_metadata, error_status, query_code
from .eventstream import EventWriter, stream_member
from .jsonform import Reader, Writer, dumps, loads


class JsonCodec(Codec):
    """One operation in json 1.0 or 1.1."""

    def __init__(self, operation: OperationModel) -> None:
        super().__init__(operation)
        metadata = self.service.metadata
        self._content_type = f"application/x-amz-json-{metadata.get('jsonVersion', '1.0')}"
        self._read = Reader().compile(operation.input) if operation.input else None
        self._write = Writer().compile(operation.output) if operation.output else None
        self._stream = stream_member(operation.output)
        if self._stream is not None:
            self._events = EventWriter(self._stream[1], _write_event, "application/json")
        self._crc = self.service.name == "dynamodb"
        # An overlay's: the namespace before an error's name, which some services write and all clients cut off.
        self._namespaces: Mapping[str, str] = metadata.get("errorNamespaces", {})
        self._query_compatible = "awsQueryCompatible" in metadata

    def read(self, route: Route, request: Request, body: bytes | Body) -> dict[str, Any]:
        """See `Codec`."""
        assert isinstance(body, bytes)
        if self._read is None:
            return {}
        params: dict[str, Any] = self._read(loads(body))
        return params

    def serialize(self, result: Mapping[str, Any], request_id: str) -> Response:
        """See `Codec`."""
        if self._stream is not None and self._stream[0] in result:
            return self._serialize_stream(result, request_id)
        body = dumps(self._write(result)) if self._write is not None else b"{}"
        return apply_metadata(self._respond(200, body, request_id), result)

    def _serialize_stream(self, result: Mapping[str, Any], request_id: str) -> Response:
        assert self._stream is not None
        assert self.operation.output is not None
        name = self._stream[0]
        response = self._respond(200, b"", request_id)
        rest = {key: value for key, value in result.items() if key not in (name, "ResponseMetadata")}
        self._events.fill(response, result[name], self._events.initial(self.operation.output, rest))
        return apply_metadata(response, result)

    def _respond(self, status: int, body: bytes, request_id: str) -> Response:
        headers = [("content-type", self._content_type), ("x-amzn-requestid", request_id)]
        if self._crc:
            headers.append(("x-amz-crc32", str(zlib.crc32(body))))
        return Response(status, headers, body)

    def serialize_error(self, error: ServiceError, request_id: str, request: Request) -> Response:
        """See `Codec`."""
        shape = self.error_shape(error)
        name = shape.name if shape is not None else error.code
        body = error_body(error, shape)
        body["__type"] = self._namespaces.get(name, self._namespaces.get("*", "")) + name
        response = self._respond(error_status(error, shape), dumps(body), request_id)
        if self._query_compatible:
            fault = "Sender" if response.status < 500 else "Receiver"
            response.headers.append(("x-amzn-query-error", f"{query_code(error, shape)};{fault}"))
        return response


def _write_event(shape: Shape, value: Any, name: str) -> bytes:
    return dumps(Writer().structure(shape)(value))


def error_body(error: ServiceError, shape: Shape | None) -> dict[str, Any]:
    """The JSON members of an error: its message, if it has one, under the name that the model has, and its fields."""
    if shape is None:
        return {"message": error.message, **error.fields}
    message = next((name for name in shape.members if name.lower() == "message"), "message")
    body: dict[str, Any] = Writer().structure(shape)(error.fields)
    wire_name = shape.members[message].location_name if message in shape.members else ""
    return {wire_name or message: error.message, **body} if error.message else body
