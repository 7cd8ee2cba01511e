"""Filter policies: SNS's limits on patterns, and whether a message passes one."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import orjson

from lambent.patterns import InvalidPattern, Leaves, Pattern, compile_pattern, flatten, flatten_attributes

from .errors import InvalidParameter, invalid
from .model import Message, Subscription

_KEYS_MAX: Final = 5
_COMBINATIONS_MAX: Final = 150
_BYTES_MAX: Final = 256 * 1024


def check(text: str, *, body: bool, subscribing: bool) -> None:
    """`InvalidParameter` unless the text is a filter policy. `body`: for messages' bodies, where objects may nest."""
    prefix = "Attributes Reason: FilterPolicy" if subscribing else "FilterPolicy"

    def refuse(reason: str) -> InvalidParameter:
        return invalid(f"{prefix}: {reason}")

    if len(text.encode()) > _BYTES_MAX:
        raise refuse("Filter policy is too long")
    if _is_empty(text):
        return
    try:
        pattern = compile_pattern(text)
    except InvalidPattern as wrong:
        raise refuse(_reason(text, wrong)) from None
    fields = {path: field for rule in pattern.rules for path, field in rule.items()}
    if not body and any(field.depth > 1 for field in fields.values()):
        raise refuse("Filter policy scope MessageAttributes does not support nested filter policy")
    if len(fields) > _KEYS_MAX:
        raise refuse(f"Filter policy can not have more than {_KEYS_MAX} keys")
    if _combinations(pattern) > _COMBINATIONS_MAX:
        raise refuse("Filter policy is too complex")


def _reason(text: str, wrong: InvalidPattern) -> str:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return "failed to parse JSON. " + wrong.text
    return wrong.text


def _is_empty(text: str) -> bool:
    """An empty policy takes the filter away."""
    try:
        return bool(orjson.loads(text) == {})
    except orjson.JSONDecodeError:
        return False


def _combinations(pattern: Pattern) -> int:
    """How many combinations of values a policy stands for: alternatives times depth, multiplied over a rule's fields,
    summed over the rules."""
    total = 0
    for rule in pattern.rules:
        product = 1
        for field in rule.values():
            product *= field.alternatives * field.depth
        total += product
    return total


def normal(text: str) -> str:
    """The policy as it is stored: empty when it filters nothing."""
    return "" if _is_empty(text) else text


class Sieve:
    """Asks filter policies about one message; takes it apart once, and only when somebody asks."""

    __slots__ = ("_attributes", "_body", "_message")

    def __init__(self, message: Message) -> None:
        self._message = message
        self._attributes: Leaves | None = None
        self._body: Leaves | None = None

    def passes(self, subscription: Subscription) -> bool:
        """Whether the message is for the subscription."""
        policy = subscription.filter
        if not policy:
            return True
        leaves = self._in_body() if subscription.filters_body else self._in_attributes()
        return leaves is not None and compile_pattern(policy).matches(leaves)

    def _in_body(self) -> Leaves | None:
        if self._body is None:
            body = _json(self._message.text)
            self._body = flatten(body) if isinstance(body, dict) else {}
            if not isinstance(body, dict):
                return None
        return self._body or None

    def _in_attributes(self) -> Leaves:
        if self._attributes is None:
            self._attributes = flatten_attributes(
                {
                    name: _plain(kind, value)
                    for name, kind, value in self._message.attributes
                    if not kind.startswith("Binary")
                }
            )
        return self._attributes


def _plain(kind: str, value: str) -> Any:
    """An attribute's value as patterns see it."""
    if kind.startswith("Number"):
        return _number(value)
    if kind == "String.Array":
        items = _json(value)
        return [item for item in items if not isinstance(item, (dict, list))] if isinstance(items, list) else value
    return value


@lru_cache(256)
def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
