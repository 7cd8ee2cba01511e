"""XML to parameters and results to XML, compiled per shape. Shared by rest-xml, query and ec2."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from typing import Any
from xml.etree import ElementTree

from lambent.model import Shape

from . import scalars
from .errors import MalformedXML

Read = Callable[[ElementTree.Element], Any]
Write = Callable[[list[str], Any, str], None]

MALFORMED = "The XML you provided was not well-formed or did not validate against our published schema"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_DEPTH_MAX = 64
_SPECIAL = re.compile('[&<>"\r\n\t\x00-\x08\x0b\x0c\x0e-\x1f\x85\u2028]')
_IN_TEXT = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "\n", "\t": "\t"}


def escape(text: str) -> str:
    """Text of an element or attribute; what XML cannot hold as it is becomes a character reference."""
    if _SPECIAL.search(text) is None:
        return text
    return _SPECIAL.sub(lambda found: _IN_TEXT.get(found[0]) or f"&#x{ord(found[0]):X};", text)


class _Builder(ElementTree.TreeBuilder):
    """Refuses document types, and with them entities; and documents deeper than any of AWS's."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise MalformedXML(MALFORMED)

    def start(self, tag: str, attrs: dict[str, str], /) -> ElementTree.Element:
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise MalformedXML(MALFORMED)
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ElementTree.Element:
        self._depth -= 1
        return super().end(tag)


def parse(body: bytes) -> ElementTree.Element:
    """The root element; `MalformedXML` for anything that is not a plain, well-formed document."""
    parser = ElementTree.XMLParser(target=_Builder())
    try:
        parser.feed(body)
        root: ElementTree.Element = parser.close()
    except (ElementTree.ParseError, ValueError, LookupError):
        raise MalformedXML(MALFORMED) from None
    return root


def local(tag: str) -> str:
    """A tag without its namespace."""
    return tag.rpartition("}")[2]


_READ_SCALARS: dict[str, Callable[[str], Any]] = {
    "boolean": scalars.read_boolean,
    "float": scalars.read_float,
    "double": scalars.read_float,
    "bigdecimal": scalars.read_float,
    "blob": lambda text: scalars.read_blob(text.strip()),
    "timestamp": scalars.read_timestamp,
    **dict.fromkeys(
        ("integer", "long", "short", "byte", "biginteger"), lambda text: scalars.read_integer(text.strip())
    ),
}


class Reader:
    """Compiles functions from elements to values; one per operation."""

    def __init__(self) -> None:
        self._known: dict[str, Read] = {}

    def compile(self, shape: Shape) -> Read:
        """The function for an element of this shape."""
        if shape.kind == "structure":
            return self.structure(shape)
        if shape.kind == "list":
            read = self.compile(shape.element)
            return lambda element: [read(item) for item in element]
        if shape.kind == "map":
            return self._map(shape)
        convert = _READ_SCALARS.get(shape.kind)
        if convert is None:
            return lambda element: element.text or ""
        return lambda element: convert(element.text or "")

    def structure(self, shape: Shape, skip: frozenset[str] = frozenset()) -> Read:
        """The function for a structure's element, leaving out members that are not in the body."""
        if shape.name in self._known:
            return self._known[shape.name]
        members: dict[str, tuple[str, Read, str]] = {}
        attributes: dict[str, str] = {}

        def read(element: ElementTree.Element) -> dict[str, Any]:
            found: dict[str, Any] = {}
            for child in element:
                known = members.get(local(child.tag))
                if known is None:
                    continue
                name, convert, form = known
                if form == "list":
                    found.setdefault(name, []).append(convert(child))
                elif form == "map":
                    found.setdefault(name, {}).update(convert([child]))  # type: ignore[arg-type]
                else:
                    found[name] = convert(child)
            for name, target in attributes.items():
                for key, value in element.attrib.items():
                    if local(key) == name:
                        found[target] = value
            return found

        if not skip:
            self._known[shape.name] = read
        for name, member in shape.members.items():
            if name in skip:
                continue
            wire_name = member.location_name or name
            if member.trait("xmlAttribute"):
                attributes[wire_name.rpartition(":")[2]] = name
            elif member.kind == "list" and member.flattened:
                members[wire_name] = (name, self.compile(member.element), "list")
            elif member.kind == "map" and member.flattened:
                members[wire_name] = (name, self.compile(member), "map")
            else:
                members[wire_name] = (name, self.compile(member), "")
        for name, member in shape.members.items():
            # The other names that clients give: elements of a flattened list by the element's own name, a structure
            # by its member's name where its definition has one.
            if name not in skip and member.kind == "list" and member.flattened and member.element.location_name:
                members.setdefault(member.element.location_name, (name, self.compile(member.element), "list"))
            elif name not in skip and member.kind == "structure":
                own = str(member.reference.get("locationName") or name)
                members.setdefault(own, (name, self.compile(member), ""))
        return read

    def _map(self, shape: Shape) -> Read:
        key_tag, value_tag = shape.key.location_name or "key", shape.value.location_name or "value"
        read_value = self.compile(shape.value)

        def read(entries: Any) -> dict[str, Any]:
            found = {}
            for entry in entries:
                parts = {local(part.tag): part for part in entry}
                if key_tag not in parts or value_tag not in parts:
                    raise MalformedXML(MALFORMED)
                found[parts[key_tag].text or ""] = read_value(parts[value_tag])
            return found

        return read


