"""Whether a history has an order: linearisability of one object, checked while the history grows.

An object is described by a `Spec`, a pure function from a state and an operation to the next state and what the
caller observes. The checker keeps every *configuration* that could be true now: a state, and which of the operations
under way have had their effect already (with what they observed). When an operation returns, configurations in which
it cannot have observed what it did are dropped; when none is left, no order explains the history, and that very step
is at fault. An operation whose node was killed had its effect before, or never will: both are kept.

The search is that of Wing and Gong, done just in time (Lowe 2017): its cost grows with the operations under way on one
object, not with the length of the history.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Protocol

from .loop import Violation

CONFIGURATIONS_MAX = 200_000
HISTORY_SHOWN = 25

State = Hashable


class Spec(Protocol):
    """What an object is. `initial` is its state at first."""

    initial: State

    def apply(self, state: Any, operation: Operation) -> tuple[State, Hashable]:
        """The next state, and what the caller of `operation` observes."""
        ...


class Operation:
    """A call on an object: what it does is `kind` and `args`; `id` is new for each."""

    __slots__ = ("args", "id", "kind")

    def __init__(self, id: int, kind: str, args: tuple[Any, ...]) -> None:
        self.id = id
        self.kind = kind
        self.args = args

    def __repr__(self) -> str:
        return f"#{self.id} {self.kind}{self.args}"


Effects = frozenset[tuple[int, Hashable]]
"""The operations under way that have had their effect, and what they observed."""
Configuration = tuple[State, Effects]


class History:
    """The history of one object."""

    def __init__(self, name: str, spec: Spec) -> None:
        self.name = name
        self._spec = spec
        self._configurations: set[Configuration] = {(spec.initial, frozenset())}
        self._under_way: dict[int, Operation] = {}
        self._told: list[str] = []
        self._next = 0
        self.returned = 0

    def begin(self, kind: str, *args: Any) -> Operation:
        """An operation is called."""
        operation = Operation(self._next, kind, args)
        self._next += 1
        self._under_way[operation.id] = operation
        self._tell(f"call   {operation}")
        return operation

    def returns(self, operation: Operation, observed: Hashable) -> None:
        """The operation has returned; raises `Violation` when what it observed has no explanation."""
        self._tell(f"return {operation} -> {observed}")
        wanted = (operation.id, observed)
        before = self._configurations
        found = self._with_effect(operation)
        del self._under_way[operation.id]
        self.returned += 1
        self._configurations = {(state, effects - {wanted}) for state, effects in found if wanted in effects}
        if not self._configurations:
            raise Violation(self._explain(operation, observed, before))

    def fails(self, operation: Operation) -> None:
        """The operation has certainly had no effect."""
        self._tell(f"failed {operation}")
        before = self._configurations
        del self._under_way[operation.id]
        id = operation.id
        self._configurations = {row for row in before if all(id != other for other, _ in row[1])}
        if not self._configurations:
            raise Violation(self._explain(operation, "a failure", before))

    def vanishes(self, operation: Operation) -> None:
        """The operation has had its effect, or never will; nobody knows."""
        self._tell(f"lost   {operation}")
        id = operation.id
        found = self._configurations | self._with_effect(operation)
        del self._under_way[id]
        self._configurations = {
            (state, frozenset(effect for effect in effects if effect[0] != id)) for state, effects in found
        }

    @property
    def width(self) -> int:
        """How many configurations could be true. Orders that nobody has looked at multiply: a read ends that."""
        return len(self._configurations)

    def states(self) -> set[State]:
        """Every state that the object may be in when nothing is under way."""
        return {state for state, _ in self._configurations}

    def _with_effect(self, operation: Operation) -> set[Configuration]:
        """Every configuration, reached from the present ones, in which `operation` has had its effect."""
        found: set[Configuration] = set()
        seen: set[Configuration] = set()
        pending = list(self._configurations)
        apply = self._spec.apply
        while pending:
            state, effects = pending.pop()
            had = {id for id, _ in effects}
            if operation.id in had:
                found.add((state, effects))
                continue
            for other in self._under_way.values():
                if other.id not in had:
                    after, observed = apply(state, other)
                    row = (after, effects | {(other.id, observed)})
                    if row not in seen:
                        seen.add(row)
                        pending.append(row)
            if len(seen) > CONFIGURATIONS_MAX:
                raise Violation(f"{self.name} is too busy to be checked: {len(self._under_way)} operations at once")
        return found

    def _tell(self, line: str) -> None:
        self._told.append(line)
        if len(self._told) > 4 * HISTORY_SHOWN:
            del self._told[:-HISTORY_SHOWN]

    def _explain(self, operation: Operation, observed: Hashable, before: set[Configuration]) -> str:
        states = sorted(str(state) for state, _ in before)[:6]
        return "\n  ".join(
            (
                f"{self.name}: no order explains that {operation} observed {observed}; before, it could be:",
                *states,
                "the last of its history:",
                *self._told[-HISTORY_SHOWN:],
            )
        )
