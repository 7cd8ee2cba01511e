"""Errors of the management API. Its statuses are the model's: 410, 403, 413, 429."""

from __future__ import annotations

from lambent.contracts.errors import ServiceError


class GoneException(ServiceError):
    """The client is not connected (any more)."""


class BadRequestException(ServiceError):
    """What is in the place of a connection's id can be none."""

    def __init__(self, id: str) -> None:
        super().__init__(f"Invalid connectionId: {id}")


class ForbiddenException(ServiceError):
    """There is no such API or stage, or none was named."""

    def __init__(self, message: str = "Forbidden") -> None:
        super().__init__(message)


class PayloadTooLargeException(ServiceError):
    """The message is longer than a client is sent."""

    def __init__(self, message: str = "Message too long") -> None:
        super().__init__(message)


class LimitExceededException(ServiceError):
    """The client does not read what it is sent already."""
