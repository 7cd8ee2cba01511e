"""The query and ec2 protocols: a form in, XML out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Body, Request, Response
from lambent.model import OperationModel, Shape

from . import scalars
from .codec import Codec, Route, apply_metadata, error_status, query_code
from .errors import MalformedInput
from .forms import pairs
from .xmlform import DECLARATION, Writer, escape, write_fields

Node = dict[str, Any]
"""A level of the form's dotted names; a value stands under the empty name."""
Read = Callable[[Node], Any]

FIELDS_MAX = 20_000
DEPTH_MAX = 40
_INDEX = re.compile(r"[1-9]\d{0,6}", re.ASCII).fullmatch
_READ_SCALARS: dict[str, Callable[[str], Any]] = {
    "boolean": scalars.read_boolean,
    "float": scalars.read_float,
    "double": scalars.read_float,
    "blob": scalars.read_blob,
    "timestamp": scalars.read_timestamp,
    **dict.fromkeys(("integer", "long", "short", "byte", "biginteger"), scalars.read_integer),
}


def form(request: Request, body: bytes) -> dict[str, str]:
    """The form's fields: those of the URL, and those of the body."""
    try:
        fields = dict(pairs(request.query, FIELDS_MAX))
        fields.update(pairs(body.decode(), FIELDS_MAX))
    except ValueError:
        raise MalformedInput("The request's form cannot be read.") from None
    return fields


def tree(fields: Mapping[str, str]) -> Node:
    """The fields as nested levels of their dotted names."""
    root: Node = {}
    for name, value in fields.items():
        if "." not in name:
            if name:
                root.setdefault(name, {})[""] = value
            continue
        level = root
        parts = name.split(".")
        if len(parts) > DEPTH_MAX:
            raise MalformedInput("A parameter is nested too deeply.")
        if "" in parts:
            continue  # no parameter has such a name, and the empty one is kept for values
        for part in parts:
            level = level.setdefault(part, {})
        level[""] = value
    return root


class _Reader:
    """Compiles functions from levels of the form to values."""

    def __init__(self, ec2: bool) -> None:
        self._ec2 = ec2
        self._known: dict[str, Read] = {}

    def compile(self, shape: Shape) -> Read:
        if shape.kind == "structure":
            return self.structure(shape)
        if shape.kind == "list":
            return self._list(shape)
        if shape.kind == "map":
            return self._map(shape)
        convert = _READ_SCALARS.get(shape.kind)
        if convert is None:
            return lambda node: node.get("", "")
        return lambda node: convert(node.get("", ""))

    def name(self, name: str, member: Shape) -> str:
        form_name = member.trait("formName")
        if form_name:
            return str(form_name)
        if self._ec2:
            given = member.trait("queryName")
            if given:
                return str(given)
            located = member.location_name or name
            return located[:1].upper() + located[1:]
        if member.kind == "list" and member.flattened and member.element.location_name:
            return member.element.location_name
        return member.location_name or name

    def structure(self, shape: Shape) -> Read:
        if shape.name in self._known:
            return self._known[shape.name]
        members: dict[str, tuple[str, Read]] = {}

        def read(node: Node) -> dict[str, Any]:
            found = {}
            for part, level in node.items():
                if part in members:
                    name, convert = members[part]
                    found[name] = convert(level)
            return found

        self._known[shape.name] = read
        for name, member in shape.members.items():
            members[self.name(name, member)] = (name, self.compile(member))
        for name, member in shape.members.items():
            # The other names that clients give: a flattened list by its member, not by its elements; of ec2, a name
            # that does not begin with a capital.
            if self._ec2 or (member.kind == "list" and member.flattened) or member.trait("formName"):
                members.setdefault(member.location_name or name, (name, self.compile(member)))
        return read

    def _list(self, shape: Shape) -> Read:
        read = self.compile(shape.element)
        flat = self._ec2 or shape.flattened
        inner = shape.element.location_name or "member"

        def read_list(node: Node) -> list[Any]:
            items: Node = node if flat else node.get(inner) or node.get("member") or {}
            return [read(items[part]) for part in _positions(items)]

        return read_list

    def _map(self, shape: Shape) -> Read:
        key_name, value_name = shape.key.location_name or "key", shape.value.location_name or "value"
        read = self.compile(shape.value)
        flat = shape.flattened

        def read_map(node: Node) -> dict[str, Any]:
            entries = node if flat else node.get("entry", {})
            found = {}
            for part in _positions(entries):
                entry = entries[part]
                if key_name not in entry:
                    raise MalformedInput("A map's entry has no key.")
                found[entry[key_name].get("", "")] = read(entry.get(value_name, {}))
            return found

        return read_map


