"""A queue's attributes: which there are, what they may be, and how they are shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from lambent.contracts.ports import Directory, Reader
from lambent.policy import MalformedPolicyDocument, named_principals, parse_document

from . import keys
from .books import counts
from .errors import InvalidAttributeName, InvalidAttributeValue, OverLimit, bad_value
from .model import Queue

RECEIVES_MAX: Final = 1000
SOURCES_MAX: Final = 10
ACTIONS_MAX: Final = 7  # in one statement of a policy
_COUNTS: Final = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
_READ_ONLY: Final = frozenset((*_COUNTS, "QueueArn", "CreatedTimestamp", "LastModifiedTimestamp"))
_FIFO_ONLY: Final = ("ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit")
_ALL: Final = frozenset(
    (
        *_READ_ONLY, *_FIFO_ONLY, "All", "Policy", "VisibilityTimeout", "MaximumMessageSize", "MessageRetentionPeriod",
        "DelaySeconds", "ReceiveMessageWaitTimeSeconds", "RedrivePolicy", "FifoQueue", "KmsMasterKeyId",
        "KmsDataKeyReusePeriodSeconds", "RedriveAllowPolicy", "SqsManagedSseEnabled",
    )
)  # fmt: skip


class _Number(NamedTuple):
    """An attribute that is a number: its field, and its bounds."""

    field: str
    least: int
    most: int


_NUMBERS: Final[Mapping[str, _Number]] = {
    "DelaySeconds": _Number("delay_s", 0, 900),
    "MaximumMessageSize": _Number("size_max", 1024, 1_048_576),
    "MessageRetentionPeriod": _Number("retention_s", 60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": _Number("wait_s", 0, 20),
    "VisibilityTimeout": _Number("visibility_s", 0, 43_200),
    "KmsDataKeyReusePeriodSeconds": _Number("kms_reuse_s", 60, 86_400),
}
_FLAGS: Final[Mapping[str, str]] = {
    "ContentBasedDeduplication": "content_deduplication",
    "SqsManagedSseEnabled": "managed_sse",
}
_CHOICES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "DeduplicationScope": ("deduplication_scope", ("messageGroup", "queue")),
    "FifoThroughputLimit": ("throughput_limit", ("perQueue", "perMessageGroupId")),
}


def change(tx: Reader, queue: Queue, given: Mapping[str, str]) -> Queue:
    """The queue with these attributes; raises AWS's error for what it cannot have."""
    changes: dict[str, Any] = {}
    for name, text in given.items():
        changes |= _one(tx, queue, name, text)
    if "kms_key" in changes and changes["kms_key"] and "managed_sse" not in changes:
        changes["managed_sse"] = False
    changed = replace(queue, **changes)
    if changed.kms_key and changed.managed_sse and "managed_sse" in changes:
        if "kms_key" in changes:
            raise InvalidAttributeValue("You can use one type of server-side encryption (SSE) at one time.")
        changed = replace(changed, kms_key="")
    if changed.throughput_limit == "perMessageGroupId" and changed.deduplication_scope != "messageGroup":
        raise InvalidAttributeValue(
            "The perMessageGroupId value for FifoThroughputLimit is allowed only when the value for "
            "DeduplicationScope is messageGroup."
        )
    return changed


def _one(tx: Reader, queue: Queue, name: str, text: str) -> dict[str, Any]:
    """The fields that one attribute sets."""
    if name in _NUMBERS:
        number = _NUMBERS[name]
        if not text:
            return {number.field: Queue.__struct_defaults__[_PLACES[number.field]]}
        if not text.isdecimal() or not number.least <= int(text) <= number.most:
            raise _bad(name)
        return {number.field: int(text)}
    if name in _FIFO_ONLY and not queue.fifo:
        if name == "ContentBasedDeduplication":
            raise InvalidAttributeName(f"Unknown Attribute {name}.")
        raise InvalidAttributeName(f"You can specify the {name} only when FifoQueue is set to true.")
    if name in _FLAGS:
        if text.lower() not in ("true", "false", ""):
            raise _bad(name)
        return {_FLAGS[name]: text.lower() == "true"}
    if name in _CHOICES:
        field, allowed = _CHOICES[name]
        if text not in allowed:
            raise _bad(name)
        return {field: text}
    special = _SPECIAL.get(name)
    if special is None:
        raise InvalidAttributeName(f"Unknown Attribute {name}.")
    return special(tx, queue, text)


