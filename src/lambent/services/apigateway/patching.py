"""One mechanism for all PATCH operations of REST APIs.

An operation has a `Patcher`: rules of which paths may be patched, with which ops, and how each changes the frozen
record. `{}` in a rule's path stands for one segment, in which `~1` means a slash and `~0` a tilde. What holds of the
record as a whole is checked by the caller after all patches, as it is when the record is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from .errors import BadRequestException, NotFoundException

REPLACE: Final = ("replace",)
ALL: Final = ("add", "replace", "remove")
_ANY: Final = "{}"


class Patch(NamedTuple):
    """One patch. `name` is what stood in the place of the rule's `{}`, unescaped; `source` what a copy comes from."""

    op: str
    path: str
    value: str | None = None
    source: str | None = None
    name: str = ""


Change = Callable[[Any, Patch], Any]
"""Gives the record as a patch changes it."""


class Rule(NamedTuple):
    """What may be patched. `refusal` is what is said of other ops, where the service words it in its own way."""

    path: str
    change: Change
    ops: tuple[str, ...] = REPLACE
    refusal: str = ""


def unescape(segment: str) -> str:
    """A segment of a path without its escapes."""
    return segment.replace("~1", "/").replace("~0", "~")


def escape(text: str) -> str:
    """A text as a segment of a path."""
    return text.replace("~", "~0").replace("/", "~1")


class Patcher:
    """The rules of one operation. `listed`: errors name the paths that there are, as the younger operations do.
    `otherwise` takes the patches whose path no rule has."""

    def __init__(self, *rules: Rule, listed: bool = False, otherwise: Change | None = None) -> None:
        self._rules = [(rule, rule.path.split("/")) for rule in rules]
        self._listed = listed
        self._otherwise = otherwise

    def apply(self, record: Any, operations: Iterable[Mapping[str, Any]]) -> Any:
        """The record with all patches, in their order; raises `BadRequestException`."""
        for given in operations:
            patch = Patch(str(given.get("op")), given.get("path") or "", given.get("value"), given.get("from"))
            if given.get("path") is None:
                raise BadRequestException("Invalid patch path null")
            found = self._find(patch)
            if found is None and self._otherwise is not None:
                record = self._otherwise(record, patch)
                continue
            if found is None:
                raise BadRequestException(self._no_path(patch))
            rule, name = found
            if patch.op not in rule.ops:
                raise BadRequestException(rule.refusal or self._wrong_op(patch, rule))
            record = rule.change(record, patch._replace(name=name))
        return record

    def _find(self, patch: Patch) -> tuple[Rule, str] | None:
        segments = patch.path.split("/")
        for rule, wanted in self._rules:
            if len(wanted) == len(segments) and all(w in (_ANY, s) for w, s in zip(wanted, segments, strict=True)):
                name = next((s for w, s in zip(wanted, segments, strict=True) if w == _ANY), "")
                if name or _ANY not in wanted:
                    return rule, unescape(name)
        return None

    def _no_path(self, patch: Patch) -> str:
        return self._listing(patch) if self._listed else f"Invalid patch path {patch.path}"

    def _wrong_op(self, patch: Patch, rule: Rule) -> str:
        if self._listed:
            return self._listing(patch)
        return f"Invalid patch operation specified. Must be one of: [{', '.join(rule.ops)}]"

    def _listing(self, patch: Patch) -> str:
        paths = [rule.path for rule, _ in self._rules if patch.op in rule.ops]
        choice = f"Must be one of: [{', '.join(paths)}]" if paths else "Please choose supported operations"
        return f"Invalid patch path  '{patch.path}' specified for op '{patch.op}'. {choice}"


def text(field: str, empty: Any = None) -> Change:
    """The field becomes the value; `empty` when it is removed or nothing is given."""

    def change(record: Any, patch: Patch) -> Any:
        value = None if patch.op == "remove" else patch.value
        return replace(record, **{field: empty if value is None else value})

    return change


def flag(field: str) -> Change:
    """The field becomes true when the value says `true`, and false otherwise."""
    return lambda record, patch: replace(record, **{field: is_true(patch)})


def is_true(patch: Patch) -> bool:
    """Whether a patch's value says true."""
    return patch.op != "remove" and (patch.value or "").lower() == "true"


def whole(patch: Patch, refusal: str) -> int:
    """A patch's value as a whole number; `BadRequestException` with `refusal` for anything else."""
    try:
        return int(patch.value or "")
    except ValueError:
        raise BadRequestException(refusal) from None


def entry(
    field: str,
    missing: str,
    read: Callable[[Patch], Any] = lambda patch: patch.value or "",
    *,
    keep_empty: bool = False,
) -> Change:
    """An entry of a map, by the path's `{}`. One that is not there cannot be replaced or removed: `missing` is said.
    A map that has nothing left is None, or {} with `keep_empty`."""

    def change(record: Any, patch: Patch) -> Any:
        entries = dict(getattr(record, field) or {})
        if patch.op != "add" and patch.name not in entries:
            raise NotFoundException(missing)
        if patch.op == "remove":
            del entries[patch.name]
        else:
            entries[patch.name] = read(patch)
        return replace(record, **{field: entries if entries or keep_empty else None})

    return change


def member(field: str) -> Change:
    """A member of a list of texts: by the path's `{}` (replace puts the value in its place, at the end), or by the
    value where the path has none."""

    def change(record: Any, patch: Patch) -> Any:
        named = patch.name or patch.value or ""
        left = tuple(item for item in getattr(record, field) if item != named)
        if patch.op == "add":
            left = (*left, named)
        elif patch.op == "replace":
            left = (*left, patch.value or named)
        return replace(record, **{field: left})

    return change