def _positions(items: Node) -> list[str]:
    return sorted((part for part in items if _INDEX(part)), key=int)


class QueryCodec(Codec):
    """One operation in the query protocol, or in ec2, its older sister."""

    def __init__(self, operation: OperationModel, ec2: bool) -> None:
        super().__init__(operation)
        self._ec2 = ec2
        self._read = _Reader(ec2).compile(operation.input) if operation.input else None
        self._content = Writer().content(operation.output) if operation.output else None
        metadata = self.service.metadata
        version = metadata["apiVersion"]
        default = f"http://ec2.amazonaws.com/doc/{version}/" if ec2 else f"http://{self.service.name}.amazonaws.com/"
        self._namespace = escape(metadata.get("xmlNamespace", default))
        name = operation.name
        wrapper = operation.data.get("output", {}).get("resultWrapper")
        self._open = f'<{name}Response xmlns="{self._namespace}">'
        self._close = f"</{name}Response>"
        self._detail = "<Detail/>" if metadata.get("queryErrorDetail") else ""
        self._wrapper = "" if ec2 else str(wrapper or (f"{name}Result" if operation.output else ""))

    def read(self, route: Route, request: Request, body: bytes | Body) -> dict[str, Any]:
        """See `Codec`."""
        assert isinstance(body, bytes)
        if self._read is None:
            return {}
        params: dict[str, Any] = self._read(tree(form(request, body)))
        return params

    def serialize(self, result: Mapping[str, Any], request_id: str) -> Response:
        """See `Codec`."""
        out = [self._open]
        if self._ec2:
            out.append(f"<requestId>{request_id}</requestId>")
        if self._wrapper:
            out.append(f"<{self._wrapper}>")
        if self._content is not None:
            self._content(out, result)
        if self._wrapper:
            out.append(f"</{self._wrapper}>")
        if not self._ec2:
            out.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>")
        out.append(self._close)
        return apply_metadata(_respond(200, "".join(out), request_id), result)

    def serialize_error(self, error: ServiceError, request_id: str, request: Request) -> Response:
        """See `Codec`."""
        shape = self.error_shape(error)
        status = error_status(error, shape)
        code, message = escape(query_code(error, shape)), escape(error.message)
        fault = "Sender" if status < 500 else "Receiver"
        out = [] if self._ec2 else [f"<Type>{fault}</Type>"]
        out.append(f"<Code>{code}</Code>")
        if message:
            out.append(f"<Message>{message}</Message>")
        write_fields(out, shape, error.fields)
        out.append(self._detail)
        if self._ec2:
            body = (
                f"{DECLARATION}<Response><Errors><Error>{''.join(out)}</Error></Errors>"
                f"<RequestID>{request_id}</RequestID></Response>"
            )
            return _respond(status, body, request_id)
        body = (
            f'<ErrorResponse xmlns="{self._namespace}"><Error>{"".join(out)}</Error>'
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return _respond(status, body, request_id)


def _respond(status: int, body: str, request_id: str) -> Response:
    headers = [("content-type", "text/xml"), ("x-amzn-requestid", request_id)]
    return Response(status, headers, body.encode())
