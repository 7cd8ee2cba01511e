"""The plain model of S3: what a key's versions and a bucket are."""

from __future__ import annotations

from collections.abc import Hashable

from ..linear import Operation

Entry = tuple[int, str, bool]
"""A version: the operation that made it, its ETag (empty: a delete marker), whether it is the null version."""
MARKER = "marker"


class ObjectSpec:
    """One key of a bucket: its versions, the newest first. `mode`: versioning off, on, or halted."""

    initial: Hashable = ()

    def __init__(self, mode: str) -> None:
        self.mode = mode

    def apply(self, state: tuple[Entry, ...], operation: Operation) -> tuple[Hashable, Hashable]:
        """See `linear.Spec`."""
        kind, args = operation.kind, operation.args
        current = state[0][1] if state else ""
        if kind == "put":
            return self._on_top(state, operation.id, args[0]), "put"
        if kind == "put-new":
            if current:
                return state, "PreconditionFailed"
            return self._on_top(state, operation.id, args[0]), "put"
        if kind == "put-if":
            if not current:
                return state, "NoSuchKey"
            if current != args[1]:
                return state, "PreconditionFailed"
            return self._on_top(state, operation.id, args[0]), "put"
        if kind == "delete":
            if self.mode == "off":
                return (), "deleted"
            return self._on_top(state, operation.id, ""), MARKER
        if kind == "delete-version":
            return tuple(entry for entry in state if entry[0] != args[0]), "deleted"
        if kind == "get":
            return state, current or "NoSuchKey"
        if kind == "get-version":
            found = [tag for id, tag, _ in state if id == args[0]]
            return state, found[0] if found else "NoSuchVersion"
        if kind == "list":
            return state, current
        assert kind == "list-versions"
        tags = tuple(tag for _, tag, _ in state if tag)
        return state, (tags, len(state) - len(tags), bool(state) and not current)

    def _on_top(self, state: tuple[Entry, ...], id: int, tag: str) -> tuple[Entry, ...]:
        if self.mode == "off":
            return ((id, tag, True),)
        if self.mode == "on":
            return ((id, tag, False), *state)
        return ((id, tag, True), *(entry for entry in state if not entry[2]))


class BucketSpec:
    """Whether a bucket is there."""

    initial: Hashable = False

    def apply(self, state: bool, operation: Operation) -> tuple[Hashable, Hashable]:
        """See `linear.Spec`."""
        if operation.kind == "create":
            return True, "created"
        if operation.kind == "delete":
            return (False, "deleted") if state else (False, "NoSuchBucket")
        return state, "there" if state else "NoSuchBucket"