def _bad(name: str) -> InvalidAttributeValue:
    return InvalidAttributeValue(f"Invalid value for the parameter {name}.")


def _fifo(tx: Reader, queue: Queue, text: str) -> dict[str, Any]:
    if not queue.fifo:
        raise InvalidAttributeName("Unknown Attribute FifoQueue.")
    if text.lower() != "true":
        raise InvalidAttributeValue(
            "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported."
        )
    return {}


def _policy(tx: Reader, queue: Queue, text: str) -> dict[str, Any]:
    if not text:
        return {"policy": ""}
    try:
        parse_document(text, "resource")
    except (MalformedPolicyDocument, ValueError):
        raise _bad("Policy") from None
    statements = json.loads(text)["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        named = statement.get("Action", statement.get("NotAction", []))
        actions = named if isinstance(named, list) else [named]
        if any(action != "*" and action.partition(":")[0].lower() != "sqs" for action in actions):
            raise _bad("Policy")
        if len(actions) > ACTIONS_MAX:
            raise OverLimit(
                f"{len(actions)} actions were found in a statement from the submitted policy, max allowed is "
                f"{ACTIONS_MAX}"
            )
    return {"policy": text}


def check_principals(tx: Reader, directory: Directory, given: Mapping[str, Any]) -> None:
    """The users and roles that a policy among attributes names exist. `change` has read it before."""
    statements = json.loads(given["Policy"])["Statement"] if given.get("Policy") else []
    for statement in statements if isinstance(statements, list) else [statements]:
        if not all(directory.principal_exists(tx, arn) for arn in named_principals(statement)):
            raise _bad("Policy")


def _kms(tx: Reader, queue: Queue, text: str) -> dict[str, Any]:
    return {"kms_key": text}


def _redrive(tx: Reader, queue: Queue, text: str) -> dict[str, Any]:
    if not text:
        return {"dead_letter": "", "receives_max": 0}

    def refused(reason: str) -> Exception:
        return bad_value(text, "RedrivePolicy", reason)

    found = _json_map(text)
    if found is None:
        raise refused("Redrive policy is not a valid JSON map.")
    for name in ("maxReceiveCount", "deadLetterTargetArn"):
        if found.get(name) in (None, ""):
            raise refused(f"Redrive policy does not contain mandatory attribute: {name}.")
    for name in found:
        if name not in ("maxReceiveCount", "deadLetterTargetArn"):
            raise refused(f"Redrive policy contains an unknown attribute: {name}.")
    try:
        most = int(str(found["maxReceiveCount"]))
    except ValueError:
        most = 0
    if not 1 <= most <= RECEIVES_MAX:
        raise refused(
            f"Invalid value for maxReceiveCount: {found['maxReceiveCount']}, valid values are from 1 to "
            f"{RECEIVES_MAX} both inclusive."
        )
    target = str(found["deadLetterTargetArn"])
    dead = keys.queue_at(tx, target)
    if dead is None or dead.region != queue.region or dead.account != queue.account:
        raise refused("Dead letter target does not exist.")
    if dead.fifo != queue.fifo:
        raise refused("Dead-letter queue must be same type of queue as the source.")
    if not lets_in(dead, queue.arn):
        raise refused("Queue is not allowed to use the dead-letter queue by its redrive allow policy.")
    return {"dead_letter": target, "receives_max": most}


def lets_in(dead: Queue, source_arn: str) -> bool:
    """Whether a dead-letter queue's redrive allow policy admits a source."""
    allow = _json_map(dead.redrive_allow) or {}
    permission = allow.get("redrivePermission", "allowAll")
    return permission == "allowAll" or (permission == "byQueue" and source_arn in allow.get("sourceQueueArns", ()))


def _redrive_allow(tx: Reader, queue: Queue, text: str) -> dict[str, Any]:
    if not text:
        return {"redrive_allow": ""}

    def refused(reason: str) -> Exception:
        return bad_value(text, "RedriveAllowPolicy", reason)

    found = _json_map(text)
    if found is None:
        raise refused("Amazon SQS can't create the redrive allow policy, as it’s in an unsupported format.")
    permission = found.get("redrivePermission")
    if permission not in ("allowAll", "denyAll", "byQueue"):
        raise refused("Amazon SQS can't create the redrive allow policy. Invalid value for redrivePermission.")
    sources = found.get("sourceQueueArns")
    if (permission == "byQueue") != bool(sources):
        raise refused("sourceQueueArns must be given when redrivePermission is byQueue, and only then.")
    if sources and (not isinstance(sources, list) or len(sources) > SOURCES_MAX):
        raise refused(f"sourceQueueArns must be a list of {SOURCES_MAX} ARNs at most.")
    return {"redrive_allow": text}


def _json_map(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


_SPECIAL: Final[Mapping[str, Callable[[Reader, Queue, str], dict[str, Any]]]] = {
    "FifoQueue": _fifo,
    "Policy": _policy,
    "KmsMasterKeyId": _kms,
    "RedrivePolicy": _redrive,
    "RedriveAllowPolicy": _redrive_allow,
}
_WITH_DEFAULTS: Final = Queue.__struct_fields__[-len(Queue.__struct_defaults__) :]
_PLACES: Final = {name: place for place, name in enumerate(_WITH_DEFAULTS)}


def settings(queue: Queue) -> dict[str, str]:
    """Every attribute that does not count, as GetQueueAttributes shows it."""
    found = {
        "QueueArn": queue.arn,
        "CreatedTimestamp": str(queue.created_ms // 1000),
        "LastModifiedTimestamp": str(queue.modified_ms // 1000),
        **{name: str(getattr(queue, number.field)) for name, number in _NUMBERS.items()},
        "SqsManagedSseEnabled": _flag(queue.managed_sse),
    }
    if queue.kms_key:
        found["KmsMasterKeyId"] = queue.kms_key
    else:
        del found["KmsDataKeyReusePeriodSeconds"]
    if queue.policy:
        found["Policy"] = queue.policy
    if queue.dead_letter:
        redrive = {"deadLetterTargetArn": queue.dead_letter, "maxReceiveCount": queue.receives_max}
        found["RedrivePolicy"] = json.dumps(redrive, separators=(",", ":"))
    if queue.redrive_allow:
        found["RedriveAllowPolicy"] = queue.redrive_allow
    if queue.fifo:
        found |= {
            "FifoQueue": "true",
            "ContentBasedDeduplication": _flag(queue.content_deduplication),
            "DeduplicationScope": queue.deduplication_scope,
            "FifoThroughputLimit": queue.throughput_limit,
        }
    return found


def _flag(value: bool) -> str:
    return "true" if value else "false"


def show(tx: Reader, queue: Queue, names: list[str], now_ms: int) -> dict[str, str]:
    """The attributes that are asked for; what is not set is left out."""
    for name in names:
        if name not in _ALL:
            raise InvalidAttributeName(f"Unknown Attribute {name}.")
    every = "All" in names
    found = settings(queue)
    if every or any(name in _COUNTS for name in names):
        found |= zip(_COUNTS, map(str, counts(tx, queue, now_ms)), strict=True)
    return found if every else {name: found[name] for name in names if name in found}


def differing(tx: Reader, queue: Queue, given: Mapping[str, str]) -> str:
    """The first attribute of `given` that the queue has another value of; empty where there is none."""
    wanted, now = settings(change(tx, queue, given)), settings(queue)
    for name in given:
        if wanted.get(name) != now.get(name):
            return name
    return ""
