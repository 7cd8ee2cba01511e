"""The wire: which operation a request is for, its parameters, and the bytes of the answer, in six protocols.

`identify` -> `Route`; `codec(route)` -> `Codec` with parse, serialize and serialize_error, compiled once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from lambent import model
from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Request, Response
from lambent.model import OperationModel, ServiceModel

from . import xmlform
from .cborrpc import CborCodec
from .codec import Codec, Route
from .errors import InvalidAction, MissingAction, UnknownOperationException
from .identify import POST_OBJECT, PREFLIGHT, identify, resolve
from .jsonform import Converter, compile_sealer
from .jsonrpc import JsonCodec
from .names import Check, compile_names
from .queryrpc import QueryCodec
from .rest import rest_codec
from .validation import compile_validator


def codec(route: Route) -> Codec:
    """The codec of a route's operation in its protocol. An operation that does not exist has one too, which is good
    for its error."""
    known = route.operation in model.service_model(route.service).operations
    return _codec(route.service, route.operation if known else "", route.protocol)


@cache
def _codec(service: str, operation: str, protocol: str) -> Codec:
    shapes = model.service_model(service)
    return make_codec(shapes.operations.get(operation) or OperationModel(shapes, "", {}), protocol)


def make_codec(operation: OperationModel, protocol: str) -> Codec:
    """A codec for any operation model, also one that is not in botocore's data."""
    if protocol == "json":
        return JsonCodec(operation)
    if protocol in ("query", "ec2"):
        return QueryCodec(operation, protocol == "ec2")
    if protocol == "smithy-rpc-v2-cbor":
        return CborCodec(operation)
    return rest_codec(operation, protocol)


def check_operation(route: Route) -> None:
    """Raise the protocol's error unless the service has the route's operation."""
    if route.operation in model.service_model(route.service).operations:
        return
    if route.protocol in ("query", "ec2"):
        if not route.operation:
            raise MissingAction("The request is missing an Action parameter.")
        version = model.service_model(route.service).metadata["apiVersion"]
        raise InvalidAction(f"The action {route.operation[:128]} is not valid for this web service ({version}).")
    raise UnknownOperationException(f"{route.service} has no operation {route.operation[:128]}.")


def signing_name(service: str) -> str:
    """The name that a service's requests are signed with."""
    return model.service_model(service).signing_name


@cache
def _checks(service: str, operation: str) -> tuple[Check, Converter | None, Callable[[dict[str, Any]], None] | None]:
    shape = model.service_model(service).operations[operation].input
    return compile_names(shape), compile_sealer(shape), compile_validator(service, shape)


def validate(service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Check parameters that did not come over the wire; returns them as a dict of their own. Raises the service's
    validation error, and `ValidationException` for a parameter that the model does not have."""
    found = dict(params)
    if operation in model.service_model(service).operations:
        names, seal, constraints = _checks(service, operation)
        names(found, "")
        if seal is not None:
            found = seal(found)
        if constraints is not None:
            constraints(found)
    return found


def plain_error(error: ServiceError, request: Request) -> Response:
    """An error where not even the service is known: XML, which every client can show."""
    text = xmlform.escape(error.message)
    body = f"{xmlform.DECLARATION}<Error><Code>{error.code}</Code><Message>{text}</Message></Error>"
    headers = [("content-type", "application/xml"), ("x-amzn-requestid", request.id)]
    return Response(error.status or 400, headers, body.encode() if request.method != "HEAD" else b"")


__all__ = [
    "POST_OBJECT",
    "PREFLIGHT",
    "Codec",
    "OperationModel",
    "Route",
    "ServiceModel",
    "check_operation",
    "codec",
    "identify",
    "make_codec",
    "plain_error",
    "resolve",
    "signing_name",
    "validate",
]
