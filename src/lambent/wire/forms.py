"""Query strings and forms as pairs, as cheaply as may be: most of them hold nothing that is escaped."""

from __future__ import annotations

from urllib.parse import unquote_plus


def pairs(text: str, limit: int) -> list[tuple[str, str]]:
    """The names and values of a form, decoded, in their order; a name without a value has an empty one.
    `ValueError` beyond `limit` pairs."""
    if not text:
        return []
    if text.count("&") >= limit:
        raise ValueError("too many fields")
    escaped = "%" in text or "+" in text
    found = []
    for part in text.split("&"):
        if part:
            name, _, value = part.partition("=")
            found.append((unquote_plus(name), unquote_plus(value)) if escaped else (name, value))
    return found
