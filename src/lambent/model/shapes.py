"""Services, operations and shapes as botocore's models describe them, read-only, without their documentation.

A `Shape` is a definition seen through the reference that uses it: traits of the reference (location, locationName,
flattened, timestampFormat, ...) come before those of the definition. Nothing here is used while a request is served;
the wire compiles its parsers and serializers from it once per operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Shape:
    """One use of a shape. `kind` is structure, list, map, string, integer, long, short, byte, float, double, boolean,
    blob, timestamp, character, bigdecimal or biginteger; `name` that of the definition."""

    __slots__ = ("_element", "_members", "_service", "definition", "kind", "name", "reference")

    def __init__(self, service: ServiceModel, reference: Mapping[str, Any]) -> None:
        self._service = service
        self.reference = reference
        self.name: str = reference["shape"]
        self.definition: Mapping[str, Any] = service.definitions[self.name]
        self.kind: str = self.definition["type"]
        self._members: dict[str, Shape] | None = None
        self._element: tuple[Shape | None, Shape | None] | None = None

    def trait(self, name: str, default: Any = None) -> Any:
        """A trait of the reference, else of the definition, else `default`."""
        if name in self.reference:
            return self.reference[name]
        return self.definition.get(name, default)

    @property
    def members(self) -> dict[str, Shape]:
        """The members of a structure by name, in the model's order."""
        if self._members is None:
            found = self.definition.get("members", {})
            self._members = {name: Shape(self._service, reference) for name, reference in found.items()}
        return self._members

    @property
    def element(self) -> Shape:
        """What a list holds."""
        return self._part("member", 0)

    @property
    def key(self) -> Shape:
        """The keys of a map."""
        return self._part("key", 0)

    @property
    def value(self) -> Shape:
        """The values of a map."""
        return self._part("value", 1)

    def _part(self, name: str, place: int) -> Shape:
        if self._element is None:
            if self.kind == "list":
                self._element = (Shape(self._service, self.definition["member"]), None)
            else:
                parts = (self.definition["key"], self.definition["value"])
                self._element = (Shape(self._service, parts[0]), Shape(self._service, parts[1]))
        part = self._element[place]
        assert part is not None, name
        return part

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the members that must be given."""
        return tuple(self.definition.get("required", ()))

    @property
    def enum(self) -> tuple[str, ...]:
        """The values that a string may have; empty when any."""
        return tuple(self.definition.get("enum", ()))

    @property
    def payload(self) -> str:
        """The member that is the whole HTTP body, or empty."""
        return str(self.trait("payload", ""))

    @property
    def streaming(self) -> bool:
        """Whether this is a body that streams."""
        return bool(self.trait("streaming", False))

    @property
    def flattened(self) -> bool:
        """Whether a list or map has no element around it."""
        return bool(self.trait("flattened", False))

    @property
    def location_name(self) -> str:
        """The name on the wire, where the reference or the definition gives one; else empty."""
        return str(self.trait("locationName", ""))

    def __repr__(self) -> str:
        return f"Shape({self.name}: {self.kind})"


class OperationModel:
    """One operation: its name, HTTP binding and shapes. `http` is {"method", "requestUri", "responseCode"?}."""

    __slots__ = ("data", "http", "input", "name", "output", "service")

    def __init__(self, service: ServiceModel, name: str, data: Mapping[str, Any]) -> None:
        self.service = service
        self.name = name
        self.data = data
        self.http: Mapping[str, Any] = data.get("http") or {"method": "POST", "requestUri": "/"}
        self.input = Shape(service, data["input"]) if "input" in data else None
        self.output = Shape(service, data["output"]) if "output" in data else None

    @property
    def errors(self) -> list[Shape]:
        """The modelled errors of this operation."""
        return [Shape(self.service, reference) for reference in self.data.get("errors", ())]

    @property
    def payload(self) -> Shape | None:
        """The input member that is the whole body."""
        if self.input is None or not self.input.payload:
            return None
        return self.input.members[self.input.payload]

    @property
    def streams_input(self) -> bool:
        """Whether the input's body streams."""
        payload = self.payload
        return payload is not None and payload.kind == "blob" and payload.streaming


class _Operations(Mapping[str, OperationModel]):
    """Operations by name, each wrapped at its first use."""

    def __init__(self, service: ServiceModel, data: Mapping[str, Any]) -> None:
        self._service = service
        self._data = data
        self._found: dict[str, OperationModel] = {}

    def __getitem__(self, name: str) -> OperationModel:
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = OperationModel(self._service, name, self._data[name])
        return found

    def __iter__(self) -> Any:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)


class ServiceModel:
    """One service. `metadata` is the model's own: protocol, protocols, apiVersion, targetPrefix, signingName, ..."""

    __slots__ = ("_errors", "definitions", "metadata", "name", "operations")

    def __init__(self, name: str, data: Mapping[str, Any]) -> None:
        self.name = name
        self.metadata: Mapping[str, Any] = data["metadata"]
        self.definitions: Mapping[str, Any] = data.get("shapes", {})
        self.operations: Mapping[str, OperationModel] = _Operations(self, data.get("operations", {}))
        self._errors: dict[str, Shape] | None = None

    def shape(self, name: str) -> Shape:
        """A shape by its name."""
        return Shape(self, {"shape": name})

    @property
    def signing_name(self) -> str:
        """The service name in signing scopes."""
        return str(self.metadata.get("signingName") or self.metadata.get("endpointPrefix") or self.name)

    @property
    def protocols(self) -> tuple[str, ...]:
        """Every protocol that the service speaks, the preferred one first."""
        main = self.metadata["protocol"]
        return (main, *(p for p in self.metadata.get("protocols", ()) if p != main))

    def error(self, code: str) -> Shape | None:
        """The exception shape of an error code: by the code that its error trait gives, or by its name."""
        if self._errors is None:
            found: dict[str, Shape] = {}
            for name, definition in self.definitions.items():
                if definition.get("exception") or "error" in definition:
                    shape = self.shape(name)
                    found.setdefault(name, shape)
                    alias = definition.get("error", {}).get("code")
                    if alias:
                        found[alias] = shape
            self._errors = found
        return self._errors.get(code)
