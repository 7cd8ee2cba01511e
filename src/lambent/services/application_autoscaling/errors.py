"""The errors of Application Auto Scaling."""

from __future__ import annotations

from lambent.contracts.errors import ServiceError


class ValidationException(ServiceError):
    """A parameter is wrong."""


class ObjectNotFoundException(ServiceError):
    """There is no such target, policy or action."""


class ResourceNotFoundException(ServiceError):
    """There is no target of that ARN."""


class InvalidNextTokenException(ServiceError):
    """The token is none of this service's."""


class TooManyTagsException(ServiceError):
    """A target has 50 tags at most."""
