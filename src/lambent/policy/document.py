"""Policy documents, compiled: each statement becomes predicates over a request; each set of policies an index."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from . import patterns
from .conditions import Condition, compile_condition
from .context import Asked
from .principals import Match, Principals

_ACTIONS_MAX = 256
VERSION = "2012-10-17"
OLD_VERSION = "2008-10-17"


class Statement:
    """One statement. `index` is its 0-based place, `label` its Sid or, without one, its place as `#2`."""

    __slots__ = ("_conditions", "_dynamic", "_not_action", "_not_resource", "_static", "actions", "deny", "index",
                 "label", "not_principals", "principals")  # fmt: skip

    def __init__(self, source: dict[str, Any], index: int, variables: bool) -> None:
        self.label: str = str(source.get("Sid") or f"#{index}")
        self.index = index
        self.deny = source["Effect"] == "Deny"
        self._not_action = "NotAction" in source
        names = strings(source["NotAction" if self._not_action else "Action"])
        self.actions = tuple(patterns.glob(patterns.tokens(name.lower(), False)) for name in names)
        self._not_resource = "NotResource" in source
        # A trust policy has neither: its resource is the role that it is attached to.
        resources = strings(source.get("NotResource" if self._not_resource else "Resource", "*"))
        split = [patterns.tokens(name, variables) for name in resources]
        self._static = tuple(patterns.resource(one) for one in split if not patterns.has_variables(one))
        self._dynamic = tuple(one for one in split if patterns.has_variables(one))
        self._conditions: tuple[Condition, ...] = tuple(
            compile_condition(operator, key, strings(values), variables)
            for operator, keys in source.get("Condition", {}).items()
            for key, values in keys.items()
        )
        self.principals = Principals(source["Principal"]) if "Principal" in source else None
        self.not_principals = Principals(source["NotPrincipal"]) if "NotPrincipal" in source else None

    def has_action(self, action: str) -> bool:
        """Does the statement speak about `action` (in lower case)?"""
        return any(matches(action) for matches in self.actions) is not self._not_action

    def applies(self, asked: Asked) -> bool:
        """Do resource and conditions match? The action is known to, the principal is not looked at."""
        if self._has_resource(asked) is self._not_resource:
            return False
        for condition in self._conditions:  # noqa: SIM110  a plain loop is three times as fast as all() here
            if not condition(asked):
                return False
        return True

    def _has_resource(self, asked: Asked) -> bool:
        resource = asked.resource
        for matches in self._static:
            if matches(resource):
                return True
        for pattern in self._dynamic:
            expanded = patterns.expand(pattern, asked.get)
            if expanded is not None and patterns.resource(expanded)(resource):
                return True
        return False

    def names(self, asked: Asked) -> Match:
        """How the statement, of a resource policy, names the caller."""
        if self.principals is not None:
            return self.principals.match(asked.caller)
        if self.not_principals is not None:
            return Match.NONE if self.not_principals.spares(asked.caller) else Match.DIRECT
        return Match.NONE


Named = tuple[Statement, str]


class Index:
    """Statements with the names of their policies, found by action: (denies, allows) per action, remembered."""

    __slots__ = ("_by_action", "_statements")

    def __init__(self, statements: Iterable[Named]) -> None:
        self._statements = tuple(statements)
        self._by_action: dict[str, tuple[tuple[Named, ...], tuple[Named, ...]]] = {}

    def select(self, action: str) -> tuple[tuple[Named, ...], tuple[Named, ...]]:
        """The statements about `action` (in lower case), denies and allows."""
        found = self._by_action.get(action)
        if found is None:
            about = [named for named in self._statements if named[0].has_action(action)]
            found = tuple(n for n in about if n[0].deny), tuple(n for n in about if not n[0].deny)
            if len(self._by_action) >= _ACTIONS_MAX:
                self._by_action.clear()
            self._by_action[action] = found
        return found


class Document:
    """A compiled policy document. `version` is what it says, by default the old one."""

    __slots__ = ("index", "statements", "version")

    def __init__(self, statements: tuple[Statement, ...], version: str = OLD_VERSION) -> None:
        self.statements = statements
        self.version = version
        self.index = Index((statement, "") for statement in statements)


@lru_cache(maxsize=2048)
def compile_document(text: str) -> Document:
    """Compile a document that was checked when it was stored; never raises.

    Should one be broken all the same: a document that cannot be read allows nothing, nor does a statement; a broken
    statement that denies, denies everything, for what it was to protect is unknown.
    """
    try:
        source = json.loads(text)
    except (ValueError, RecursionError):
        return Document(())
    if not isinstance(source, dict):
        return Document(())
    version = str(source.get("Version", OLD_VERSION))
    listed = source.get("Statement", [])
    found = []
    for index, one in enumerate(listed if isinstance(listed, list) else [listed]):
        try:
            found.append(Statement(one, index, version == VERSION))
        except (KeyError, TypeError, ValueError, AttributeError):
            if isinstance(one, dict) and one.get("Effect") == "Deny":
                sweeping = {"Effect": "Deny", "Action": "*", "Principal": "*", "Sid": f"#{index}"}
                found.append(Statement(sweeping, index, False))
    return Document(tuple(found), version)


def strings(value: Any) -> tuple[str, ...]:
    """A string, number, boolean, or a list of them, as texts; `TypeError` for anything else."""
    values = value if isinstance(value, list) else [value]
    return tuple(_text(one) for one in values)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | str):
        return str(value)
    raise TypeError(value)
