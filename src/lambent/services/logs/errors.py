"""The errors of CloudWatch Logs. Code and status come from the service's model."""

from __future__ import annotations

from lambent.contracts.errors import ServiceError


class InvalidParameterException(ServiceError):
    """A parameter is wrong in itself."""


class ResourceNotFoundException(ServiceError):
    """There is no such group, stream or filter."""


class ResourceAlreadyExistsException(ServiceError):
    """The name is taken."""


class LimitExceededException(ServiceError):
    """No more of these are allowed."""


class ValidationException(ServiceError):
    """Parameters that exclude each other."""


class TooManyTagsException(ServiceError):
    """A resource has 50 tags at most."""


def no_group() -> ResourceNotFoundException:
    """The named group does not exist."""
    return ResourceNotFoundException("The specified log group does not exist.")


def no_stream() -> ResourceNotFoundException:
    """The named stream does not exist."""
    return ResourceNotFoundException("The specified log stream does not exist.")
