"""Condition blocks: operators, set qualifiers, IfExists and Null, each compiled to one function of the request.

The rules, for a key and the values a policy lists for it:

- An operator compares one value of the request with one of the policy. A negated operator (`StringNotEquals`) is true
  when its positive form is true for none of the policy's values.
- Without a qualifier, a positive operator needs one of the request's values to compare, a negated one none.
- A missing key fails a positive operator and satisfies a negated one, `...IfExists` and `ForAllValues:`; it fails
  `ForAnyValue:`.
- A value of the request that is not of the operator's type (a number, a date, an address) compares with nothing.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NamedTuple

from . import patterns
from .context import Asked

Condition = Callable[[Asked], bool]
Compare = Callable[[str], bool]


class Operator(NamedTuple):
    """One family of operators: `compile` makes a comparison from a policy's value, or raises `ValueError`.
    `tokens` splits a value that may hold policy variables; None where none are replaced."""

    compile: Callable[[str], Compare]
    negated: bool = False
    tokens: Callable[[str, bool], patterns.Tokens] | None = None
    match: Callable[[patterns.Tokens], Compare] | None = None


class Name(NamedTuple):
    """An operator's name, taken apart."""

    qualifier: str
    operator: str
    if_exists: bool


def split_name(name: str) -> Name:
    """`ForAllValues:StringLikeIfExists` -> (`ForAllValues`, `StringLike`, True)."""
    qualifier, colon, rest = name.partition(":")
    if not colon:
        qualifier, rest = "", name
    if rest.endswith("IfExists"):
        return Name(qualifier, rest[: -len("IfExists")], True)
    return Name(qualifier, rest, False)


def known(name: str) -> bool:
    """Is this an operator that a policy may use?"""
    qualifier, operator, if_exists = split_name(name)
    if operator == "Null":
        return not if_exists and qualifier in ("", "ForAllValues", "ForAnyValue")
    return operator in OPERATORS and qualifier in ("", "ForAllValues", "ForAnyValue")


def check_value(name: str, value: str) -> None:
    """Raise `ValueError` when `value` cannot be compared by the operator `name`."""
    operator = split_name(name).operator
    if operator == "Null":
        if value.lower() not in ("true", "false"):
            raise ValueError(value)
        return
    entry = OPERATORS[operator]
    if entry.tokens is None:
        entry.compile(value)


def compile_condition(name: str, key: str, values: tuple[str, ...], variables: bool) -> Condition:
    """The function of one line of a condition block; `ValueError` or `KeyError` when it is not valid."""
    key = key.lower()
    qualifier, operator, if_exists = split_name(name)
    if operator == "Null":
        return _null(key, {value.lower() == "true" for value in values})
    entry = OPERATORS[operator]
    dynamic: list[patterns.Tokens] = []
    static: list[Compare] = []
    for value in values:
        split = entry.tokens(value, variables) if entry.tokens else ()
        if entry.match is None or not patterns.has_variables(split):
            static.append(entry.match(split) if entry.match else entry.compile(value))
        else:
            dynamic.append(split)
    compare = _any_of(static, dynamic, entry.match)
    return _quantified(key, compare, qualifier, entry.negated, if_exists)


AnyOf = Callable[[str, Asked], bool]


def _any_of(static: list[Compare], dynamic: list[patterns.Tokens], match: Any) -> AnyOf:
    """Does a value of the request compare with one of the policy's?"""
    if len(static) == 1 and not dynamic:
        only = static[0]
        return lambda value, asked: only(value)

    def compare(value: str, asked: Asked) -> bool:
        for check in static:
            if check(value):
                return True
        for pattern in dynamic:
            expanded = patterns.expand(pattern, asked.get)
            if expanded is not None and match(expanded)(value):
                return True
        return False

    return compare


def _quantified(key: str, compare: AnyOf, qualifier: str, negated: bool, if_exists: bool) -> Condition:
    missing = qualifier == "ForAllValues" or if_exists or (negated and not qualifier)
    # For all values: each is listed (or, negated, each is unlisted). For any: one is (or is not). Without a
    # qualifier a positive operator behaves like "any" and a negated one like "all".
    every = qualifier == "ForAllValues" or (negated and not qualifier)

    def condition(asked: Asked) -> bool:
        value = asked.get(key)
        if value is None:
            return missing
        if isinstance(value, str):
            return compare(value, asked) is not negated
        if every:
            return all(compare(one, asked) is not negated for one in value)
        return any(compare(one, asked) is not negated for one in value)

    return condition


