"""One class per error of CloudFormation; code and status come from the model where it has them."""

from __future__ import annotations

from lambent.contracts.errors import ServiceError


class ValidationError(ServiceError):
    """The request or its template is wrong: nearly every refusal of CloudFormation has this code."""

    status = 400


class AlreadyExistsException(ServiceError):
    """A live stack has this name already."""


class InsufficientCapabilitiesException(ServiceError):
    """The template does what the caller has not acknowledged."""


class ChangeSetNotFound(ServiceError):
    """No such change set."""

    status = 404


class InvalidChangeSetStatus(ServiceError):
    """The change set cannot be executed or deleted in its state."""

    status = 400


def no_stack(name: str) -> ValidationError:
    """The error of describing a stack that is not there."""
    return ValidationError(f"Stack with id {name} does not exist")
