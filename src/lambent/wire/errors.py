"""Errors that the wire itself finds."""

from __future__ import annotations

from lambent.contracts.errors import ServiceError


class SerializationException(ServiceError):
    """The request's bytes are no parameters of the operation."""

    status = 400


class MalformedInput(ServiceError):
    """The query protocol's name for the same."""

    status = 400


class MalformedXML(ServiceError):
    """S3's name for the same."""

    status = 400


class ValidationException(ServiceError):
    """Parameters that break the model's constraints (JSON and REST protocols)."""

    status = 400


class ValidationError(ServiceError):
    """Parameters that break the model's constraints (query protocols)."""

    status = 400


class InvalidParameterException(ServiceError):
    """Parameters that break the model's constraints (Cognito; older operations of CloudWatch Logs)."""

    status = 400


class InvalidAction(ServiceError):
    """The query protocol asks for an operation that the service does not have."""

    status = 400


class MissingAction(ServiceError):
    """The query protocol asks for no operation."""

    status = 400


class UnknownOperationException(ServiceError):
    """The request names an operation that the service does not have."""

    status = 404


class MethodNotAllowed(ServiceError):
    """S3 has no operation for the method and the path."""

    status = 405


class InvalidArgument(ServiceError):
    """S3: a header or a parameter of the query string that cannot be read."""

    status = 400


class InvalidRequest(ServiceError):
    """S3: headers that make no sense together, or a checksum that is none."""

    status = 400


class InvalidDigest(ServiceError):
    """S3: a Content-MD5 that is no digest."""

    status = 400


class BadDigest(ServiceError):
    """S3: a digest that is not the body's."""

    status = 400
