"""The errors of EventBridge Pipes."""

from __future__ import annotations

from lambent.contracts.errors import ServiceError


class ValidationException(ServiceError):
    """A parameter is wrong."""


class NotFoundException(ServiceError):
    """There is no such pipe."""


class ConflictException(ServiceError):
    """There is one of that name already, or it is changing."""


def no_pipe(name: str) -> NotFoundException:
    """There is no pipe of that name."""
    return NotFoundException(f"Pipe {name} does not exist.")


def conflict(name: str, why: str) -> ConflictException:
    """A pipe is in the way of an operation."""
    return ConflictException(f"Pipe {name} {why}.", resourceId=name, resourceType="pipe")
