"""Linearisability of registers, by the search of Wing and Gong as Lowe made it fast.

A history is linearisable when every operation can be given one moment between its invocation and its completion such
that, taken in that order, each answer is the right one. Keys are independent of each other, so each is checked alone.

The search takes one operation after another that may come first among those left, and goes back when it is stuck; a
configuration (which operations are taken, the register's value) that was met before is not searched again. What keeps
it short:

- An answer that changes nothing (a read, a refusal) and is right now is taken at once: taking it later is no better.
- A value that was written once does not come back: it may be overwritten only when all who saw it are taken.
- An operation of unknown outcome whose value somebody saw happened before the first who saw it completed: that is its
  completion. Whatever nobody saw may be left out; it is tried where something needs it, and of those that are alike
  the earliest is tried first, once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from operator import le
from typing import NamedTuple

from .operations import FOREVER, Operation

UNSEEN = "(a value that nobody saw)"
CONFIGURATIONS_MAX = 3_000_000


class TooHard(Exception):
    """The search was given up: neither a proof nor a fault was found."""


class Fault(NamedTuple):
    """A key whose history has no order: where the longest order found ends, and what cannot follow."""

    key: str
    taken: int
    of: int
    state: str | None
    last: tuple[Operation, ...]
    stuck: tuple[Operation, ...]

    def __str__(self) -> str:
        lines = [
            f"{self.key} is not linearisable: after {self.taken} of {self.of} operations its value is {self.state}, and"
        ]
        lines += [f"    {operation}" for operation in self.stuck]
        lines.append("  cannot all follow. The last ones in that order:")
        lines += [f"    {operation}" for operation in self.last]
        return "\n".join(lines)


class _Step(NamedTuple):
    """An operation as the search sees it: from `expected` (if `conditional`) to `value`, seen to have `held`."""

    operation: Operation
    invoked_ns: int
    completed_ns: int
    reads: bool
    conditional: bool
    expected: str | None
    value: str | None
    held: bool

    @property
    def changes_nothing(self) -> bool:
        """Whether it leaves every state as it is (a write of the value that is there does not count as such)."""
        return self.reads or (self.conditional and not self.held)

    def next(self, state: str | None) -> tuple[bool, str | None]:
        """Whether the operation's answer is right in `state`, and the state after it."""
        if self.reads:
            return state == self.expected, state
        if not self.conditional:
            return True, self.value
        if self.held:
            return state == self.expected, self.value
        return state != self.expected, state


class _Configuration(NamedTuple):
    """`base` operations in order of invocation are taken, beyond them those in `mask`, and of each group of unknown
    ones the first `spent`; the register has the value `state`."""

    base: int
    mask: int
    spent: tuple[int, ...]
    state: str | None


def check_registers(operations: Iterable[Operation]) -> list[Fault]:
    """The keys whose histories are not linearisable; registers have no value at first. Raises `TooHard`."""
    by_key: dict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        by_key[operation.key].append(operation)
    faults = (check_register(by_key[key]) for key in sorted(by_key))
    return [fault for fault in faults if fault is not None]


def check_register(operations: list[Operation]) -> Fault | None:
    """Why the history of one key has no order; None when it has one."""
    return _Search(operations).run()


