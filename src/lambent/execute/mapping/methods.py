"""The methods and properties of Java's texts, lists, maps and numbers that templates call.

Each is a function of (value, arguments, budget), found in a table by the value's kind and the method's name. What is in
no table does not exist: a call of it is null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from . import patterns
from .budget import ITERATIONS_MAX, Budget
from .errors import TemplateFailed
from .values import ArrayList, Thing, Value, equal, is_number, key_of, text_of

Method = Callable[[Any, list[Value], Budget], Value]


def _whole(value: Value) -> int:
    if not is_number(value):
        raise TemplateFailed("a method wants a number")
    return int(value)


def _read(value: Value, budget: Budget) -> str:
    text = text_of(value, budget)
    budget.read(len(text))
    return text


def _substring(value: str, arguments: list[Value], budget: Budget) -> str:
    begin = _whole(arguments[0])
    end = _whole(arguments[1]) if len(arguments) > 1 else len(value)
    if not 0 <= begin <= end <= len(value):
        raise TemplateFailed(f"begin {begin}, end {end}, length {len(value)}")
    budget.produce(end - begin)
    return value[begin:end]


def _replace(value: str, arguments: list[Value], budget: Budget) -> str:
    old, new = _read(arguments[0], budget), _read(arguments[1], budget)
    budget.read(len(value))
    budget.produce(len(value) + max(0, len(new) - len(old)) * (value.count(old) if old else len(value) + 1))
    return value.replace(old, new)


def _replace_found(value: str, arguments: list[Value], budget: Budget, limit: int) -> str:
    pattern, replacement = patterns.compiled(_read(arguments[0], budget)), _read(arguments[1], budget)
    parts: list[str] = []
    end = 0
    for match in patterns.spans(pattern, value, budget):
        piece = patterns.expand(match, replacement)
        budget.produce(match.start() - end + len(piece))
        parts += (value[end : match.start()], piece)
        end = match.end()
        if limit and len(parts) >= 2 * limit:
            break
    budget.produce(len(value) - end)
    return "".join([*parts, value[end:]])


def _split(value: str, arguments: list[Value], budget: Budget) -> ArrayList:
    separator = _read(arguments[0], budget)
    limit = _whole(arguments[1]) if len(arguments) > 1 else 0
    budget.produce(len(value))
    parts = ArrayList()
    end = 0
    for match in patterns.spans(patterns.compiled(separator), value, budget):
        if limit > 0 and len(parts) == limit - 1:
            break
        if match.end() > 0:  # an empty match at the beginning separates nothing
            parts.append(value[end : match.start()])
        end = match.end()
    parts.append(value[end:])
    while limit == 0 and len(parts) > 1 and parts[-1] == "":
        parts.pop()
    return parts


def _character(value: str, arguments: list[Value], budget: Budget) -> str:
    return value[_place(arguments[0], len(value))]


def _place(index: Value, length: int) -> int:
    place = _whole(index)
    if not 0 <= place < length:
        raise TemplateFailed(f"index {place}, length {length}")
    return place


def _same(value: str, arguments: list[Value], budget: Budget) -> bool:
    budget.read(len(value))
    return isinstance(arguments[0], str) and value == arguments[0]


def _same_ignoring_case(value: str, arguments: list[Value], budget: Budget) -> bool:
    return isinstance(arguments[0], str) and _read(value, budget).lower() == _read(arguments[0], budget).lower()


def _compare(value: str, arguments: list[Value], budget: Budget) -> int:
    other = _read(arguments[0], budget)
    return (value > other) - (value < other)


def _made(text: str, budget: Budget) -> str:
    budget.produce(len(text))
    return text


def _java_hash(value: str, arguments: list[Value], budget: Budget) -> int:
    budget.spend(len(value))
    code = 0
    for character in value:
        code = (31 * code + ord(character)) & 0xFFFFFFFF
    return code - (1 << 32) if code >> 31 else code


_TEXT: Final[Mapping[str, Method]] = {
    "length": lambda value, arguments, budget: len(value),
    "isEmpty": lambda value, arguments, budget: not value,
    "isBlank": lambda value, arguments, budget: not _read(value, budget).strip(),
    "substring": _substring,
    "replace": _replace,
    "replaceAll": lambda value, arguments, budget: _replace_found(value, arguments, budget, 0),
    "replaceFirst": lambda value, arguments, budget: _replace_found(value, arguments, budget, 1),
    "matches": lambda value, arguments, budget: patterns.matches(
        patterns.compiled(_read(arguments[0], budget)), value, budget
    ),
    "split": _split,
    "charAt": _character,
    "contains": lambda value, arguments, budget: _read(arguments[0], budget) in _read(value, budget),
    "startsWith": lambda value, arguments, budget: value.startswith(_read(arguments[0], budget)),
    "endsWith": lambda value, arguments, budget: value.endswith(_read(arguments[0], budget)),
    "indexOf": lambda value, arguments, budget: _read(value, budget).find(_read(arguments[0], budget)),
    "lastIndexOf": lambda value, arguments, budget: _read(value, budget).rfind(_read(arguments[0], budget)),
    "toLowerCase": lambda value, arguments, budget: _made(value.lower(), budget),
    "toUpperCase": lambda value, arguments, budget: _made(value.upper(), budget),
    "trim": lambda value, arguments, budget: _made(value.strip(), budget),
    "strip": lambda value, arguments, budget: _made(value.strip(), budget),
    "concat": lambda value, arguments, budget: _made(value + _read(arguments[0], budget), budget),
    "equals": _same,
    "equalsIgnoreCase": _same_ignoring_case,
    "compareTo": _compare,
    "hashCode": _java_hash,
    "toString": lambda value, arguments, budget: value,
}


def _item(value: list[Value], arguments: list[Value], budget: Budget) -> Value:
    return value[_place(arguments[0], len(value))]


def _add(value: list[Value], arguments: list[Value], budget: Budget) -> bool:
    if len(arguments) > 1:
        place = _whole(arguments[0])
        if not 0 <= place <= len(value):
            raise TemplateFailed(f"index {place}, size {len(value)}")
        budget.read(len(value) - place)
        value.insert(place, arguments[1])
    else:
        value.append(arguments[0])
    return True


def _set(value: list[Value], arguments: list[Value], budget: Budget) -> Value:
    place = _place(arguments[0], len(value))
    before, value[place] = value[place], arguments[1]
    return before


def _index(value: list[Value], arguments: list[Value], budget: Budget) -> int:
    for place, item in enumerate(value):
        if equal(item, arguments[0], budget):
            return place
    return -1


def _remove_item(value: list[Value], arguments: list[Value], budget: Budget) -> Value:
    if is_number(arguments[0]):
        return value.pop(_place(arguments[0], len(value)))
    place = _index(value, arguments, budget)
    if place >= 0:
        value.pop(place)
    return place >= 0


def _add_all(value: list[Value], arguments: list[Value], budget: Budget) -> bool:
    items = list(arguments[0].values() if isinstance(arguments[0], dict) else arguments[0])
    budget.spend(len(items))
    value.extend(items)
    return bool(items)


def _part(value: list[Value], arguments: list[Value], budget: Budget) -> ArrayList:
    begin, end = _whole(arguments[0]), _whole(arguments[1])
    if not 0 <= begin <= end <= len(value):
        raise TemplateFailed(f"from {begin} to {end}, size {len(value)}")
    budget.spend(end - begin)
    return ArrayList(value[begin:end])


_LIST: Final[Mapping[str, Method]] = {
    "size": lambda value, arguments, budget: len(value),
    "length": lambda value, arguments, budget: len(value),
    "isEmpty": lambda value, arguments, budget: not value,
    "get": _item,
    "add": _add,
    "addAll": _add_all,
    "set": _set,
    "remove": _remove_item,
    "clear": lambda value, arguments, budget: value.clear(),
    "contains": lambda value, arguments, budget: _index(value, arguments, budget) >= 0,
    "indexOf": _index,
    "subList": _part,
    "equals": lambda value, arguments, budget: equal(value, arguments[0], budget),
    "toString": lambda value, arguments, budget: text_of(value, budget),
    "iterator": lambda value, arguments, budget: value,
}


class MapEntry(Thing):
    """A pair of a map."""

    def __init__(self, key: Value, value: Value) -> None:
        self._members = {"key": key, "value": value}

    def member(self, name: str, budget: Budget) -> Value:
        """`key` or `value`."""
        return self._members.get(name)

    def call(self, name: str, arguments: list[Value], budget: Budget) -> Value:
        """`getKey()` or `getValue()`."""
        return {"getKey": self._members["key"], "getValue": self._members["value"]}.get(name)

    def text(self, budget: Budget) -> str:
        """`key=value`."""
        budget.enter()
        text = f"{self._members['key']}={text_of(self._members['value'], budget)}"
        budget.leave()
        return text


def _entries(value: dict[Value, Value], arguments: list[Value], budget: Budget) -> ArrayList:
    budget.spend(len(value))
    return ArrayList(MapEntry(key, item) for key, item in value.items())


def _listed(items: Any, budget: Budget) -> ArrayList:
    budget.spend(len(items))
    return ArrayList(items)


def _put(value: dict[Value, Value], arguments: list[Value], budget: Budget) -> Value:
    key = key_of(arguments[0], budget)
    before = value.get(key)
    value[key] = arguments[1]
    return before


def _put_if_absent(value: dict[Value, Value], arguments: list[Value], budget: Budget) -> Value:
    return value.setdefault(key_of(arguments[0], budget), arguments[1])


def _put_all(value: dict[Value, Value], arguments: list[Value], budget: Budget) -> None:
    if isinstance(arguments[0], dict):
        budget.spend(len(arguments[0]))
        value.update(arguments[0])


_MAP: Final[Mapping[str, Method]] = {
    "size": lambda value, arguments, budget: len(value),
    "isEmpty": lambda value, arguments, budget: not value,
    "get": lambda value, arguments, budget: value.get(key_of(arguments[0], budget)),
    "getOrDefault": lambda value, arguments, budget: value.get(key_of(arguments[0], budget), arguments[1]),
    "put": _put,
    "putIfAbsent": _put_if_absent,
    "putAll": _put_all,
    "remove": lambda value, arguments, budget: value.pop(key_of(arguments[0], budget), None),
    "clear": lambda value, arguments, budget: value.clear(),
    "containsKey": lambda value, arguments, budget: key_of(arguments[0], budget) in value,
    "containsValue": lambda value, arguments, budget: _index(list(value.values()), arguments, budget) >= 0,
    "keySet": lambda value, arguments, budget: _listed(value, budget),
    "values": lambda value, arguments, budget: _listed(value.values(), budget),
    "entrySet": _entries,
    "equals": lambda value, arguments, budget: equal(value, arguments[0], budget),
    "toString": lambda value, arguments, budget: text_of(value, budget),
}
_NUMBER: Final[Mapping[str, Method]] = {
    "intValue": lambda value, arguments, budget: int(value),
    "longValue": lambda value, arguments, budget: int(value),
    "doubleValue": lambda value, arguments, budget: float(value),
    "equals": lambda value, arguments, budget: equal(value, arguments[0], budget),
    "compareTo": lambda value, arguments, budget: (value > arguments[0]) - (value < arguments[0]),
    "toString": lambda value, arguments, budget: text_of(value, budget),
    # templates convert texts by any number at hand: `#set($i = 0) $i.parseInt("12")`
    "parseInt": lambda value, arguments, budget: _parsed(_read(arguments[0], budget)),
    "parseLong": lambda value, arguments, budget: _parsed(_read(arguments[0], budget)),
    "parseDouble": lambda value, arguments, budget: float(_read(arguments[0], budget)),
    "valueOf": lambda value, arguments, budget: _parsed(_read(arguments[0], budget)),
}
_TRUTH: Final[Mapping[str, Method]] = {
    "equals": lambda value, arguments, budget: value is arguments[0],
    "toString": lambda value, arguments, budget: text_of(value, budget),
    "booleanValue": lambda value, arguments, budget: value,
}


def _parsed(text: str) -> int:
    if len(text) > 20:
        raise TemplateFailed("not a number")
    return int(text)


def _methods(value: Value) -> Mapping[str, Method]:
    if isinstance(value, str):
        return _TEXT
    if isinstance(value, list):
        return _LIST
    if isinstance(value, dict):
        return _MAP
    if isinstance(value, bool):
        return _TRUTH
    return _NUMBER if isinstance(value, int | float) else {}


def call(value: Value, name: str, arguments: list[Value], budget: Budget) -> Value:
    """Call a method; None where there is none of that name."""
    budget.spend(1)
    if isinstance(value, Thing):
        return value.call(name, arguments, budget)
    method = _methods(value).get(name)
    if method is None:
        return None
    try:
        return method(value, arguments, budget)
    except (IndexError, TypeError, ValueError, OverflowError) as error:  # too few arguments, or of the wrong kind
        raise TemplateFailed(f"{name}(): {error}") from None


def member(value: Value, name: str, budget: Budget) -> Value:
    """The property of a name: a key of a map, or what Java calls `isName()`; None where there is none."""
    budget.spend(1)
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, Thing):
        return value.member(name, budget)
    if name == "empty" and isinstance(value, str | list):
        return not value
    return None


def items_of(value: Value, budget: Budget) -> list[Value]:
    """What #foreach goes through: a list's items, a map's values, as many as a loop may have turns and one to tell that
    there were more; a copy, so that the loop may change the original."""
    if isinstance(value, list):
        return value[: ITERATIONS_MAX + 1]
    if isinstance(value, dict):
        budget.spend(len(value) // 16)
        return list(value.values())[: ITERATIONS_MAX + 1]
    return []
