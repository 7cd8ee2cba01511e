"""Patches: paths, ops, escapes and what is said of wrong ones."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.contracts.errors import ServiceError
from lambent.services.apigateway.patching import ALL, Patcher, Rule, entry, escape, flag, member, text, unescape
from lambent.services.apigateway.stage_patches import method_path


class Thing(msgspec.Struct, frozen=True):
    name: str | None = None
    on: bool = False
    entries: dict[str, str] | None = None
    members: tuple[str, ...] = ()


RULES = (
    Rule("/name", text("name"), ALL),
    Rule("/on", flag("on")),
    Rule("/entries/{}", entry("entries", "none such"), ALL),
    Rule("/members/{}", member("members"), ("add", "remove")),
)
PLAIN, LISTED = Patcher(*RULES), Patcher(*RULES[:2], listed=True)


@given(st.text())
def test_what_is_escaped_is_unescaped(value: str) -> None:
    assert unescape(escape(value)) == value
    assert "/" not in escape(value)


@given(st.text(min_size=1), st.text())
def test_an_entry_comes_and_goes(name: str, value: str) -> None:
    path = f"/entries/{escape(name)}"
    made = PLAIN.apply(Thing(), [{"op": "add", "path": path, "value": value}])
    assert made == Thing(entries={name: value})
    assert PLAIN.apply(made, [{"op": "remove", "path": path}]) == Thing()


def test_patches_are_applied_in_their_order() -> None:
    patches = [
        {"op": "replace", "path": "/on", "value": "TRUE"},
        {"op": "add", "path": "/members/a~1b"},
        {"op": "add", "path": "/members/c"},
        {"op": "remove", "path": "/members/a~1b"},
        {"op": "replace", "path": "/name", "value": "first"},
        {"op": "replace", "path": "/name", "value": "second"},
    ]
    assert PLAIN.apply(Thing(), patches) == Thing(name="second", on=True, members=("c",))


@pytest.mark.parametrize(
    ("patcher", "op", "path", "message"),
    [
        (PLAIN, "replace", "/nothing", "Invalid patch path /nothing"),
        (PLAIN, "add", "/entries", "Invalid patch path /entries"),
        (PLAIN, "add", "/entries/", "Invalid patch path /entries/"),
        (PLAIN, "add", "/entries/a/b", "Invalid patch path /entries/a/b"),
        (PLAIN, "add", "name", "Invalid patch path name"),
        (PLAIN, "remove", "/on", "Invalid patch operation specified. Must be one of: [replace]"),
        (PLAIN, "replace", "/entries/x", "none such"),
        (
            LISTED,
            "replace",
            "/nothing",
            "Invalid patch path  '/nothing' specified for op 'replace'. Must be one of: [/name, /on]",
        ),
        (LISTED, "add", "/on", "Invalid patch path  '/on' specified for op 'add'. Must be one of: [/name]"),
        (
            LISTED,
            "move",
            "/on",
            "Invalid patch path  '/on' specified for op 'move'. Please choose supported operations",
        ),
    ],
)
def test_wrong_patches(patcher: Patcher, op: str, path: str, message: str) -> None:
    with pytest.raises(ServiceError) as refused:
        patcher.apply(Thing(), [{"op": op, "path": path, "value": "v"}])
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ("*/*", "*/*"),
        ("books/GET", "~1books/GET"),
        ("~1books/GET", "~1books/GET"),
        ("books/{id}/GET", "~1books~1{id}/GET"),
        ("~1books~1{id}/GET", "~1books~1{id}/GET"),
        ("/GET", "~1/GET"),
        ("~1/GET", "~1/GET"),
    ],
)
def test_method_paths_have_one_key(given: str, key: str) -> None:
    assert method_path(given) == key
