"""From what a publisher gives to a message: its limits, its attributes, AWS's complaints."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from lambent.contracts.ids import Ids

from .errors import ParameterValueInvalid, ValidationError, invalid
from .model import MESSAGE_BYTES_MAX, Attribute, Message, Topic

_NAME_CHARACTERS: Final = re.compile(r"[^A-Za-z0-9_.\-]")
_TOKEN: Final = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}", re.ASCII).fullmatch
_SUBJECT_MAX: Final = 100
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def draft(
    topic: Topic | None, given: Mapping[str, Any], ids: Ids, now_ms: int, *, address: str = "", entry: int = 0
) -> Message:
    """The message of Publish's parameters, or of a batch entry (its number, from 1, for the error texts). Without a
    topic it is for the endpoint or number `address`."""
    text = given.get("Message")
    attributes = read_attributes(given.get("MessageAttributes") or {}, entry)
    if not text:
        raise invalid("Empty message")
    subject = given.get("Subject")
    if subject is not None:
        _check_subject(subject)
    texts = _structure(text, given.get("MessageStructure"))
    group, deduplication = _fifo(topic, given, text)
    message = Message(
        id=ids.request_id(),
        topic=topic.arn if topic is not None else address,
        text=texts.get("default", text),
        published_ms=now_ms,
        texts=texts,
        subject=subject,
        attributes=attributes,
        group=group,
        deduplication=deduplication,
    )
    if size(text, attributes) > MESSAGE_BYTES_MAX:
        raise invalid("Message too long")
    return message


def size(text: str, attributes: tuple[Attribute, ...]) -> int:
    """A message's size in bytes: body, and of the attributes name, type and value."""
    found = len(text) if text.isascii() else len(text.encode())
    for name, kind, value in attributes:
        found += len(name) + len(kind) + (len(value) * 3 // 4 if kind.startswith("Binary") else len(value.encode()))
    return found


def _check_subject(subject: str) -> None:
    if not subject or len(subject) > _SUBJECT_MAX or _CONTROL.search(subject):
        raise invalid("Subject")


def _structure(text: str, structure: str | None) -> dict[str, str]:
    """The texts of a message by protocol; empty when it has one for all."""
    if structure is None:
        return {}
    if structure != "json":
        raise invalid("MessageStructure")
    try:
        found = json.loads(text)
    except ValueError:
        raise invalid("Message Structure - JSON message body failed to parse") from None
    if not isinstance(found, dict):
        raise invalid("Message Structure - JSON message body failed to parse")
    texts = {name: value for name, value in found.items() if isinstance(value, str)}
    if "default" not in texts:
        raise invalid("Message Structure - No default entry in JSON message body")
    return texts


def _fifo(topic: Topic | None, given: Mapping[str, Any], text: str) -> tuple[str, str]:
    """The message group and the deduplication id."""
    group, deduplication = given.get("MessageGroupId"), given.get("MessageDeduplicationId")
    if group is not None and not _TOKEN(group):
        raise invalid(
            "MessageGroupId",
            "The MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length",
        )
    if deduplication is not None and not _TOKEN(deduplication):
        raise invalid(
            "MessageDeduplicationId",
            "The MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length",
        )
    if topic is None or not topic.fifo:
        if deduplication is not None:
            raise invalid(
                "MessageDeduplicationId",
                "The request includes MessageDeduplicationId parameter that is not valid for this topic type",
            )
        # A standard topic hands the group on to queues, which share fairly among groups.
        return group or "", ""
    if group is None:
        raise invalid("The MessageGroupId parameter is required for FIFO topics")
    if deduplication is None:
        if not topic.deduplicates_content:
            raise invalid(
                "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
                "explicitly"
            )
        deduplication = sha256(text.encode()).hexdigest()
    return group, deduplication


def read_attributes(given: Mapping[str, Mapping[str, Any]], entry: int = 0) -> tuple[Attribute, ...]:
    """Message attributes, checked."""
    return tuple(_attribute(name, content, entry) for name, content in given.items())


def _attribute(name: str, content: Mapping[str, Any], entry: int) -> Attribute:
    kind = content.get("DataType")
    if kind is None:
        place = f"publishBatchRequestEntries.{entry}.member.messageAttributes" if entry else "messageAttributes"
        raise ValidationError(
            f"1 validation error detected: Value null at '{place}.{name}.member.dataType' failed to satisfy "
            "constraint: Member must not be null"
        )
    _check_name(name)
    base = kind.partition(".")[0]
    if base not in ("String", "Number", "Binary"):
        raise ParameterValueInvalid(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes "
            "is Binary, Number, and String."
        )
    field = "BinaryValue" if base == "Binary" else "StringValue"
    other = "StringValue" if base == "Binary" else "BinaryValue"
    if other in content and content.get(field) is None:
        raise ParameterValueInvalid(
            f"The message attribute '{name}' with type '{base}' must use field '{field.removesuffix('Value')}'."
        )
    value = content.get(field)
    if not value:
        raise ParameterValueInvalid(
            f"The message attribute '{name}' must contain non-empty message attribute value for message attribute type "
            f"'{base}'."
        )
    if base == "Number":
        _check_number(name, value)
    return name, kind, b64encode(value).decode() if base == "Binary" else value


def _check_name(name: str) -> None:
    if not name or len(name.encode()) > 256:
        raise ParameterValueInvalid("Length of message attribute name must be less than 256 bytes.")
    bad = _NAME_CHARACTERS.search(name)
    if bad is not None:
        raise ParameterValueInvalid(
            f"Invalid non-alphanumeric character '#x{ord(bad[0]):X}' was found in the message attribute name. Can only "
            "include alphanumeric characters, hyphens, underscores, or dots."
        )
    if name.startswith("."):
        raise ParameterValueInvalid("Invalid message attribute name starting with character '.' was found.")
    if name.endswith("."):
        raise ParameterValueInvalid("Invalid message attribute name ending with character '.' was found.")
    if ".." in name:
        raise ParameterValueInvalid("Message attribute name can not have successive '.' character.")


def _check_number(name: str, value: str) -> None:
    try:
        float(value)
    except ValueError:
        raise ParameterValueInvalid(f"Could not cast message attribute '{name}' value to number.") from None
