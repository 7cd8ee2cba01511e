"""The errors of API Gateway; the codes are the model's, the texts AWS's.

Draw of the tree::

    ServiceError
    ├── BadRequestException        400: a parameter is wrong
    ├── NotFoundException          404: there is no such thing
    ├── ConflictException          409: the name is taken, or the thing is in use
    └── LimitExceededException     429: there are as many as there may be
"""

from __future__ import annotations

from lambent.contracts.errors import ServiceError


class BadRequestException(ServiceError):
    """A parameter is wrong."""

    status = 400


class NotFoundException(ServiceError):
    """There is no such thing."""

    status = 404


class ConflictException(ServiceError):
    """The name is taken, or the thing is in use."""

    status = 409


class LimitExceededException(ServiceError):
    """There are as many as there may be."""

    status = 429


def no_api(account: str, api: str) -> NotFoundException:
    """There is no such API in the account."""
    return NotFoundException(f"Invalid API identifier specified {account}:{api}")


def not_found(kind: str) -> NotFoundException:
    """There is no such thing of a kind, written as AWS writes it: `Resource`, `Method`, `Request Validator`, ..."""
    return NotFoundException(f"Invalid {kind} identifier specified")


def no_status() -> NotFoundException:
    """A method or an integration has no response of that status."""
    return NotFoundException("Invalid Response status code specified")


def invalid_mapping(*expressions: str, noun: str = "expression") -> BadRequestException:
    """Mapping expressions are wrong; with `noun` "expression parameter": they name what is not declared."""
    errors = ", ".join(f"Invalid mapping {noun} specified: {expression}" for expression in expressions)
    return BadRequestException(
        f"Invalid mapping expression specified: Validation Result: warnings : [], errors : [{errors}]"
    )