class _Search:
    def __init__(self, operations: list[Operation]) -> None:
        self._certain, self._groups = _prepare(operations)
        self._witnesses = _witnesses(operations, self._certain)
        self._seen: dict[tuple[int, int, str | None], list[tuple[int, ...]]] = defaultdict(list)
        self._tried = 0

    def run(self) -> Fault | None:
        """Search depth first; the deepest configuration explains a failure."""
        start = _Configuration(0, 0, (0,) * len(self._groups), None)
        path: list[tuple[_Configuration, Operation | None, Iterator[tuple[_Configuration, Operation]]]]
        path = [(start, None, self._successors(start))]
        deepest, best = start, -1
        last: tuple[Operation, ...] = ()
        while path:
            configuration = path[-1][0]
            taken = configuration.base + configuration.mask.bit_count()
            if configuration.base == len(self._certain):
                return None
            if taken > best:
                best, deepest = taken, configuration
                last = tuple(operation for _, operation, _ in path[-5:] if operation is not None)
            for successor, operation in path[-1][2]:
                if self._is_new(successor):
                    path.append((successor, operation, self._successors(successor)))
                    break
            else:
                path.pop()
            if self._tried > CONFIGURATIONS_MAX:
                key = self._certain[0].operation.key
                raise TooHard(f"{key}: no answer after {CONFIGURATIONS_MAX} configurations")
        key = self._certain[0].operation.key
        stuck = tuple(step.operation for _, step in self._open(deepest))
        return Fault(key, best, len(self._certain), deepest.state, last, stuck)

    def _is_new(self, at: _Configuration) -> bool:
        """Whether nothing that leaves at least as much open was searched before."""
        known = self._seen[at.base, at.mask, at.state]
        if any(all(map(le, spent, at.spent)) for spent in known):
            return False
        known[:] = [spent for spent in known if not all(map(le, at.spent, spent))]
        known.append(at.spent)
        self._tried += 1
        return True

    def _open(self, at: _Configuration) -> list[tuple[int, _Step]]:
        """The certain operations that may be the next one: invoked before any other that is left has completed."""
        found: list[tuple[int, _Step]] = []
        until_ns, index, mask = FOREVER, at.base, at.mask
        while index < len(self._certain):
            step = self._certain[index]
            if step.invoked_ns > until_ns:
                break
            if not mask & 1:
                found.append((index, step))
                until_ns = min(until_ns, step.completed_ns)
            mask >>= 1
            index += 1
        return [(index, step) for index, step in found if step.invoked_ns <= until_ns]

    def _successors(self, at: _Configuration) -> Iterator[tuple[_Configuration, Operation]]:
        candidates = self._open(at)
        changing: list[tuple[int, _Step, str | None]] = []
        for index, step in candidates:
            right, state = step.next(at.state)
            if right and step.changes_nothing:
                yield self._take(at, index, state), step.operation
                return
            if right:
                changing.append((index, step, state))
        left = self._left(at)
        # Who must be done first is tried first.
        changing.sort(key=lambda row: row[1].completed_ns)
        for index, step, state in changing:
            if not left - {index}:
                yield self._take(at, index, state), step.operation
        if not left:
            yield from self._doubtful(at, [step for _, step in candidates])

    def _left(self, at: _Configuration) -> set[int]:
        """Who saw the register's value and is not taken yet, where the value cannot come back."""
        witnesses = self._witnesses.get(at.state or "", ())
        return {index for index in witnesses if index >= at.base and not at.mask >> (index - at.base) & 1}

    def _doubtful(self, at: _Configuration, candidates: list[_Step]) -> Iterator[tuple[_Configuration, Operation]]:
        """Take one of unknown outcome, where that lets something happen which could not happen without it."""
        until_ns = min((step.completed_ns for step in candidates), default=FOREVER)
        open_groups = [
            (number, group[spent])
            for number, (group, spent) in enumerate(zip(self._groups, at.spent, strict=True))
            if spent < len(group) and group[spent].invoked_ns <= until_ns
        ]
        followers = [*candidates, *(step for _, step in open_groups)]
        for number, step in open_groups:
            right, state = step.next(at.state)
            if right and any(other.next(state)[0] and not other.next(at.state)[0] for other in followers):
                counts = (*at.spent[:number], at.spent[number] + 1, *at.spent[number + 1 :])
                yield at._replace(spent=counts, state=state), step.operation

    def _take(self, at: _Configuration, index: int, state: str | None) -> _Configuration:
        mask = at.mask | 1 << (index - at.base)
        base = at.base
        while mask & 1:
            mask >>= 1
            base += 1
        return _Configuration(base, mask, at.spent, state)


def _prepare(operations: list[Operation]) -> tuple[list[_Step], list[list[_Step]]]:
    """The operations that must be in the order, by invocation, and those that may be, in groups of the same effect."""
    written = Counter(operation.value for operation in operations if operation.kind in ("write", "cas"))
    expected = {operation.expected for operation in operations if operation.kind == "cas"}
    first_seen_ns: dict[str, int] = {}
    for operation in operations:
        seen = _witness(operation)
        if seen is not None:
            first_seen_ns[seen] = min(operation.completed_ns, first_seen_ns.get(seen, FOREVER))
    certain: list[_Step] = []
    groups: dict[tuple[bool, str | None, str | None], list[_Step]] = defaultdict(list)
    for operation in sorted(operations, key=lambda operation: operation.invoked_ns):
        if operation.outcome == "ok":
            certain.append(_step(operation, operation.completed_ns))
        elif operation.outcome == "unknown" and operation.kind != "read":
            value = operation.value
            if value is not None and value in first_seen_ns and written[value] == 1:
                # Seen before it was asked for: no moment fits, and the search will say so.
                certain.append(_step(operation, max(first_seen_ns[value], operation.invoked_ns)))
                continue
            step = _step(operation, FOREVER)
            if value is not None and value not in first_seen_ns and value not in expected:
                step = step._replace(value=UNSEEN)
            groups[step.conditional, step.expected, step.value].append(step)
    return certain, list(groups.values())


def _witnesses(operations: list[Operation], certain: list[_Step]) -> dict[str, list[int]]:
    """By value that was written once: which of the certain operations saw it."""
    written = Counter(o.value for o in operations if o.kind in ("write", "cas") and o.outcome != "failed")
    found: dict[str, list[int]] = defaultdict(list)
    for index, step in enumerate(certain):
        seen = _witness(step.operation)
        if seen and written[seen] == 1:
            found[seen].append(index)
    return found


def _witness(operation: Operation) -> str | None:
    """The value that an operation saw in the register."""
    if operation.outcome != "ok":
        return None
    if operation.kind == "read":
        return operation.found
    return operation.expected if operation.kind == "cas" and operation.held else None


def _step(operation: Operation, completed_ns: int) -> _Step:
    reads = operation.kind == "read"
    return _Step(
        operation=operation,
        invoked_ns=operation.invoked_ns,
        completed_ns=completed_ns,
        reads=reads,
        conditional=operation.kind == "cas",
        expected=operation.found if reads else operation.expected,
        value=None if operation.kind == "delete" else operation.value,
        held=operation.held,
    )
