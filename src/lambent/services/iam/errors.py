"""Errors of IAM."""

from __future__ import annotations

from lambent.contracts.errors import ServiceError
from lambent.policy import MalformedPolicyDocument

__all__ = [
    "AccessDenied",
    "DeleteConflict",
    "EntityAlreadyExists",
    "InvalidInput",
    "LimitExceeded",
    "MalformedPolicyDocument",
    "NoSuchEntity",
    "UnmodifiableEntity",
    "ValidationError",
    "no_such",
]


class NoSuchEntity(ServiceError):
    """The user, group, role, policy, ... does not exist."""

    status = 404


class EntityAlreadyExists(ServiceError):
    """The name is taken; names differ by more than case."""

    status = 409


class DeleteConflict(ServiceError):
    """Something is still attached to what was to be deleted."""

    status = 409


class LimitExceeded(ServiceError):
    """A quota of the account is used up."""

    status = 409


class UnmodifiableEntity(ServiceError):
    """A service-linked role or an AWS managed policy."""

    status = 400


class InvalidInput(ServiceError):
    """A parameter that is well-formed and yet wrong."""

    status = 400


class ValidationError(ServiceError):
    """A parameter that is not well-formed."""

    status = 400


class AccessDenied(ServiceError):
    """A role does not let a principal assume it."""

    status = 403


def no_such(kind: str, name: str) -> NoSuchEntity:
    """The error for a missing `user`, `group` or `role`."""
    return NoSuchEntity(f"The {kind} with name {name} cannot be found.")
