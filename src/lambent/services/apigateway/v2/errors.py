"""The errors of apigatewayv2: the codes are the model's, and the status follows from them.

Draw of the tree::

    ServiceError
    ├── BadRequestException
    ├── ConflictException
    ├── NotFoundException
    └── TooManyRequestsException
"""

from __future__ import annotations

from lambent.contracts.errors import ServiceError


class BadRequestException(ServiceError):
    """A parameter is wrong, or something that it needs is not there."""

    status = 400


class ConflictException(ServiceError):
    """There is such a thing already, or something still needs what is to be deleted."""

    status = 409


class NotFoundException(ServiceError):
    """There is no such thing."""

    status = 404


class TooManyRequestsException(ServiceError):
    """A quota is used up."""

    status = 429


def missing(noun: str, id: str = "") -> NotFoundException:
    """`Invalid NOUN identifier specified`, with the identifier where AWS says it."""
    return NotFoundException(f"Invalid {noun} identifier specified{f' {id}' if id else ''}")


def full(nouns: str) -> TooManyRequestsException:
    """An API has no room for more of `nouns` (`Routes`)."""
    return TooManyRequestsException(
        f"Maximum number of {nouns} for this API has been reached.  Please contact AWS if you need additional {nouns}."
    )
