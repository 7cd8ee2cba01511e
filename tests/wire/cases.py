"""The conformance cases of botocore's protocols, each with the model that its file carries."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from lambent.model import OperationModel, ServiceModel, Shape


class Case(NamedTuple):
    """One case: its name, its operation with the model around it, and what the file says."""

    name: str
    operation: OperationModel
    protocol: str
    data: dict[str, Any]


def read(folder: Path, direction: str) -> Iterator[Case]:
    """All cases of a direction (input or output), the older ones too."""
    base = folder / "botocore-protocols"
    for file in sorted([*(base / direction).glob("*.json"), *(base / "legacy" / direction).glob("*.json")]):
        for number, suite in enumerate(json.loads(file.read_text())):
            for place, data in enumerate(suite["cases"]):
                given = dict(data["given"])
                name = given.setdefault("name", "OperationName")
                model = {"metadata": suite["metadata"], "shapes": suite["shapes"], "operations": {name: given}}
                model["metadata"].setdefault("apiVersion", "2014-01-01")
                service = ServiceModel("conformance", model)
                label = f"{file.relative_to(base).with_suffix('')}/{number}/{place}/{data.get('id', name)}"
                yield Case(label, service.operations[name], suite["metadata"]["protocol"], data)


def native(shape: Shape, value: Any) -> Any:
    """A case's JSON value as a boto3 caller would write it: bytes for blobs, datetimes for timestamps."""
    if value is None:
        return None
    if shape.trait("eventstream"):
        return [{name: native(shape.members[name], item) for name, item in event.items()} for event in value]
    if shape.kind == "structure" and not shape.trait("document"):
        return {name: native(shape.members[name], item) for name, item in value.items()}
    if shape.kind == "list":
        return [native(shape.element, item) for item in value]
    if shape.kind == "map":
        return {key: native(shape.value, item) for key, item in value.items()}
    if shape.trait("jsonvalue") and shape.trait("location") == "header":
        return json.loads(value) if isinstance(value, str) else value
    if shape.kind == "timestamp":
        return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else datetime.fromisoformat(value)
    if shape.kind == "blob":
        return value.encode() if isinstance(value, str) else value
    if shape.kind in ("float", "double") and isinstance(value, str):
        return float(value)
    return value


def same(left: Any, right: Any) -> bool:
    """Equality in which NaN equals itself and absent members equal None."""
    if isinstance(left, dict) and isinstance(right, dict):
        keys = {key for found in (left, right) for key, item in found.items() if item is not None}
        return all(same(left.get(key), right.get(key)) for key in keys)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, float) and isinstance(right, int | float):
        return (math.isnan(left) and math.isnan(right)) or math.isclose(left, right, rel_tol=1e-9)
    return bool(left == right)


def body_of(text: str, protocol: str) -> bytes:
    """A case's body; that of CBOR is written in base64, and so are messages of event streams."""
    return base64.b64decode(text) if "cbor" in protocol or text.startswith("AAAA") else text.encode()
