"""The parts of REST requests and responses that are not in the body: path labels, query string, headers, status."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import orjson

from lambent.contracts.http import Request
from lambent.model import OperationModel, Shape

from . import s3form, scalars
from .errors import SerializationException
from .forms import pairs

_READ: dict[str, Callable[[str], Any]] = {
    "boolean": scalars.read_boolean,
    "float": scalars.read_float,
    "double": scalars.read_float,
    "blob": scalars.read_blob,
    "timestamp": scalars.read_timestamp,
    **dict.fromkeys(("integer", "long", "short", "byte"), scalars.read_integer),
}
_QUERY_FIELDS_MAX = 1000


def split_list(text: str, dates: bool = False) -> list[str]:
    """The elements of a list in a header: separated by commas, quoted where they hold some."""
    if dates:
        # An HTTP date holds a comma itself.
        parts = text.split(",")
        return [f"{day},{rest}".strip() for day, rest in zip(parts[::2], parts[1::2], strict=False)]
    items, item, quoted, place = [], "", False, 0
    while place < len(text):
        mark = text[place]
        if quoted and mark == "\\" and place + 1 < len(text):
            place += 1
            item += text[place]
        elif mark == '"':
            quoted = not quoted
        elif mark == "," and not quoted:
            items.append(item.strip())
            item = ""
        else:
            item += mark
        place += 1
    items.append(item.strip())
    return items


def _header_reader(shape: Shape) -> Callable[[str], Any]:
    if shape.kind == "list":
        element = shape.element
        dates = element.kind == "timestamp" and element.trait("timestampFormat", "rfc822") == "rfc822"
        read = _READ.get(element.kind, str)
        return lambda text: [read(item) for item in split_list(text, dates)]
    if shape.kind == "structure":
        return _read_members(shape)
    if shape.trait("jsonvalue"):
        return _read_json
    return _READ.get(shape.kind, str)


def _read_members(shape: Shape) -> Callable[[str], Any]:
    """A structure in a header does not occur in AWS's models; refuse it when it does."""
    raise LookupError(f"{shape.name}: a structure cannot be bound to a header")


def _read_json(text: str) -> Any:
    try:
        return orjson.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise SerializationException("A header does not hold JSON in base64.") from None


class RequestBindings:
    """Reads what an operation binds to path, query string and headers. `body` names the members that are left."""

    def __init__(self, operation: OperationModel) -> None:
        self._labels: list[tuple[str, str, Callable[[str], Any]]] = []
        self._query: dict[str, tuple[str, Callable[[str], Any], bool]] = {}
        self._query_map: tuple[str, bool] | None = None
        # By the header's name: a request has ten headers, an operation of S3 binds forty.
        self._headers: dict[str, tuple[tuple[str, Callable[[str], Any]], ...]] = {}
        self._prefixes: list[tuple[str, str]] = []
        self.bound: set[str] = set()
        self._s3 = operation.service.name == "s3"
        shape = operation.input
        for name, member in shape.members.items() if shape is not None else ():
            location = member.trait("location")
            if location is None:
                continue
            self.bound.add(name)
            wire_name = member.location_name or name
            if location == "headers":
                self._prefixes.append((member.location_name.lower(), name))
            elif location == "uri":
                self._labels.append((wire_name, name, _READ.get(member.kind, str)))
            elif location == "header":
                header = wire_name.lower()
                self._headers[header] = (
                    *self._headers.get(header, ()),
                    (name, self._own(wire_name, member, _header_reader(member))),
                )
            elif location == "querystring":
                self._bind_query(wire_name, name, member)
        self._names = frozenset(self._query)

    def _bind_query(self, wire_name: str, name: str, member: Shape) -> None:
        if member.kind == "map":
            self._query_map = (name, member.value.kind == "list")
        elif member.kind == "list":
            self._query[wire_name] = (name, _READ.get(member.element.kind, str), True)
        else:
            self._query[wire_name] = (name, self._own(wire_name, member, _READ.get(member.kind, str)), False)

    def _own(self, wire_name: str, member: Shape, read: Callable[[str], Any]) -> Callable[[str], Any]:
        return s3form.scalar(wire_name, member.kind, read) if self._s3 else read

    def read(self, labels: Mapping[str, str], request: Request) -> dict[str, Any]:
        """The bound parameters of a request."""
        found: dict[str, Any] = {}
        for label, name, read in self._labels:
            if label in labels:
                text = labels[label]
                found[name] = read(unquote(text) if "%" in text else text)
        if request.query and (self._query or self._query_map):
            self._read_query(request.query, found)
        if self._headers:
            bound = self._headers
            for header, text in request.headers.items():
                if header in bound:
                    for name, read in bound[header]:
                        if (text or read is str) and (value := read(text)) is not None:
                            found[name] = value
        for prefix, name in self._prefixes:
            values = {key[len(prefix) :]: text for key, text in request.headers.items() if key.startswith(prefix)}
            if values:
                found[name] = values
        return found

    def _read_query(self, query: str, found: dict[str, Any]) -> None:
        try:
            fields = pairs(query, _QUERY_FIELDS_MAX)
        except ValueError:
            raise SerializationException("The query string cannot be read.") from None
        for key, text in fields:
            bound = self._query.get(key)
            if bound is None:
                if self._query_map is not None:
                    self._put_in_map(found, key, text)
                continue
            name, read, many = bound
            if many:
                found.setdefault(name, []).append(read(text))
            elif (value := read(text)) is not None:
                found[name] = value

    def _put_in_map(self, found: dict[str, Any], key: str, text: str) -> None:
        assert self._query_map is not None
        name, many = self._query_map
        values = found.setdefault(name, {})
        if many:
            values.setdefault(key, []).append(text)
        else:
            values.setdefault(key, text)


