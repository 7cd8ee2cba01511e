"""The errors of EventBridge; the codes are the model's.

Draw of the tree::

    ServiceError
    ├── ValidationException                    a parameter is wrong
    ├── ResourceNotFoundException, ResourceAlreadyExistsException, InvalidEventPatternException, ...
"""

from __future__ import annotations

from lambent.contracts.errors import ServiceError
from lambent.patterns import InvalidPattern


class ValidationException(ServiceError):
    """A parameter is wrong; the message says `Parameter X is not valid.` nearly always."""

    status = 400


class ResourceNotFoundException(ServiceError):
    """There is no such thing."""

    status = 400


class ResourceAlreadyExistsException(ServiceError):
    """The name is taken."""

    status = 400


class InvalidEventPatternException(ServiceError):
    """A pattern is none."""

    status = 400


class LimitExceededException(ServiceError):
    """There are as many as there may be."""

    status = 400


class PolicyLengthExceededException(ServiceError):
    """A bus's policy is too long."""

    status = 400


class ManagedRuleException(ServiceError):
    """The rule belongs to a service."""

    status = 400


class IllegalStatusException(ServiceError):
    """What is asked for cannot be done in this state."""

    status = 400


class ConcurrentModificationException(ServiceError):
    """Something else happens to it at the moment."""

    status = 400


def invalid(parameter: str, reason: str = "") -> ValidationException:
    """`Parameter X is not valid.`, with a reason where there is one."""
    return ValidationException(f"Parameter {parameter} is not valid.{f' Reason: {reason}' if reason else ''}")


def no_bus(name: str) -> ResourceNotFoundException:
    """There is no such bus."""
    return ResourceNotFoundException(f"Event bus {name} does not exist.")


def no_rule(name: str, bus: str) -> ResourceNotFoundException:
    """There is no such rule."""
    return ResourceNotFoundException(f"Rule {name} does not exist on EventBus {bus}.")


def bad_pattern(error: InvalidPattern) -> InvalidEventPatternException:
    """AWS's sentence about a pattern that is none."""
    return InvalidEventPatternException(f"Event pattern is not valid. Reason: {error.text}")