def _null(key: str, wanted: set[bool]) -> Condition:
    return lambda asked: (asked.get(key) is None) in wanted


def _same_text(value: str) -> Compare:
    return value.__eq__


def _exact(pattern: patterns.Tokens) -> Compare:
    return ("".join(str(token) for token in pattern)).__eq__


def _exact_ignoring_case(pattern: patterns.Tokens) -> Compare:
    wanted = "".join(str(token) for token in pattern).casefold()
    return lambda text: text.casefold() == wanted


@lru_cache(maxsize=4096)
def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


@lru_cache(maxsize=4096)
def _seconds(text: str) -> Decimal | None:
    """A date in ISO 8601 or in seconds since the epoch, as seconds since the epoch."""
    number = _number(text)
    # Four digits are a year.
    if number is not None and len(text.strip()) != 4:
        return number
    try:
        date = datetime.fromisoformat(text.strip() if number is None else f"{text.strip()}-01-01")
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return Decimal(str(date.timestamp()))


Order = Callable[[Decimal, Decimal], bool]


def _ordered(read: Callable[[str], Decimal | None], order: Order) -> Callable[[str], Compare]:
    def compile(value: str) -> Compare:
        wanted = read(value)
        if wanted is None:
            raise ValueError(value)

        def compare(text: str) -> bool:
            found = read(text)
            return found is not None and order(found, wanted)

        return compare

    return compile


def _bool(value: str) -> Compare:
    wanted = value.strip().lower()
    if wanted not in ("true", "false"):
        raise ValueError(value)
    return lambda text: text.strip().lower() == wanted


@lru_cache(maxsize=4096)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    # A listener on :: sees IPv4 clients as mapped addresses; policies name them by their own.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _network(value: str) -> Compare:
    network = ipaddress.ip_network(value.strip(), strict=False)

    def compare(text: str) -> bool:
        address = _address(text)
        return address is not None and address in network

    return compare


def _binary(value: str) -> Compare:
    wanted = base64.b64decode(value, validate=True)

    def compare(text: str) -> bool:
        try:
            return base64.b64decode(text, validate=True) == wanted
        except (binascii.Error, ValueError):
            return False

    return compare


def _families() -> dict[str, Operator]:
    literal, tokens = patterns.literal, patterns.tokens
    found = {
        "StringEquals": Operator(_same_text, False, literal, _exact),
        "StringEqualsIgnoreCase": Operator(_same_text, False, literal, _exact_ignoring_case),
        "StringLike": Operator(_same_text, False, tokens, patterns.glob),
        "ArnEquals": Operator(_same_text, False, tokens, patterns.arn),
        "ArnLike": Operator(_same_text, False, tokens, patterns.arn),
        "Bool": Operator(_bool),
        "BinaryEquals": Operator(_binary),
        "IpAddress": Operator(_network),
    }
    negations = {
        "StringNotEquals": "StringEquals",
        "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
        "StringNotLike": "StringLike",
        "ArnNotEquals": "ArnEquals",
        "ArnNotLike": "ArnLike",
        "NotIpAddress": "IpAddress",
    }
    for family, read in (("Numeric", _number), ("Date", _seconds)):
        found[f"{family}Equals"] = Operator(_ordered(read, Decimal.__eq__))
        found[f"{family}LessThan"] = Operator(_ordered(read, Decimal.__lt__))
        found[f"{family}LessThanEquals"] = Operator(_ordered(read, Decimal.__le__))
        found[f"{family}GreaterThan"] = Operator(_ordered(read, Decimal.__gt__))
        found[f"{family}GreaterThanEquals"] = Operator(_ordered(read, Decimal.__ge__))
        negations[f"{family}NotEquals"] = f"{family}Equals"
    for name, positive in negations.items():
        found[name] = found[positive]._replace(negated=True)
    return found


OPERATORS = _families()
