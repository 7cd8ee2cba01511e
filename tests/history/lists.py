"""Strict serialisability of transactions that append to lists and read them, in the manner of Elle.

(Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from Experimental Observations", 2020.) A list that is read
tells the order of everything appended to it. From these orders and the reads follows which transaction must come
before which:

- `ww`: the target appended right after the source;
- `wr`: the target read what the source appended;
- `rw`: the source did not see yet what the target appended;
- `rt`: the source had completed before the target was invoked (real time).

An order in which all transactions could have run one by one exists exactly when there is no cycle. A committed append
that no read shows lies somewhere after all that were read, which is how an append that was lost comes to light: a
later read that does not show it is in a cycle with it.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .graph import Edge, Graph
from .operations import Append, Read, Transaction

WW, WR, RW, RT = "ww", "wr", "rw", "rt"


class Anomaly(NamedTuple):
    """What is wrong (`name`), in words, and the transactions concerned."""

    name: str
    explanation: str
    transactions: tuple[Transaction, ...]

    def __str__(self) -> str:
        return f"{self.name}: {self.explanation}"


class _Kind(NamedTuple):
    """A kind of cycle: it begins with an edge of `first`, goes on over `others`, one of them being `also`."""

    name: str
    first: str
    others: frozenset[str]
    also: str = ""


_CYCLES = (
    _Kind("G0", WW, frozenset({WW})),
    _Kind("G1c", WR, frozenset({WW, WR})),
    _Kind("G-single", RW, frozenset({WW, WR})),
    _Kind("G2", RW, frozenset({WW, WR, RW}), RW),
)


def check_lists(transactions: Iterable[Transaction]) -> list[Anomaly]:
    """Every anomaly found; none for a history that some order of its transactions explains. Lists are empty at first.

    Raises `ValueError` when a value was appended twice, which no history may ask for.
    """
    history = _History(list(transactions))
    anomalies = [*_dirty_reads(history), *_own_view(history), *_orders(history), *_shuffled(history)]
    anomalies += [*_lost_updates(history), *_cycles(history)]
    return anomalies


class _View(NamedTuple):
    """A list as a transaction found it, without what it had appended itself, and whether it appended to it later."""

    transaction: int
    key: str
    found: tuple[int, ...]


class _History:
    """The transactions with what can be looked up about them."""

    def __init__(self, transactions: list[Transaction]) -> None:
        self.all = transactions
        self.writers: dict[tuple[str, int], int] = {}
        self.appends: dict[tuple[int, str], list[int]] = defaultdict(list)
        for number, transaction in enumerate(transactions):
            for step in transaction.steps:
                if isinstance(step, Append):
                    if (step.key, step.value) in self.writers:
                        raise ValueError(f"{step.value} is appended to {step.key} twice")
                    self.writers[step.key, step.value] = number
                    self.appends[number, step.key].append(step.value)
        self.longest: dict[str, tuple[int, ...]] = {}
        self.reads = [
            (number, step)
            for number, transaction in enumerate(transactions)
            if transaction.outcome == "ok"
            for step in transaction.steps
            if isinstance(step, Read) and step.found is not None
        ]
        for _, step in self.reads:
            if len(step.found or ()) > len(self.longest.get(step.key, ())):
                self.longest[step.key] = step.found or ()
        seen = {self.writers.get((key, value)) for key, found in self.longest.items() for value in found}
        self.committed = [
            number
            for number, transaction in enumerate(transactions)
            if transaction.outcome == "ok" or (transaction.outcome == "unknown" and number in seen)
        ]
        self.views = [view for number in self.committed for view in self._views(number)]

    def _views(self, number: int) -> Iterator[_View]:
        own: dict[str, int] = defaultdict(int)
        for step in self.all[number].steps:
            if isinstance(step, Append):
                own[step.key] += 1
            elif step.found is not None and self.all[number].outcome == "ok":
                yield _View(number, step.key, step.found[: max(0, len(step.found) - own[step.key])])

    def name(self, number: int) -> str:
        """A transaction in a sentence."""
        return f"T{number} ({self.all[number].process})"

    def anomaly(self, name: str, explanation: str, numbers: Iterable[int]) -> Anomaly:
        """An anomaly with its transactions written out below its sentence."""
        chosen = list(dict.fromkeys(numbers))
        lines = [explanation, *(f"    T{number} = {self.all[number]}" for number in chosen)]
        return Anomaly(name, "\n".join(lines), tuple(self.all[number] for number in chosen))


def _dirty_reads(history: _History) -> Iterator[Anomaly]:
    """What was read but never committed (G1a) or never final (G1b), nor appended by anybody, or is there twice."""
    for number, step in history.reads:
        found = step.found or ()
        if len(set(found)) < len(found):
            twice = next(value for value in found if found.count(value) > 1)
            says = f"{history.name(number)} read {twice} in {step.key} more than once"
            yield history.anomaly("duplicate", says, (number,))
        for value in found:
            writer = history.writers.get((step.key, value))
            if writer is None:
                says = f"{history.name(number)} read {value} in {step.key}, which nobody appended"
                yield history.anomaly("garbage", says, (number,))
            elif history.all[writer].outcome == "failed":
                says = f"{history.name(number)} read {value} in {step.key}, which {history.name(writer)} had undone"
                yield history.anomaly("G1a", says, (number, writer))
        writer = history.writers.get((step.key, found[-1])) if found else None
        if writer is not None and writer != number and history.appends[writer, step.key][-1] != found[-1]:
            says = (
                f"{history.name(number)} read {step.key} as {history.name(writer)} left it between two of its appends"
            )
            yield history.anomaly("G1b", says, (number, writer))


def _own_view(history: _History) -> Iterator[Anomaly]:
    """A transaction sees its own appends at the list's end, and nobody else's come in between."""
    for number, transaction in enumerate(history.all):
        if transaction.outcome != "ok":
            continue
        known: dict[str, tuple[int, ...]] = {}
        own: dict[str, tuple[int, ...]] = defaultdict(tuple)
        for step in transaction.steps:
            if isinstance(step, Append):
                own[step.key] += (step.value,)
                if step.key in known:
                    known[step.key] += (step.value,)
            elif step.found is not None:
                end = own[step.key]
                right = step.found == known.get(step.key, step.found) and (not end or step.found[-len(end) :] == end)
                if not right:
                    says = f"{history.name(number)} read {step.key} against what it had read and appended itself"
                    yield history.anomaly("internal", says, (number,))
                known[step.key] = step.found


def _orders(history: _History) -> Iterator[Anomaly]:
    """All reads of a list are beginnings of the longest one."""
    for number, step in history.reads:
        found = step.found or ()
        if found != history.longest.get(step.key, ())[: len(found)]:
            says = f"{history.name(number)} read {step.key} in an order that another read contradicts"
            other = next(n for n, s in history.reads if s.key == step.key and s.found == history.longest[step.key])
            yield history.anomaly("incompatible order", says, (number, other))


def _shuffled(history: _History) -> Iterator[Anomaly]:
    """What one transaction appended to a list lies there in its order, from the first on."""
    shown: dict[tuple[int, str], list[int]] = defaultdict(list)
    for key, found in history.longest.items():
        for value in found:
            writer = history.writers.get((key, value))
            if writer is not None:
                shown[writer, key].append(value)
    for (writer, key), values in shown.items():
        if values != history.appends[writer, key][: len(values)]:
            says = f"what {history.name(writer)} appended to {key} is there as {values}"
            yield history.anomaly("shuffled", says, (writer,))


def _lost_updates(history: _History) -> Iterator[Anomaly]:
    """Two transactions that read the same state of a list and both appended to it."""
    found: dict[tuple[str, int], dict[int, None]] = defaultdict(dict)
    for view in history.views:
        if (view.transaction, view.key) in history.appends:
            found[view.key, len(view.found)][view.transaction] = None
    for (key, length), numbers in found.items():
        if len(numbers) > 1:
            names = " and ".join(history.name(number) for number in numbers)
            says = f"{names} all read {key} with {length} elements, and appended to it"
            yield history.anomaly("lost update", says, numbers)


def _cycles(history: _History) -> Iterator[Anomaly]:
    graph = Graph()
    _add_data(graph, history)
    _add_time(graph, history)
    every = frozenset({WW, WR, RW, RT})
    for component in graph.components(every):
        plain = [found for kind in _CYCLES[:3] if (found := _find(graph, component, kind))]
        if not plain and (found := _find(graph, component, _CYCLES[3])):
            plain = [found]
        if not plain:
            for kind in _CYCLES:
                timed = kind._replace(name=f"{kind.name}-realtime", others=kind.others | {RT})
                if found := _find(graph, component, timed):
                    plain = [found]
                    break
        for name, edges in plain:
            yield history.anomaly(name, _explain(history, edges), [edge.source for edge in edges])


def _find(graph: Graph, component: set[int], kind: _Kind) -> tuple[str, list[Edge]] | None:
    for part in graph.components(kind.others | {kind.first}):
        if part <= component:
            for first in graph.within(part, (kind.first,)):
                cycle = graph.cycle(first, part, kind.others, kind.also)
                if cycle is not None:
                    return kind.name, cycle
    return None


def _explain(history: _History, edges: list[Edge]) -> str:
    lines = [f"{len(edges)} transactions each come before the next, and the last before the first:"]
    for edge in edges:
        lines.append(f"    {history.name(edge.source)} -{edge.kind}-> {history.name(edge.target)}: {edge.why}")
    return "\n".join(lines)


def _add_data(graph: Graph, history: _History) -> None:
    """What the lists say."""
    hidden = _hidden(history)
    for key, found in history.longest.items():
        _add_order(graph, history, key, found)
        last = history.writers.get((key, found[-1])) if found else None
        for hider, value in hidden[key].items():
            if last is not None:
                graph.add(last, hider, WW, f"appended {found[-1]} to {key}, and the next {value} after it")
    for view in history.views:
        key, length = view.key, len(view.found)
        longest = history.longest.get(key, ())
        if view.found:
            writer = history.writers.get((key, view.found[-1]))
            if writer is not None:
                graph.add(writer, view.transaction, WR, f"appended {view.found[-1]} to {key}, which the next read")
        if length < len(longest):
            writer = history.writers.get((key, longest[length]))
            if writer is not None:
                graph.add(
                    view.transaction, writer, RW, f"read {key} without {longest[length]}, which the next appended"
                )
            continue
        for hider, value in hidden[key].items():
            graph.add(view.transaction, hider, RW, f"read {key} without {value}, which the next appended")


def _hidden(history: _History) -> dict[str, dict[int, int]]:
    """By key, what committed transactions appended and nobody read: (transaction, value)."""
    committed = set(history.committed)
    shown = {key: set(found) for key, found in history.longest.items()}
    hidden: dict[str, dict[int, int]] = defaultdict(dict)
    for (key, value), writer in history.writers.items():
        if writer in committed and value not in shown.get(key, ()):
            hidden[key].setdefault(writer, value)
    return hidden


def _add_order(graph: Graph, history: _History, key: str, found: tuple[int, ...]) -> None:
    for before, after in itertools.pairwise(found):
        first, second = history.writers.get((key, before)), history.writers.get((key, after))
        if first is not None and second is not None:
            graph.add(first, second, WW, f"appended {before} to {key}, and the next {after} after it")


def _add_time(graph: Graph, history: _History) -> None:
    """Who had completed before who began; what follows from two such edges is left out."""
    moments = [(history.all[number].invoked_ns, 0, number) for number in history.committed]
    moments += [
        (history.all[number].completed_ns, 1, number)
        for number in history.committed
        if history.all[number].outcome == "ok"
    ]
    frontier: set[int] = set()
    before: dict[int, set[int]] = {}
    for _, ended, number in sorted(moments):
        if ended:
            frontier -= before.pop(number)
            frontier.add(number)
        else:
            before[number] = set(frontier)
            for earlier in frontier:
                graph.add(earlier, number, RT, "had completed before the next was invoked")
