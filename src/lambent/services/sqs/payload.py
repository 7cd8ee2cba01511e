"""What a message is made of: its limits, its attributes, and AWS's digests of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import md5, sha256
from typing import Any, Final

from .errors import InvalidMessageContents, InvalidParameterValueException, bad_value, missing
from .model import Attribute, Queue

ATTRIBUTES_MAX: Final = 10
_BAD_CHARACTER: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME: Final = re.compile(r"[A-Za-z0-9_.\-]{1,256}", re.ASCII).fullmatch
_TOKEN: Final = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}", re.ASCII).fullmatch
_ALLOWED: Final = "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
_TRACE: Final = "AWSTraceHeader"
_CAST_MAX: Final = 300


def digest(text: str) -> str:
    """The MD5 of a text, in hexadecimal digits."""
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def content_id(text: str) -> str:
    """The deduplication id that a body gives."""
    return sha256(text.encode()).hexdigest()


def is_binary(kind: str) -> bool:
    """Whether values of a data type are bytes."""
    return kind.startswith("Binary")


def attributes_digest(attributes: Iterable[Attribute]) -> str:
    """The MD5 of message attributes as AWS computes it: name, type and value, each with its length, by name."""
    hashed = md5(usedforsecurity=False)
    for name, kind, value in sorted(attributes, key=lambda attribute: attribute[0].encode()):
        for text in (name, kind):
            raw = text.encode()
            hashed.update(len(raw).to_bytes(4, "big") + raw)
        transport = b"\x02" if is_binary(kind) else b"\x01"
        hashed.update(transport + len(value).to_bytes(4, "big") + value)
    return hashed.hexdigest()


def read_attributes(given: Mapping[str, Mapping[str, Any]]) -> tuple[Attribute, ...]:
    """Message attributes, checked."""
    if len(given) > ATTRIBUTES_MAX:
        raise InvalidParameterValueException(
            f"Number of message attributes [{len(given)}] exceeds the allowed maximum [{ATTRIBUTES_MAX}]."
        )
    return tuple(_attribute(name, content) for name, content in given.items())


def _attribute(name: str, content: Mapping[str, Any]) -> Attribute:
    _check_name(name)
    kind = content.get("DataType") or ""
    if not kind:
        raise InvalidParameterValueException(
            f"Message (user) attribute '{name}' must contain a non-empty attribute type."
        )
    base = kind.partition(".")[0]
    if base not in ("String", "Number", "Binary") or len(kind) > 256:
        raise InvalidParameterValueException(
            f"The type of message (user) attribute '{name}' is invalid. You must use only the following supported "
            "type prefixes: Binary, Number, String."
        )
    if content.get("StringListValues") or content.get("BinaryListValues"):
        raise InvalidParameterValueException(
            "Message (user) attribute list values in SendMessage operation are not supported."
        )
    value = content.get("BinaryValue" if base == "Binary" else "StringValue")
    if not value:
        raise InvalidParameterValueException(
            f"Message (user) attribute '{name}' must contain a non-empty value of type '{base}'."
        )
    if isinstance(value, str):
        check_characters(value, f"message attribute '{name}'")
        if base == "Number":
            _check_number(name, value)
        return name, kind, value.encode()
    return name, kind, bytes(value)


def _check_name(name: str) -> None:
    lowered = name.lower()
    if not _NAME(name) or name.startswith(".") or name.endswith(".") or ".." in name:
        raise InvalidParameterValueException(
            f"The message (user) attribute name '{name}' is invalid. Attribute name can contain A-Z, a-z, 0-9, "
            "underscore (_), hyphen (-), and period (.) characters."
        )
    if lowered.startswith(("aws.", "amazon.")):
        raise InvalidParameterValueException(
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for "
            "internal use."
        )


def _check_number(name: str, value: str) -> None:
    try:
        if len(value) > _CAST_MAX:
            raise ValueError
        float(value)
    except ValueError:
        raise InvalidParameterValueException(
            f"Can't cast the value of message (user) attribute '{name}' to a number."
        ) from None


def read_system_attributes(given: Mapping[str, Mapping[str, Any]]) -> str:
    """The trace header, the one system attribute that can be sent."""
    for name, content in given.items():
        if name != _TRACE:
            raise InvalidParameterValueException(
                f"Message system attribute name '{name}' is invalid. The only supported name is {_TRACE}."
            )
        if content.get("DataType") != "String":
            raise InvalidParameterValueException(
                f"The type of message system attribute '{name}' is invalid. It must be String."
            )
        if not content.get("StringValue"):
            raise InvalidParameterValueException(
                f"Message system attribute '{name}' must contain a non-empty value of type 'String'."
            )
        return str(content["StringValue"])
    return ""


def trace_digest(trace: str) -> str:
    """The digest of system attributes: of the trace header alone."""
    return attributes_digest(((_TRACE, "String", trace.encode()),))


def size(body: str, attributes: tuple[Attribute, ...]) -> int:
    """A message's size in bytes: body, and of the attributes name, type and value."""
    found = len(body) if body.isascii() else len(body.encode())
    for name, kind, value in attributes:
        found += len(name) + len(kind) + len(value)
    return found


def check_characters(text: str, where: str = "message body") -> None:
    """Refuse what XML 1.0 cannot hold."""
    found = _BAD_CHARACTER.search(text)
    if found is not None:
        raise InvalidMessageContents(
            f"Invalid binary character '#x{ord(found[0]):X}' was found in the {where}, the set of allowed characters "
            f"is {_ALLOWED}"
        )


def check_group(queue: Queue, group: str | None) -> str:
    """The message group id, which FIFO queues need."""
    if group is None:
        if queue.fifo:
            raise missing("MessageGroupId")
        return ""
    if not _TOKEN(group):
        reason = "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length."
        raise bad_value(group, "MessageGroupId", reason)
    return group


def check_deduplication(queue: Queue, given: str | None, body: str) -> str:
    """The deduplication id: given, or of the content."""
    if given is None:
        if not queue.fifo:
            return ""
        if not queue.content_deduplication:
            raise InvalidParameterValueException(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
                "explicitly"
            )
        return content_id(body)
    if not _TOKEN(given):
        reason = "MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length."
        raise bad_value(given, "MessageDeduplicationId", reason)
    if not queue.fifo:
        reason = "The request include parameter that is not valid for this queue type."
        raise bad_value(given, "MessageDeduplicationId", reason)
    return given


def check_attempt(text: str) -> None:
    """A ReceiveRequestAttemptId."""
    if not _TOKEN(text):
        reason = "ReceiveRequestAttemptId can only include alphanumeric and punctuation characters. 1 to 128 in length."
        raise bad_value(text, "ReceiveRequestAttemptId", reason)