def _header_writer(shape: Shape) -> Callable[[Any], str]:
    if shape.kind == "list":
        write = _header_writer(shape.element)
        quote = shape.element.kind == "string"
        return lambda value: ", ".join(_quoted(write(item)) if quote else write(item) for item in value)
    if shape.kind == "timestamp":
        form = scalars.WRITERS[shape.trait("timestampFormat") or "rfc822"]
        if shape.name == "Expires":
            return lambda value: value if isinstance(value, str) else str(form(value))  # S3: kept as it was sent
        return lambda value: str(form(value))
    if shape.kind == "boolean":
        return lambda value: "true" if value else "false"
    if shape.kind == "blob":
        return scalars.write_blob
    if shape.kind in ("float", "double"):
        return scalars.write_float
    if shape.trait("jsonvalue"):
        return lambda value: base64.b64encode(
            value.encode() if isinstance(value, str) else orjson.dumps(value)
        ).decode()
    return str


def _quoted(text: str) -> str:
    if "," not in text and '"' not in text:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class ResponseBindings:
    """Writes what a structure binds to headers and the status; `bound` names those members."""

    def __init__(self, shape: Shape | None) -> None:
        self._headers: dict[str, tuple[str, Callable[[Any], str]]] = {}
        self._prefixes: list[tuple[str, str]] = []
        self._status = ""
        self.bound: set[str] = set()
        for name, member in shape.members.items() if shape is not None else ():
            location = member.trait("location")
            wire_name = (member.location_name or name).lower()
            if location == "header":
                self._headers[name] = (wire_name, _header_writer(member))
            elif location == "headers":
                self._prefixes.append((name, member.location_name.lower()))
            elif location == "statusCode":
                self._status = name
            else:
                continue
            self.bound.add(name)
        self._overlapping = any(not prefix for _, prefix in self._prefixes)

    def write(self, result: Mapping[str, Any], headers: list[tuple[str, str]], status: int) -> int:
        """Append headers; returns the status."""
        if self._headers:
            bound = self._headers
            for name, value in result.items():
                if name in bound and value is not None:
                    header, write = bound[name]
                    headers.append((header, write(value)))
        for name, prefix in self._prefixes:
            values = result.get(name)
            if not values:
                continue
            # A map without a prefix may hold what another member is bound to.
            sent = {header for header, _ in headers} if self._overlapping else ()
            for key, value in values.items():
                header = f"{prefix}{key}".lower()
                if header not in sent:
                    headers.append((header, str(value)))
        return int(result.get(self._status, status)) if self._status else status
