"""The models' regular expressions are Java's: here they become Python's, or nothing where Python has no equal."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Callable
from functools import cache

_CLASS = re.compile(r"\\([pP])(?:\{(\w+)\}|(\w))")
_SURROGATES = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_ANYTHING = frozenset({".*", "[\\s\\S]*", "[\\S\\s]*", "(?s).*"})
_ASSIGNED_END = 0x20000
_ASCII = {
    "ASCII": r"\x00-\x7f",
    "Alnum": "a-zA-Z0-9",
    "Alpha": "a-zA-Z",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1f\x7f",
    "Digit": "0-9",
    "Graph": r"\x21-\x7e",
    "Lower": "a-z",
    "Print": r"\x20-\x7e",
    "Punct": r"!-/:-@\[-`{-~",
    "Space": r"\s",
    "Upper": "A-Z",
    "XDigit": "0-9a-fA-F",
    "all": r"\x00-\U0010ffff",
}
_LINEAR = {
    r"[ \t]*[\x20-\x7E]+([ \t]+[\x20-\x7E]+)*[ \t]*": r"\t*[\x20-\x7E][\t\x20-\x7E]*",
    r"[ \t]*[^\x00-\x1F:\x7F]+([ \t]+[^\x00-\x1F:\x7F]+)*[ \t]*": r"\t*[^\x00-\x1F:\x7F][^\x00-\x08\x0A-\x1F:\x7F]*",
}
"""Parts of patterns that take exponential time, and their equals in linear time: 512 spaces must not hang a node."""
_ALIASES = {"IsAlphabetic": "L", "LD": "L", "IsWhitespace": "Z"}


def compile_pattern(pattern: str | None) -> Callable[[str], bool] | None:
    """Whether a whole text fits a model's pattern; None where everything fits, or where Python cannot say."""
    if not pattern or pattern in _ANYTHING:
        return None
    try:
        with warnings.catch_warnings():
            # Java's set operations (`[a-z&&[^x]]`) are plain characters to Python, which warns of them.
            warnings.simplefilter("error")
            found = re.compile(_translate(pattern), re.ASCII).fullmatch
    except (re.error, OverflowError, RecursionError, KeyError, Warning):
        return None
    return lambda text: found(text) is not None


def _translate(pattern: str) -> str:
    pattern = _SURROGATES.sub(_join_surrogates, pattern)
    for slow, linear in _LINEAR.items():
        pattern = pattern.replace(slow, linear)
    out, place, inside = [], 0, False
    while place < len(pattern):
        mark = pattern[place]
        found = _CLASS.match(pattern, place)
        if found is not None:
            out.append(_class(found, inside))
            place = found.end()
            continue
        step = 2 if mark == "\\" else 1
        if step == 1 and mark == "[" and not inside:
            inside = True
        elif step == 1 and mark == "]":
            inside = False
        token = pattern[place : place + step]
        out.append("\\Z" if token == "\\z" else token)
        place += step
    return "".join(out)


def _join_surrogates(found: re.Match[str]) -> str:
    high, low = int(found[1], 16), int(found[2], 16)
    return f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"


def _class(found: re.Match[str], inside: bool) -> str:
    name = found[2] or found[3]
    ranges = _ASCII.get(name) or _category(_ALIASES.get(name, name))
    if found[1] == "P":
        if inside:
            raise KeyError(name)  # a complement inside a set has no short form
        return f"[^{ranges}]"
    return ranges if inside else f"[{ranges}]"


@cache
def _category(name: str) -> str:
    """The characters of a Unicode category (`L`, `Zs`) as ranges of a set; `KeyError` when there are none."""
    ranges: list[list[int]] = []
    for code in range(_ASSIGNED_END):
        if unicodedata.category(chr(code)).startswith(name):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    if name in ("L", "Lo"):
        ranges.append([0x20000, 0x3FFFF])  # ideographs; a walk over the planes beyond would find nothing else
    if not ranges:
        raise KeyError(name)
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
