"""What the codecs of all protocols share: the operation's validator, and the making of responses and errors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Body, Request, Response
from lambent.model import OperationModel, Shape

from .compression import decoded
from .errors import SerializationException, ValidationError, ValidationException
from .validation import compile_validator

_NO_LABELS: Mapping[str, str] = {}


class Route(NamedTuple):
    """Where a request goes. `protocol` is botocore's name (json, query, ec2, rest-json, rest-xml,
    smithy-rpc-v2-cbor); `operation` is empty while only the body says it (query protocols); `region` empty where the
    request names none; `labels` are the raw parts of the path that the operation's URI names."""

    service: str
    operation: str
    protocol: str
    region: str = ""
    labels: Mapping[str, str] = _NO_LABELS


class Codec(ABC):
    """One operation in one protocol. `streaming` says that `parse` wants the body as a stream."""

    def __init__(self, operation: OperationModel) -> None:
        self.operation = operation
        self.service = operation.service
        self.streaming = operation.streams_input
        # The body of an RPC is the wire's own, so any may be compressed; that of a REST call where the model says so.
        rest = operation.service.metadata["protocol"].startswith("rest")
        self._decodes = not self.streaming and (not rest or "requestcompression" in operation.data)
        self._validate = compile_validator(operation.service.name, operation.input)

    def parse(self, route: Route, request: Request, body: bytes | Body) -> dict[str, Any]:
        """The parameters that the request carries; raises the service's error where they break the model."""
        if self._decodes and "content-encoding" in request.headers and isinstance(body, bytes):
            request, body = decoded(request, body)
        try:
            params = self.read(route, request, body)
            if self._validate is not None:
                self._validate(params)
        except RecursionError:
            raise SerializationException("The request's values are nested too deeply.") from None
        return params

    @abstractmethod
    def read(self, route: Route, request: Request, body: bytes | Body) -> dict[str, Any]:
        """The parameters, not yet validated."""

    @abstractmethod
    def serialize(self, result: Mapping[str, Any], request_id: str) -> Response:
        """The response of a result."""

    @abstractmethod
    def serialize_error(self, error: ServiceError, request_id: str, request: Request) -> Response:
        """The response of an error."""

    def head(self, request_id: str) -> list[tuple[str, str]]:
        """The headers that every response begins with: they name the request."""
        return [("x-amzn-requestid", request_id)]

    def stamp(self, response: Response, request_id: str) -> Response:
        """Name the request in a response that was made elsewhere."""
        there = {name.lower() for name, _ in response.headers}
        response.headers[:0] = [pair for pair in self.head(request_id) if pair[0] not in there]
        return response

    def error_shape(self, error: ServiceError) -> Shape | None:
        """The modelled shape of an error, if it has one."""
        return self.service.error(error.code)


def error_status(error: ServiceError, shape: Shape | None) -> int:
    """The HTTP status: the error's own, else the model's, else 400."""
    if error.status:
        return error.status
    return int(shape.definition.get("error", {}).get("httpStatusCode", 400)) if shape is not None else 400


def xml_code(error: ServiceError, shape: Shape | None) -> str:
    """The code that XML shows: the error trait's, else the error's own."""
    found = shape.definition.get("error", {}).get("code") if shape is not None else None
    return str(found or error.code)


def query_code(error: ServiceError, shape: Shape | None) -> str:
    """The code that the query protocol shows, also where a newer one is spoken: what breaks a constraint has a name
    of its own there."""
    return ValidationError.code if isinstance(error, ValidationException) else xml_code(error, shape)


def apply_metadata(response: Response, result: Mapping[str, Any]) -> Response:
    """Let a result's `ResponseMetadata` override the status, add headers and replace those that are there."""
    metadata = result.get("ResponseMetadata")
    if metadata:
        response.status = metadata.get("HTTPStatusCode", response.status)
        own = {name.lower(): str(value) for name, value in metadata.get("HTTPHeaders", {}).items()}
        if own:
            response.headers = [pair for pair in response.headers if pair[0].lower() not in own] + list(own.items())
    return response
