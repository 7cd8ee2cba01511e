"""The errors of Lambda. Code and status come from the service's model; every body has a `Type`, as on AWS."""

from __future__ import annotations

from typing import Any

from lambent.contracts.errors import ServiceError


class LambdaError(ServiceError):
    """What the errors have in common: they are the caller's fault and say so."""

    code = "InvalidRequest"

    def __init__(self, message: str = "", **fields: Any) -> None:
        super().__init__(message, **{"Type": "User", **fields})


class InvalidParameterValueException(LambdaError):
    """A parameter is wrong in itself or for this function."""


class InvalidRequestContentException(LambdaError):
    """The payload is no JSON."""


class ResourceNotFoundException(LambdaError):
    """There is no such function, version, alias, layer or policy."""


class ResourceConflictException(LambdaError):
    """The name is taken, or something still uses the resource."""


class ResourceInUseException(LambdaError):
    """The resource is not in a state in which it can be changed or deleted."""


class PreconditionFailedException(LambdaError):
    """The revision id is not the newest."""


class TooManyRequestsException(LambdaError):
    """The concurrency limit is reached."""


class AccessDeniedException(LambdaError):
    """Another service refused what the caller asked for."""

    status = 403


class ValidationException(ServiceError):
    """A limit that the model does not tell; AWS's words are those of its generated checks."""

    status = 400


class RequestEntityTooLargeException(ServiceError):
    """The request is longer than the operation accepts; not in the model."""

    status = 413


def role_refused() -> AccessDeniedException:
    """The function's role is gone, or no longer trusts Lambda."""
    return AccessDeniedException("The role defined for the function cannot be assumed by Lambda.")


def no_function(arn: str) -> ResourceNotFoundException:
    """The function, or the version or alias that `arn` names, does not exist."""
    return ResourceNotFoundException(f"Function not found: {arn}")


def no_alias(arn: str) -> ResourceNotFoundException:
    """The alias does not exist."""
    return ResourceNotFoundException(f"Cannot find alias arn: {arn}")


def no_resource() -> ResourceNotFoundException:
    """AWS's answer where it does not say what is missing."""
    return ResourceNotFoundException("The resource you requested does not exist.")


def stale_revision(operation: str) -> PreconditionFailedException:
    """The given revision id is not the newest; `operation` would tell it."""
    return PreconditionFailedException(
        "The Revision Id provided does not match the latest Revision Id. "
        f"Call the {operation} API to retrieve the latest Revision Id"
    )
