"""A topic's attributes: which there are, what they may be, and how GetTopicAttributes shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

import orjson
from msgspec.structs import replace

from lambent.contracts.ports import Directory, Reader
from lambent.policy import MalformedPolicyDocument, named_principals, parse_document

from . import archiving, keys, retrying
from .errors import invalid
from .model import Counts, Topic

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_FIFO: Final = ".fifo"
_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/.+")
_REPORTED: Final = ("HTTP", "SQS", "Lambda", "Application", "Firehose")
ACTIONS: Final = (
    "GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic", "Subscribe",
    "ListSubscriptionsByTopic", "Publish",
)  # fmt: skip
_OTHER_ACTIONS: Final = (
    "GetDataProtectionPolicy", "PutDataProtectionPolicy", "ListTagsForResource", "TagResource", "UntagResource",
    "Receive",
)  # fmt: skip
DEFAULTS: Final[Mapping[str, str]] = {
    "ContentBasedDeduplication": "false",
    "FifoThroughputScope": "Topic",
    "SignatureVersion": "1",
    "TracingConfig": "PassThrough",
}
"""What an attribute is that was not set."""
_POLICY_BYTES_MAX: Final = 30_720


def default_policy(topic: Topic) -> str:
    """The policy of a topic that was given none."""
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in ACTIONS],
        "Resource": topic.arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": topic.account}},
    }
    return orjson.dumps({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}).decode()


def check_name(name: str, attributes: Mapping[str, str]) -> bool:
    """Whether the name and attributes of a new topic make it FIFO; InvalidParameter for a name that is none."""
    fifo = attributes.get("FifoTopic", "false")
    if fifo not in ("true", "false"):
        raise invalid("Attributes", "FifoTopic: Invalid value. Must be true or false.")
    stem = name.removesuffix(_FIFO)
    if (stem != name) != (fifo == "true") or not _NAME.fullmatch(stem) or len(name) > 256:
        raise invalid("Topic Name")
    return fifo == "true"


def change(topic: Topic, name: str, value: str, now_ms: int, *, creating: bool) -> Topic:
    """The topic with one attribute set."""
    where = "Attributes Reason: " if creating else ""
    if name == "Policy":
        return replace(topic, policy=read_policy(value))
    if name == "DeliveryPolicy":
        shown = retrying.read_topic(value) if value else None
        return _with(topic, name, "" if shown is None else orjson.dumps(shown).decode())
    if name == "ArchivePolicy":
        value = archiving.read_archive_policy(topic.fifo, value)
        begun = topic.attributes.get("BeginningArchiveTime") or archiving.beginning(now_ms)
        return _with(_with(topic, name, value), "BeginningArchiveTime", begun if value else "")
    if name == "FifoTopic" and creating:
        return topic
    if name == "FifoTopic":
        raise invalid("AttributeName")
    _check(topic, name, value, where)
    return _with(topic, name, value)


def _with(topic: Topic, name: str, value: str) -> Topic:
    attributes = {key: old for key, old in topic.attributes.items() if key != name}
    if value:
        attributes[name] = value
    return replace(topic, attributes=attributes)


def _check(topic: Topic, name: str, value: str, where: str) -> None:
    def refuse(reason: str) -> Exception:
        return invalid(f"{where}{name}: {reason}")

    if name in ("ContentBasedDeduplication", "FifoThroughputScope") and not topic.fifo:
        raise invalid(f"{where}{name} is only supported for FIFO topics" if where else "AttributeName")
    allowed = {
        "ContentBasedDeduplication": ("true", "false"),
        "FifoThroughputScope": ("Topic", "MessageGroup"),
        "SignatureVersion": ("1", "2"),
        "TracingConfig": ("PassThrough", "Active"),
    }.get(name)
    if allowed is not None:
        if value not in allowed:
            raise refuse(f"Invalid value [{value}]. Must be {' or '.join(allowed)}.")
    elif name == "DisplayName":
        if len(value) > 100 or any(character < " " for character in value):
            raise refuse("must be at most 100 characters long")
    elif name != "KmsMasterKeyId" and not _is_report(name, value, refuse):
        raise invalid("Attributes", f"Unknown attribute {name}") if where else invalid("AttributeName")


def _is_report(name: str, value: str, refuse: Any) -> bool:
    """Whether an attribute is one of delivery status logging; complains about its value."""
    for kind in _REPORTED:
        if name == f"{kind}SuccessFeedbackSampleRate":
            if not (value.isascii() and value.isdigit() and int(value) <= 100):
                raise refuse("must be a whole number between 0 and 100")
            return True
        if name in (f"{kind}SuccessFeedbackRoleArn", f"{kind}FailureFeedbackRoleArn"):
            if value and not _ROLE.fullmatch(value):
                raise refuse("is not the ARN of a role")
            return True
    return False


def read_policy(text: str) -> str:
    """A topic's policy, checked; empty for the default one."""
    if not text:
        return ""
    if len(text.encode()) > _POLICY_BYTES_MAX:
        raise invalid("Policy Error: null")
    try:
        parse_document(text, "resource")
    except MalformedPolicyDocument:
        raise invalid("Policy Error: null") from None
    source = orjson.loads(text)
    statements = source["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        actions = statement.get("Action", statement.get("NotAction", []))
        for action in [actions] if isinstance(actions, str) else actions:
            service, _, operation = action.partition(":")
            if service.lower() not in ("sns", "*") or (action != "*" and not _is_action(operation)):
                raise invalid("Policy statement action out of service scope!")
    return text


def check_principals(tx: Reader, directory: Directory, topic: Topic) -> None:
    """The users and roles that a topic's policy names exist."""
    statements = orjson.loads(topic.policy)["Statement"] if topic.policy else []
    for statement in statements if isinstance(statements, list) else [statements]:
        if not all(directory.principal_exists(tx, arn) for arn in named_principals(statement)):
            raise invalid("Policy Error: PrincipalNotFound")


def _is_action(name: str) -> bool:
    # fnmatch takes each star but the last as short as it goes, so that many of them take no long time.
    pattern = name.lower().replace("[", "[[]")
    return any(fnmatchcase(action.lower(), pattern) for action in (*ACTIONS, *_OTHER_ACTIONS))


def show(tx: Reader, topic: Topic) -> dict[str, str]:
    """The attributes of a topic."""
    found = {
        "TopicArn": topic.arn,
        "Owner": topic.account,
        "DisplayName": topic.attributes.get("DisplayName", ""),
        "Policy": topic.policy or default_policy(topic),
        "EffectiveDeliveryPolicy": orjson.dumps(retrying.effective_topic(topic)).decode(),
    }
    counts = keys.counts.get(tx, topic.id) or Counts()
    found["SubscriptionsConfirmed"] = str(counts.confirmed)
    found["SubscriptionsPending"] = str(counts.pending)
    found["SubscriptionsDeleted"] = str(counts.removed)
    if topic.fifo:
        found["FifoTopic"] = "true"
        found["ContentBasedDeduplication"] = "false"
    hidden = ("DisplayName",)
    found |= {name: value for name, value in topic.attributes.items() if name not in hidden}
    return found
