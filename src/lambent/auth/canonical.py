"""The canonical form of a request, which both sides sign.

S3 takes the path as the name it stands for: escapes are undone and redone, dots and double slashes stay. The other
services remove dot segments and then escape the path as it was sent once more. Header values are folded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote_to_bytes

_SAFE_PATH = re.compile(r"[A-Za-z0-9\-._~/]*").fullmatch
_ESCAPED_QUERY = re.compile(r"(?:[A-Za-z0-9\-._~=&]|%[0-9A-F]{2})*").fullmatch
_FOLD = re.compile(r"[ \t\r\n]+")


def s3_path(path: str) -> str:
    """The canonical path of S3: each byte either unreserved, a slash, or escaped in capitals."""
    if _SAFE_PATH(path):
        return path or "/"
    return quote(unquote_to_bytes(path), safe="/-._~")


def path(path: str) -> str:
    """The canonical path of every other service: dot segments and empty segments removed, then escaped (again)."""
    if "/." in path or "//" in path:
        path = _without_dots(path)
    if _SAFE_PATH(path):
        return path or "/"
    return quote(path, safe="/-._~")


def _without_dots(path: str) -> str:
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if kept:
                kept.pop()
        elif part not in {"", "."}:
            kept.append(part)
    tail = "/" if kept and path.endswith("/") else ""
    return "/" + "/".join(kept) + tail


def query(text: str, without: str = "", *, redo: bool = False) -> str:
    """The canonical query: escapes redone, sorted by name and value; `without` names a parameter to leave out.

    A text that looks escaped already is only sorted, which is all that SDKs leave to do; `redo` makes sure.
    """
    if not text:
        return ""
    pairs = [part.partition("=") for part in text.split("&") if part]
    if redo or not _ESCAPED_QUERY(text):
        pairs = [(_escape(name), "=", _escape(value)) for name, _, value in pairs]
    return "&".join([f"{name}={value}" for name, _, value in sorted(pairs) if name != without])


def raw_query(text: str, without: str = "") -> str:
    """The query sorted but otherwise as it was sent: what clients sign that do not redo its escapes."""
    pairs = [part.partition("=") for part in text.split("&") if part]
    return "&".join([f"{name}={value}" for name, _, value in sorted(pairs) if name != without])


def _escape(text: str) -> str:
    return quote(unquote_to_bytes(text.replace("+", " ")), safe="-._~")


def headers(found: Mapping[str, str], names: tuple[str, ...]) -> str:
    """The block of signed headers, one `name:value` a line, white space folded. An absent one counts as empty."""
    get = found.get
    block = "".join([f"{name}:{get(name, '')}\n" for name in names])
    if "  " in block or ": " in block or " \n" in block or "\t" in block or block.count("\n") != len(names):
        block = "".join([f"{name}:{_FOLD.sub(' ', get(name, '')).strip(' ')}\n" for name in names])
    return block


def encode(text: str) -> bytes:
    """The bytes that are hashed. Header values were decoded as Latin-1, so that their bytes come back unchanged."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
