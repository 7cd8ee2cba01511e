"""The errors of CloudWatch, by the codes that clients see."""

from __future__ import annotations

from lambent.contracts.errors import ServiceError


class InvalidParameterValueException(ServiceError):
    """A value is out of its range."""

    status = 400


class InvalidParameterCombinationException(ServiceError):
    """Parameters that exclude each other."""

    status = 400


class MissingRequiredParameterException(ServiceError):
    """Something is not there."""

    status = 400


class ValidationError(ServiceError):
    """What AWS's front checks, or an alarm that makes no sense."""

    status = 400


class ResourceNotFound(ServiceError):
    """There is no such alarm."""

    status = 404


class ResourceNotFoundException(ServiceError):
    """There is nothing of this ARN that has tags."""

    status = 404


class DashboardNotFoundError(ServiceError):
    """There is no such dashboard."""

    status = 404


class DashboardInvalidInputError(ServiceError):
    """A dashboard's body is no JSON."""

    code = "InvalidParameterInput"
    status = 400


class InvalidNextToken(ServiceError):
    """A token that no page gave."""

    status = 400
