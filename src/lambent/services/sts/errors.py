"""Errors of STS."""

from __future__ import annotations

from lambent.contracts.errors import ServiceError
from lambent.policy import MalformedPolicyDocument

__all__ = [
    "AccessDenied",
    "InvalidAuthorizationMessageException",
    "InvalidParameterValue",
    "MalformedPolicyDocument",
    "PackedPolicyTooLarge",
    "ValidationError",
]


class AccessDenied(ServiceError):
    """The role does not exist, its trust policy does not let the caller in, or the caller may not ask."""

    status = 403


class ValidationError(ServiceError):
    """A parameter that is not well-formed, or out of its range."""

    status = 400


class InvalidParameterValue(ServiceError):
    """Session tags that contradict those of the calling session."""

    status = 400


class PackedPolicyTooLarge(ServiceError):
    """Session policies and tags together are longer than a session can carry."""

    status = 400


class InvalidAuthorizationMessageException(ServiceError):
    """The message was not encoded here."""

    status = 400
