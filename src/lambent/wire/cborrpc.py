"""The rpc-v2-cbor protocol: /service/NAME/operation/NAME, CBOR in, CBOR out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from io import BytesIO
from typing import Any

import cbor2

from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Body, Request, Response
from lambent.model import OperationModel, Shape

from . import scalars
from .codec import Codec, Route, apply_metadata, error_status, query_code
from .errors import SerializationException
from .jsonform import error_words

Convert = Callable[[Any], Any]


class _Converter:
    """Compiles functions that rename nothing and convert timestamps; both directions share it."""

    def __init__(self, scalar: Callable[[Shape], Convert | None]) -> None:
        self._scalar = scalar
        self._known: dict[str, Convert] = {}

    def compile(self, shape: Shape) -> Convert | None:
        if shape.kind == "structure":
            return self.structure(shape)
        if shape.kind == "list":
            return _convert_list(self.compile(shape.element))
        if shape.kind == "map":
            return _convert_map(self.compile(shape.value))
        return self._scalar(shape)

    def structure(self, shape: Shape) -> Convert:
        if shape.name in self._known:
            return self._known[shape.name]
        members: dict[str, Convert | None] = {}

        def convert(value: Any) -> dict[str, Any]:
            if not isinstance(value, Mapping):
                raise SerializationException("A structure is not a map.")
            found = {}
            for name, item in value.items():
                if item is not None and name in members:
                    part = members[name]
                    found[name] = item if part is None else part(item)
            return found

        self._known[shape.name] = convert
        for name, member in shape.members.items():
            members[name] = self.compile(member)
        return convert


def _convert_list(part: Convert | None) -> Convert:
    def convert(value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise SerializationException("A list is not an array.")
        return [item if item is None or part is None else part(item) for item in value]

    return convert


def _convert_map(part: Convert | None) -> Convert:
    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise SerializationException("A map is not a map.")
        return {str(key): item if part is None else part(item) for key, item in value.items() if item is not None}

    return convert


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "blob": (bytes,),
    "integer": (int,),
    "long": (int,),
    "short": (int,),
    "byte": (int,),
    "float": (int, float),
    "double": (int, float),
}


def _read_scalar(shape: Shape) -> Convert:
    if shape.kind == "timestamp":
        return _read_time
    wanted = _TYPES.get(shape.kind, (str, int, float, bytes))

    def read(value: Any) -> Any:
        if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
            raise SerializationException(f"{error_words(value)} cannot be converted to {shape.kind.capitalize()}")
        return value

    return read


def _read_time(value: Any) -> datetime:
    return scalars.as_datetime(value)


def _write_scalar(shape: Shape) -> Convert | None:
    if shape.kind == "timestamp":
        return lambda value: cbor2.CBORTag(1, scalars.write_epoch(value))
    if shape.kind == "blob":
        return lambda value: value.encode() if isinstance(value, str) else bytes(value)
    return None


class CborCodec(Codec):
    """One operation in rpc-v2-cbor."""

    def __init__(self, operation: OperationModel) -> None:
        super().__init__(operation)
        # An overlay's: the namespace before an error's name, which clients cut off.
        self._namespaces: Mapping[str, str] = self.service.metadata.get("errorNamespaces", {})
        self._read = _Converter(_read_scalar).compile(operation.input) if operation.input else None
        self._write = _Converter(_write_scalar).compile(operation.output) if operation.output else None

    def read(self, route: Route, request: Request, body: bytes | Body) -> dict[str, Any]:
        """See `Codec`."""
        assert isinstance(body, bytes)
        if self._read is None or not body:
            return {}
        stream = BytesIO(body)
        try:
            value = cbor2.load(stream)
        except Exception:  # cbor2 lets errors of the types it builds through: decimals, dates, recursion
            raise SerializationException("Unable to parse the request body: it is not well-formed CBOR.") from None
        params: dict[str, Any] = self._read(value)
        return params

    def serialize(self, result: Mapping[str, Any], request_id: str) -> Response:
        """See `Codec`."""
        body = cbor2.dumps(self._write(result)) if self._write is not None else b""
        response = self._respond(200, body, request_id)
        if self._write is None:
            response.headers = [pair for pair in response.headers if pair[0] != "content-type"]
        return apply_metadata(response, result)

    @staticmethod
    def _respond(status: int, body: bytes, request_id: str) -> Response:
        headers = [
            ("content-type", "application/cbor"),
            ("smithy-protocol", "rpc-v2-cbor"),
            ("x-amzn-requestid", request_id),
        ]
        return Response(status, headers, body)

    def serialize_error(self, error: ServiceError, request_id: str, request: Request) -> Response:
        """See `Codec`."""
        shape = self.error_shape(error)
        name = shape.name if shape is not None else error.code
        value: dict[str, Any] = {"__type": self._namespaces.get(name, self._namespaces.get("*", "")) + name}
        message = "message"
        if shape is not None:
            message = next((name for name in shape.members if name.lower() == "message"), "message")
            value.update(_Converter(_write_scalar).structure(shape)(error.fields))
        if error.message:
            value[message] = error.message
        response = self._respond(error_status(error, shape), cbor2.dumps(value), request_id)
        if "awsQueryCompatible" in self.service.metadata:
            fault = "Sender" if response.status < 500 else "Receiver"
            response.headers.append(("x-amzn-query-error", f"{query_code(error, shape)};{fault}"))
        return response
