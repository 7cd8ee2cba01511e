"""The operators: each becomes a question to a plain value."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from lambent.kit.stars import fits

from .reading import InvalidPattern, Node, Source

Question = Callable[[Any], bool]

_WILDCARDS_MAX: Final = 5
_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
}


def is_number(value: Any) -> bool:
    """Whether a value is a JSON number; true and false are none."""
    return value.__class__ is int or value.__class__ is float


def prefix(source: Source, node: Node) -> Question:
    """The value begins with a text, in whatever case if the text is given as {"equals-ignore-case": ...}."""
    text, folded = _edge(source, node, "prefix")
    return partial(_starts, text, folded)


def suffix(source: Source, node: Node) -> Question:
    """The value ends with a text."""
    text, folded = _edge(source, node, "suffix")
    return partial(_ends, text, folded)


def ignore_case(source: Source, node: Node) -> Question:
    """The value is a text, whatever the case."""
    text = _string(source, node, "equals-ignore-case")
    return partial(_same, text.casefold())


def wildcard(source: Source, node: Node) -> Question:
    """The value is a text in which `*` stands for anything; `\\*` is the character."""
    return _glob(source, node)


def cidr(source: Source, node: Node) -> Question:
    """The value is an address in a network."""
    # AWS words it so for addresses too.
    text = _string(source, node, "prefix")
    return partial(_within, _network(text))


def numeric(source: Source, node: Node) -> Question:
    """The value is a number in a range: `["=", n]`, or one or two comparisons."""
    if node.kind != "array":
        raise source.error("Value of numeric must be an array.", node.opened)
    terms: list[Node] = node.value
    if not terms or terms[0].kind != "string":
        shown = source.text[terms[0].start : terms[0].end] if terms else "]"
        raise source.error(f"Invalid member in numeric match: {shown}", terms[0].end if terms else node.end)
    operator = terms[0].value
    if operator == "=":
        value = _limit(source, terms, 0, "equals")
        if len(terms) > 2:
            raise source.error("Too many elements in numeric expression", terms[2].opened)
        return partial(_equals, value)
    if operator not in _COMPARE:
        raise source.error(f"Unrecognized numeric range operator: {operator}", terms[0].end)
    limits = [(operator, _limit(source, terms, 0, operator))]
    if len(terms) > 2:
        second = terms[2]
        shown = second.value if second.kind == "string" else source.text[second.start : second.end]
        if second.kind != "string" or operator[0] != ">" or not str(shown).startswith("<") or shown not in _COMPARE:
            raise source.error(f"Bad numeric range operator: {shown}", second.end)
        limits.append((shown, _limit(source, terms, 2, shown)))
        if len(terms) > 4:
            raise source.error("Too many terms in numeric range expression", terms[4].opened)
        if limits[0][1] >= limits[1][1]:
            raise source.error("Bottom must be less than top", terms[3].end)
    return partial(_in_range, tuple((_COMPARE[name], limit) for name, limit in limits))


def _limit(source: Source, terms: list[Node], place: int, name: str) -> float:
    if len(terms) <= place + 1 or terms[place + 1].kind != "number":
        at = terms[place + 1].opened if len(terms) > place + 1 else terms[place].end
        raise source.error(f"Value of {name} must be numeric", at)
    return float(terms[place + 1].value)


def anything_but(source: Source, node: Node) -> Question:
    """The value is there and is none of these."""
    if node.kind == "object":
        return _anything_but_like(source, node)
    if node.kind in ("string", "number"):
        return partial(_none_of, frozenset((node.value,)))
    if node.kind != "array":
        raise source.error("Value of anything-but must be an array or single string/number value.", node.opened)
    if not node.value:
        raise source.error("Empty arrays are not allowed", node.end + 1)
    for item in node.value:
        if item.kind not in ("string", "number"):
            text = "Inside anything but list, start|null|boolean is not supported."
            raise source.error(text, item.end, twice=True)
        if item.kind != node.value[0].kind:
            text = "Inside anything but list, either all values are number or string, mixed type is not supported"
            raise source.error(text, item.end)
    return partial(_none_of, frozenset(item.value for item in node.value))


_LIKE: Final[dict[str, Callable[[Source, Node], Question]]] = {
    "prefix": lambda source, node: partial(_starts, node.value, False),
    "suffix": lambda source, node: partial(_ends, node.value, False),
    "equals-ignore-case": lambda source, node: partial(_same, node.value.casefold()),
    "wildcard": wildcard,
}


def _anything_but_like(source: Source, node: Node) -> Question:
    if len(node.value) != 1:
        raise source.error("Only one key allowed in match expression", node.end)
    name, given = next(iter(node.value.items()))
    if name not in _LIKE:
        raise source.error(f"Unsupported anything-but pattern: {name}", given.opened)
    if given.kind == "object" or (given.kind == "literal" and given.value is None):
        raise source.error("Value of anything-but must be an array or single string/number value.", given.opened)
    many = given.kind == "array"
    items: list[Node] = given.value if many else [given]
    if not items:
        raise source.error("Empty arrays are not allowed", given.end + 1)
    for item in items:
        if item.kind != "string":
            raise source.error(_like_text(name), item.end, twice=many)
        if not item.value and name in ("prefix", "suffix"):
            raise source.error("Null prefix/suffix not allowed", item.end)
    return partial(_not_like, tuple(_LIKE[name](source, item) for item in items))


def _like_text(name: str) -> str:
    if name in ("prefix", "suffix"):
        return "prefix/suffix match pattern must be a string"
    if name == "wildcard":
        return "wildcard match pattern must be a string"
    return f"Inside anything-but/{name} list, number|start|null|boolean is not supported."


def _string(source: Source, node: Node, name: str) -> str:
    if node.kind != "string":
        raise source.error(f"{name} match pattern must be a string", node.opened)
    return str(node.value)


def _edge(source: Source, node: Node, name: str) -> tuple[str, bool]:
    """The text of a prefix or suffix, and whether its case is ignored."""
    if node.kind == "object" and list(node.value) == ["equals-ignore-case"]:
        return _string(source, node.value["equals-ignore-case"], "equals-ignore-case").casefold(), True
    return _string(source, node, name), False


def _starts(text: str, folded: bool, value: Any) -> bool:
    return value.__class__ is str and (value.casefold() if folded else value).startswith(text)


def _ends(text: str, folded: bool, value: Any) -> bool:
    return value.__class__ is str and (value.casefold() if folded else value).endswith(text)


def _same(text: str, value: Any) -> bool:
    return value.__class__ is str and value.casefold() == text


def _equals(number: float, value: Any) -> bool:
    return is_number(value) and value == number


def _in_range(limits: tuple[tuple[Callable[[float, float], bool], float], ...], value: Any) -> bool:
    return is_number(value) and all(compare(value, limit) for compare, limit in limits)


def _none_of(values: frozenset[Any], value: Any) -> bool:
    # True is no 1 here, though Python says so.
    return value is True or value is False or value not in values


def _not_like(questions: tuple[Question, ...], value: Any) -> bool:
    return not any(question(value) for question in questions)


def _glob(source: Source, node: Node) -> Question:
    text = _string(source, node, "wildcard")
    pieces, piece, at = [], "", 0
    while at < len(text):
        character = text[at]
        if character == "\\":
            if text[at + 1 : at + 2] not in ("*", "\\"):
                raise source.error(f"Invalid escape character at pos {at}", node.end)
            at += 1
            piece += text[at]
        elif character == "*":
            if text[at + 1 : at + 2] == "*":
                raise source.error(f"Consecutive wildcard characters at pos {at + 1}", node.end)
            pieces.append(piece)
            piece = ""
        else:
            piece += character
        at += 1
    pieces.append(piece)
    if len(pieces) - 1 > _WILDCARDS_MAX:
        raise InvalidPattern(
            "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a "
            "wildcard character"
        )
    return partial(_globs, tuple(pieces))


def _globs(pieces: tuple[str, ...], value: Any) -> bool:
    return value.__class__ is str and fits(pieces, value)


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(text: str) -> Network:
    address, slash, bits = text.partition("/")
    if not slash:
        try:
            return ipaddress.ip_network(text)
        except ValueError:
            raise InvalidPattern("Malformed CIDR, one '/' required") from None
    if "/" in bits:
        raise InvalidPattern("Malformed CIDR, one '/' required")
    digits = bits.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise InvalidPattern("Malformed CIDR, mask bits must be an integer")
    if bits[0] == "-":
        raise InvalidPattern("Malformed CIDR, mask bits must not be negative")
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        raise InvalidPattern(f"Nonstandard IP address: {address}") from None
    if int(bits) > parsed.max_prefixlen:
        raise InvalidPattern(f"IPv{parsed.version} mask bits must be <= {parsed.max_prefixlen}")
    return ipaddress.ip_network(text, strict=False)


def _within(network: Network, value: Any) -> bool:
    if value.__class__ is not str:
        return False
    try:
        return ipaddress.ip_address(value) in network
    except ValueError:
        return False
