"""The errors of SQS. Code and status come from the service's model, and so do the older names that the query protocol
and the header `x-amzn-query-error` carry; `old_code` gives an error's for the entries of a batch."""

from __future__ import annotations

from lambent import model
from lambent.contracts.errors import ServiceError


class QueueDoesNotExist(ServiceError):
    """There is no such queue."""


class QueueNameExists(ServiceError):
    """The name is taken by a queue with other attributes."""


class QueueDeletedRecently(ServiceError):
    """A queue of this name was deleted within the last minute."""


class PurgeQueueInProgress(ServiceError):
    """The queue was purged within the last minute."""


class InvalidAttributeName(ServiceError):
    """There is no such attribute, or it cannot be set."""


class InvalidAttributeValue(ServiceError):
    """A queue's attribute cannot have this value."""


class InvalidAddress(ServiceError):
    """A queue's URL is none."""


class InvalidMessageContents(ServiceError):
    """A body holds characters that SQS does not take."""


class InvalidParameterValueException(ServiceError):
    """A parameter is wrong in itself."""


class MissingRequiredParameterException(ServiceError):
    """A parameter is missing."""


class ReceiptHandleIsInvalid(ServiceError):
    """A receipt handle that this queue never gave."""


class OverLimit(ServiceError):
    """Too many messages in flight, or too many actions in a permission."""


class EmptyBatchRequest(ServiceError):
    """A batch of nothing."""


class TooManyEntriesInBatchRequest(ServiceError):
    """A batch has ten entries at most."""


class BatchEntryIdsNotDistinct(ServiceError):
    """Two entries of a batch have one id."""


class InvalidBatchEntryId(ServiceError):
    """The id of a batch's entry is not one."""


class BatchRequestTooLong(ServiceError):
    """The messages of a batch are too long together."""


class ResourceNotFoundException(ServiceError):
    """There is no such queue or task (message move tasks)."""


class UnsupportedOperation(ServiceError):
    """The operation makes no sense now."""


def no_queue() -> QueueDoesNotExist:
    """The named queue does not exist."""
    return QueueDoesNotExist("The specified queue does not exist.")


def bad_value(value: object, parameter: str, reason: str) -> InvalidParameterValueException:
    """A parameter's value that is refused for a reason."""
    return InvalidParameterValueException(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


def missing(parameter: str) -> MissingRequiredParameterException:
    """A parameter that must be there."""
    return MissingRequiredParameterException(f"The request must contain the parameter {parameter}.")


def old_code(error: ServiceError) -> str:
    """The error's name in the query protocol, which entries of batches show in all protocols."""
    shape = model.service_model("sqs").error(error.code)
    found = shape.definition.get("error", {}).get("code") if shape is not None else None
    return str(found or error.code)
