"""Input templates and dynamic paths: what enrichments and targets get to see of an event. Pure.

A placeholder is `<$.path>` or `<aws.pipes.name>`. Outside of quotes it becomes a JSON value, inside of them, and in
free text, its text. A path goes into texts that are JSON themselves (a message's body).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

_PLACEHOLDER: Final = re.compile(r"<(\$[^<>]*|aws\.pipes\.[a-z.-]+)>")
_STEP: Final = re.compile(r"\.([\w/-]+)|\[(\d+|\*)\]")
_QUOTE: Final = re.compile(r'(?<!\\)(?:\\\\)*"')
MISSING: Final = object()
"""What a path finds where there is nothing."""


def find(event: Any, path: str) -> Any:
    """What `path` (`$.a.b[0]`) names in an event; `MISSING` when there is nothing."""
    here = event
    at = 1
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            return MISSING
        at = step.end()
        here = _opened(here)
        if step[2] == "*":
            if not isinstance(here, list):
                return MISSING
            found = [find(one, "$" + path[at:]) for one in here]
            return [one for one in found if one is not MISSING]
        here = _inner(here, step[1], step[2])
        if here is MISSING:
            return MISSING
    return _opened(here)


def _inner(value: Any, name: str | None, index: str | None) -> Any:
    if name is not None:
        return value.get(name, MISSING) if isinstance(value, dict) else MISSING
    place = int(index or 0)
    return value[place] if isinstance(value, list) and place < len(value) else MISSING


def _opened(value: Any) -> Any:
    """A text that is a JSON object or array, as that."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def text(value: Any) -> str:
    """A value as text."""
    if value is MISSING:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def render(template: str, event: Any, variables: Mapping[str, Any]) -> Any:
    """What a template comes to: a JSON value where it is one, else a text. An empty template changes nothing."""
    if not template:
        return event
    structured = template.lstrip()[:1] in ("{", "[", '"') or _PLACEHOLDER.fullmatch(template.strip()) is not None
    parts: list[str] = []
    at, quoted = 0, False
    for hit in _PLACEHOLDER.finditer(template):
        between = template[at : hit.start()]
        quoted ^= len(_QUOTE.findall(between)) % 2 == 1
        parts.append(between)
        value = find(event, hit[1]) if hit[1].startswith("$") else _variable(hit[1], event, variables)
        parts.append(_written(value, structured, quoted))
        at = hit.end()
    parts.append(template[at:])
    whole = "".join(parts)
    try:
        return orjson.loads(whole)
    except orjson.JSONDecodeError:
        return whole


def _variable(name: str, event: Any, variables: Mapping[str, Any]) -> Any:
    if name in ("aws.pipes.event", "aws.pipes.event.json"):
        return event
    return variables.get(name, MISSING)


def _written(value: Any, structured: bool, quoted: bool) -> str:
    if structured and not quoted:
        return '""' if value is MISSING else orjson.dumps(value).decode()
    plain = text(value)
    return orjson.dumps(plain).decode()[1:-1] if structured else plain


def dynamic(value: str, event: Any) -> str:
    """A target's parameter: what its path finds in the event, or the parameter itself when it is none."""
    return text(find(event, value)) if value.startswith("$") else value