class Writer:
    """Compiles functions that append the XML of a value; one per operation. `timestamps` is the default format;
    `ec2` gives lists the element `item`, as the ec2 protocol has it in models that do not say so."""

    def __init__(self, timestamps: str = "iso8601") -> None:
        self._known: dict[str, Callable[[list[str], Any], None]] = {}
        self._timestamps = timestamps

    def compile(self, shape: Shape) -> Write:
        """The function (out, value, tag) for a value of this shape."""
        if shape.kind == "structure":
            return self._element(shape)
        if shape.kind == "list":
            return self._list(shape)
        if shape.kind == "map":
            return self._map(shape)
        text = self.text(shape)

        def write(out: list[str], value: Any, tag: str) -> None:
            out.append(f"<{tag}>{text(value)}</{tag}>")

        return write

    def text(self, shape: Shape) -> Callable[[Any], str]:
        """The function that makes the text of a scalar."""
        if shape.kind == "timestamp":
            given = shape.trait("timestampFormat") or self._timestamps
            form = scalars.write_iso8601_ms if given == "iso8601-ms" else scalars.WRITERS[given]
            return lambda value: str(form(value))
        if shape.kind == "boolean":
            return lambda value: "true" if value and value != "false" else "false"
        if shape.kind == "blob":
            return scalars.write_blob
        if shape.kind in ("float", "double"):
            return scalars.write_float
        return lambda value: escape(str(value))

    def _element(self, shape: Shape) -> Write:
        content = self.content(shape)
        start = namespace_of(shape)
        attributes = attributes_of(shape)
        if attributes is None:

            def write(out: list[str], value: Any, tag: str) -> None:
                out.append(f"<{tag}{start}>")
                content(out, value)
                out.append(f"</{tag}>")

            return write

        def write_attributes(out: list[str], value: Any, tag: str) -> None:
            out.append(f"<{tag}{start}{attributes(value)}>")
            content(out, value)
            out.append(f"</{tag}>")

        return write_attributes

    def content(self, shape: Shape, skip: frozenset[str] = frozenset()) -> Callable[[list[str], Any], None]:
        """The function that writes a structure's members, without an element around them."""
        if shape.name in self._known:
            return self._known[shape.name]
        members: list[tuple[str, str, Write]] = []

        def write(out: list[str], value: Any) -> None:
            for name, tag, part in members:
                item = value.get(name)
                if item is not None:
                    part(out, item, tag)

        if not skip:
            self._known[shape.name] = write
        for name, member in shape.members.items():
            if name not in skip and not member.trait("xmlAttribute"):
                tag = member.trait("formName") or member.location_name or name
                members.append((name, str(tag), self.compile(member)))
        return write

    def _list(self, shape: Shape) -> Write:
        part = self.compile(shape.element)
        inner = shape.element.location_name
        namespace = namespace_of(shape)

        def write_flat(out: list[str], value: Any, tag: str) -> None:
            for item in value:
                part(out, item, inner or tag)

        def write(out: list[str], value: Any, tag: str) -> None:
            out.append(f"<{tag}{namespace}>")
            for item in value:
                part(out, item, inner or "member")
            out.append(f"</{tag}>")

        return write_flat if shape.flattened else write

    def _map(self, shape: Shape) -> Write:
        key_tag, value_tag = shape.key.location_name or "key", shape.value.location_name or "value"
        part = self.compile(shape.value)
        flat, namespace = shape.flattened, namespace_of(shape)
        # A namespace of the key or the value belongs to its own element; scalars know none of their own.
        key_open = f"{key_tag}{namespace_of(shape.key)}"
        value_open = f"{value_tag}{namespace_of(shape.value)}" if shape.value.kind == "string" else value_tag

        def write(out: list[str], value: Any, tag: str) -> None:
            entry = tag if flat else "entry"
            if not flat:
                out.append(f"<{tag}{namespace}>")
            for key, item in value.items():
                out.append(f"<{entry}><{key_open}>{escape(str(key))}</{key_tag}>")
                if value_open != value_tag:
                    out.append(f"<{value_open}>{escape(str(item))}</{value_tag}>")
                else:
                    part(out, item, value_tag)
                out.append(f"</{entry}>")
            if not flat:
                out.append(f"</{tag}>")

        return write


def attributes_of(shape: Shape) -> Callable[[Mapping[str, Any]], str] | None:
    """The function that writes those members of a structure that are attributes of its element; None: it has none."""
    found = [(m.location_name or name, name) for name, m in shape.members.items() if m.trait("xmlAttribute")]
    if not found:
        return None
    return lambda value: "".join(f' {key}="{escape(str(value[name]))}"' for key, name in found if name in value)


def write_fields(out: list[str], shape: Shape | None, fields: Mapping[str, Any], skip: Container[str] = ()) -> None:
    """Append an error's further fields: modelled ones as the model has them, others as text."""
    members = shape.members if shape is not None else {}
    writer = Writer()
    for name, value in fields.items():
        if name in skip or name.lower() == "message" or value is None:
            continue
        member = members.get(name)
        if member is not None:
            writer.compile(member)(out, value, member.location_name or name)
        else:
            out.append(f"<{name}>{escape(str(value))}</{name}>")


def namespace_of(shape: Shape) -> str:
    """The xmlns attribute of a shape's element, with a space before it; empty without one."""
    found = shape.trait("xmlNamespace")
    if not found:
        return ""
    if isinstance(found, str):
        return f' xmlns="{escape(found)}"'
    prefix = f":{found['prefix']}" if found.get("prefix") else ""
    return f' xmlns{prefix}="{escape(found["uri"])}"'
