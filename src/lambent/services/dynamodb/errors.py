"""The errors of DynamoDB and of its streams. Code and status come from the service's model."""

from __future__ import annotations

from lambent.contracts.errors import ServiceError


class ValidationException(ServiceError):
    """A parameter is wrong."""


class SerializationException(ServiceError):
    """A parameter is of another type than the model says."""


class AccessDeniedException(ServiceError):
    """The resource is none that the caller could have access to."""


class ResourceNotFoundException(ServiceError):
    """There is no such table, index, stream, shard or policy."""


class ResourceInUseException(ServiceError):
    """The table exists already, or is being changed."""


class LimitExceededException(ServiceError):
    """Too many changes of a table at the same time."""


class TableNotFoundException(ServiceError):
    """There is no such table (continuous backups)."""


class ContinuousBackupsUnavailableException(ServiceError):
    """Continuous backups are not on."""


class PolicyNotFoundException(ServiceError):
    """The resource has no policy."""


class ConditionalCheckFailedException(ServiceError):
    """The item does not meet the condition."""


class ItemCollectionSizeLimitExceededException(ServiceError):
    """Items of one hash key, with their local index entries, would exceed 10 GB."""


class ProvisionedThroughputExceededException(ServiceError):
    """The table's or an index's provisioned capacity is used up for now."""


class TransactionCanceledException(ServiceError):
    """A transaction did not happen; `CancellationReasons` says why, in the order of its actions."""


class IdempotentParameterMismatchException(ServiceError):
    """A client token came again with other parameters."""


class DuplicateItemException(ServiceError):
    """An INSERT of an item that is there already."""


class TableAlreadyExistsException(ServiceError):
    """A table cannot be restored under a name that is taken."""


class TableInUseException(ServiceError):
    """The table is being made or removed."""


class BackupNotFoundException(ServiceError):
    """There is no such backup."""


class BackupInUseException(ServiceError):
    """The backup is being made, or a table is being restored from it."""


class InvalidRestoreTimeException(ServiceError):
    """The time lies outside of what can be restored."""


class PointInTimeRecoveryUnavailableException(ServiceError):
    """Point-in-time recovery is not on."""


class InvalidExportTimeException(ServiceError):
    """The time lies outside of what can be exported."""


class ExportConflictException(ServiceError):
    """A client token came again with other parameters."""


class ExportNotFoundException(ServiceError):
    """There is no such export."""


class ImportConflictException(ServiceError):
    """A client token came again with other parameters."""


class ImportNotFoundException(ServiceError):
    """There is no such import."""


class GlobalTableAlreadyExistsException(ServiceError):
    """The table is a global table already."""


class GlobalTableNotFoundException(ServiceError):
    """There is no such global table."""


class ReplicaAlreadyExistsException(ServiceError):
    """The table has a replica in that region."""


class ReplicaNotFoundException(ServiceError):
    """The table has no replica in that region."""


class TrimmedDataAccessException(ServiceError):
    """The records asked for are older than what a stream keeps."""


class ExpiredIteratorException(ServiceError):
    """A shard iterator is valid for 15 minutes."""


def invalid_value(message: str) -> ValidationException:
    """The prefix that most complaints about parameters have."""
    return ValidationException(f"One or more parameter values were invalid: {message}")


def no_table(name: str = "") -> ResourceNotFoundException:
    """There is no such table; the control plane names it, the data plane does not."""
    return ResourceNotFoundException(f"Requested resource not found: Table: {name} not found" if name else _NOT_FOUND)


def condition_failed(item: object = None) -> ConditionalCheckFailedException:
    """The condition failed; `item` is shown when the caller asked for it."""
    fields = {} if item is None else {"Item": item}
    return ConditionalCheckFailedException("The conditional request failed", **fields)


TOKEN_REUSED = (
    "DynamoDB rejected the request because you retried a request with a different payload but with an idempotent token "
    "that was already used."
)
_NOT_FOUND = "Requested resource not found"
