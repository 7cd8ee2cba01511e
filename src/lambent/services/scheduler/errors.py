"""The errors of EventBridge Scheduler."""

from __future__ import annotations

from lambent.contracts.errors import ServiceError


class ValidationException(ServiceError):
    """A parameter is wrong."""


class ResourceNotFoundException(ServiceError):
    """There is no such schedule or group."""


class ConflictException(ServiceError):
    """There is one of that name already, or it is being deleted."""


def no_schedule(name: str) -> ResourceNotFoundException:
    """There is no schedule of that name."""
    return ResourceNotFoundException(f"Schedule {name} does not exist.")


def no_group(name: str) -> ResourceNotFoundException:
    """There is no group of that name."""
    return ResourceNotFoundException(f"Schedule group {name} does not exist.")
