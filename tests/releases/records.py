"""The shapes of all stored records, so that a test can tell whether the last release and this one read each other's."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import msgspec

import lambent
from lambent.kv.table import Table

TABLES = "tables-0.1.0.json"


def shapes() -> dict[str, dict[str, Any]]:
    """By table: the record's version, and the JSON schema of what it stores."""
    found: dict[str, dict[str, Any]] = {}
    for package in pkgutil.walk_packages(lambent.__path__, "lambent."):
        if package.name.endswith("__main__"):
            continue
        for value in vars(importlib.import_module(package.name)).values():
            if isinstance(value, Table):
                found[value.name] = {
                    "version": value.codec.version,
                    "schema": _bare(msgspec.json.schema(value.codec.record, ref_template="{name}")),
                }
    return found


def _bare(schema: Any) -> Any:
    """Without what does not decide whether bytes can be read."""
    if isinstance(schema, dict):
        kept = {name: _bare(value) for name, value in schema.items()}
        if kept.get("type") == "object" or "$defs" in kept or "$ref" in kept or "type" in kept:
            for name in ("description", "title", "default"):
                kept.pop(name, None)
        return kept
    return [_bare(each) for each in schema] if isinstance(schema, list) else schema


if __name__ == "__main__":
    # Run with a release's code on the path to keep its shapes: python records.py > tables-VERSION.json
    print(msgspec.json.format(msgspec.json.encode(shapes(), order="deterministic"), indent=1).decode())
