"""The errors of SNS: the codes are the model's, and the status follows from them.

Draw of the tree::

    ServiceError
    ├── InvalidParameter, NotFound, ParameterValueInvalid, ...   one class per code
    └── ValidationError                                          what AWS's front checks
"""

from __future__ import annotations

from lambent.contracts.errors import ServiceError


class InvalidParameter(ServiceError):
    """A parameter is wrong; the message says `Invalid parameter: ...` nearly always."""

    status = 400


class ParameterValueInvalid(ServiceError):
    """A message attribute is wrong."""

    status = 400


class ValidationError(ServiceError):
    """Something that the model requires is not there."""

    status = 400


class NotFound(ServiceError):
    """There is no such topic, subscription, application or endpoint."""

    status = 404


class ResourceNotFound(ServiceError):
    """There is nothing of this ARN that has tags, or no such number in the sandbox."""

    status = 404


class AuthorizationError(ServiceError):
    """The caller may not, for a reason that is SNS's own and no policy's."""

    status = 403


class SubscriptionLimitExceeded(ServiceError):
    """A FIFO topic has a hundred subscriptions at most."""

    status = 403


class FilterPolicyLimitExceeded(ServiceError):
    """A topic has 200 filter policies at most."""

    status = 403


class TagLimitExceeded(ServiceError):
    """A topic has 50 tags at most."""

    status = 400


class StaleTag(ServiceError):
    """The same key twice."""

    status = 400


class EmptyBatchRequest(ServiceError):
    """A batch without entries."""

    status = 400


class TooManyEntriesInBatchRequest(ServiceError):
    """A batch of more than ten."""

    status = 400


class BatchEntryIdsNotDistinct(ServiceError):
    """Two entries have one id."""

    status = 400


class BatchRequestTooLong(ServiceError):
    """The entries are too long together."""

    status = 400


class InvalidBatchEntryId(ServiceError):
    """An entry's id is none."""

    status = 400


class EndpointDisabled(ServiceError):
    """The device does not want to be written to any more."""

    status = 400


class PlatformApplicationDisabled(ServiceError):
    """The application is switched off."""

    status = 400


class OptedOut(ServiceError):
    """The owner of the number does not want text messages."""

    status = 400


class VerificationException(ServiceError):
    """The one-time password is wrong."""

    status = 400


def invalid(what: str, reason: str = "") -> InvalidParameter:
    """`Invalid parameter: WHAT`, with ` Reason: REASON` where there is one."""
    return InvalidParameter(f"Invalid parameter: {what}{f' Reason: {reason}' if reason else ''}")


def no_topic() -> NotFound:
    """There is no such topic."""
    return NotFound("Topic does not exist")


def no_subscription() -> NotFound:
    """There is no such subscription."""
    return NotFound("Subscription does not exist")
