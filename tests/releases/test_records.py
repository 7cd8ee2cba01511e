"""Nodes of the last release and of this one can serve one store at the same time: each reads what the other writes.

A record may gain fields that have a default (the older program passes over them). Anything else needs a new version of
the record, and a release in between that already reads it.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import msgspec

from tests.releases.records import TABLES, shapes


def kept() -> dict[str, dict[str, Any]]:
    """The tables of the last release."""
    found: dict[str, dict[str, Any]] = msgspec.json.decode((Path(__file__).parent / TABLES).read_bytes())
    return found


def troubles(old: dict[str, dict[str, Any]], new: dict[str, dict[str, Any]]) -> list[str]:
    """What keeps programs with these tables from serving one store together."""
    found = []
    for name, before in old.items():
        after = new.get(name)
        if after is None:
            found.append(f"{name} is gone")
        elif after["version"] != before["version"]:
            found.append(f"{name} has version {after['version']}, which the last release cannot read")
        else:
            found += _between(name, before["schema"]["$defs"], after["schema"]["$defs"])
    return found


def _between(table: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    found = []
    for name, before in old.items():
        after = new.get(name)
        if after is None:
            found.append(f"{table}: {name} is gone")
            continue
        for field, shape in before.get("properties", {}).items():
            if after.get("properties", {}).get(field) != shape:
                found.append(f"{table}: {name}.{field} is gone or has another type")
        for field in set(after.get("required", ())) - set(before.get("required", ())):
            found.append(f"{table}: {name}.{field} has no default, and the last release did not write it")
        for field in set(before.get("required", ())) - set(after.get("required", ())):
            found.append(f"{table}: {name}.{field} may be left out now, and the last release needs it")
        if "properties" not in before and after != before:
            found.append(f"{table}: {name} is another set of values")
    return found


def test_this_release_and_the_last_one_read_each_others_records() -> None:
    assert troubles(kept(), shapes()) == []


def test_the_check_sees_what_would_break_a_rolling_upgrade() -> None:
    old = kept()
    for change, complaint in (
        (lambda tables: tables.pop("s3.object"), "s3.object is gone"),
        (lambda tables: tables["s3.object"].update(version=2), "version 2"),
        (lambda tables: _fields(tables).pop("size"), "gone or has another type"),
        (lambda tables: _fields(tables).update(size={"type": "string"}), "gone or has another type"),
        (lambda tables: _record(tables)["required"].append("colour"), "has no default"),
    ):
        new = copy.deepcopy(old)
        change(new)
        assert any(complaint in trouble for trouble in troubles(old, new)), complaint
    more = copy.deepcopy(old)
    _fields(more)["colour"] = {"type": "string"}
    assert troubles(old, more) == []


def _record(tables: dict[str, Any]) -> dict[str, Any]:
    schema = tables["s3.object"]["schema"]
    found: dict[str, Any] = schema["$defs"][schema["$ref"]]
    return found


def _fields(tables: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _record(tables)["properties"]
    return found
