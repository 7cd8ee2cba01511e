"""A history: what clients asked for, when, and what they were told.

Times are nanoseconds of one monotonic clock (on one machine CLOCK_MONOTONIC, which all processes share). An outcome is

- `ok`: an answer came. For a conditional write `result` says whether the condition held: a refusal is an answer too.
- `failed`: it is certain that nothing happened (the connection was refused, the transaction was rolled back).
- `unknown`: the request may have had its effect, may yet have it, or never (timeouts, resets, answers of 5xx). Its
  completion is no bound, and is ignored.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

T = TypeVar("T")
Outcome = Literal["ok", "failed", "unknown"]
Kind = Literal["read", "write", "cas", "delete"]
FOREVER = 1 << 63
"""The completion of what is still under way."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation on the register `key`.

    `value` is what a write or a conditional write puts there (None removes it); `expected` what a conditional write
    wants to find; `found` what a read saw, `held` whether a conditional write's condition held. None is "no value".
    """

    process: str
    kind: Kind
    key: str
    invoked_ns: int
    completed_ns: int
    outcome: Outcome
    value: str | None = None
    expected: str | None = None
    found: str | None = None
    held: bool = True

    def __str__(self) -> str:
        if self.kind == "read":
            what = f"read {self.found}" if self.outcome == "ok" else "read"
        elif self.kind == "cas":
            what = f"cas {self.expected} -> {self.value}"
            what += "" if self.held or self.outcome != "ok" else " (refused)"
        else:
            what = "delete" if self.kind == "delete" else f"write {self.value}"
        return f"{self.process}: {what} [{span(self.invoked_ns, self.completed_ns, self.outcome)}]"


class Append(msgspec.Struct, frozen=True, tag="append"):
    """A transaction's step that appends `value`, which is unique in the history, to the list `key`."""

    key: str
    value: int


class Read(msgspec.Struct, frozen=True, tag="read"):
    """A transaction's step that reads the list `key`. `found` is None when the outcome did not become known."""

    key: str
    found: tuple[int, ...] | None = None


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """Steps that happened at one moment, or none of them."""

    process: str
    steps: tuple[Append | Read, ...]
    invoked_ns: int
    completed_ns: int
    outcome: Outcome

    def __str__(self) -> str:
        steps = ", ".join(
            f"append {step.key} {step.value}" if isinstance(step, Append) else f"read {step.key} {_list(step.found)}"
            for step in self.steps
        )
        return f"{self.process}: {steps} [{span(self.invoked_ns, self.completed_ns, self.outcome)}]"


class Recorder:
    """Appends operations or transactions to a file as they are known, from many threads.

    What is begun is written before it is sent and what has ended after it was answered, so that a client which is
    killed leaves its last operation behind as of unknown outcome.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._lock = threading.Lock()
        self._numbers = 0

    def begin(self, begun: Operation | Transaction) -> int:
        """Note what is about to be sent; returns its number for `end`."""
        with self._lock:
            self._numbers += 1
            self._write(self._numbers, begun)
            return self._numbers

    def end(self, number: int, ended: Operation | Transaction) -> None:
        """Note how it ended."""
        with self._lock:
            self._write(number, ended)

    def _write(self, number: int, what: Operation | Transaction) -> None:
        self._file.write(msgspec.json.encode((number, what)) + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def load_operations(paths: Iterable[Path]) -> list[Operation]:
    """The operations that recorders wrote to `paths`, in the order of their invocations."""
    decoder = msgspec.json.Decoder(tuple[int, Operation])
    found = [last for path in paths for last in _last(path, decoder)]
    return sorted(found, key=lambda operation: operation.invoked_ns)


def load_transactions(paths: Iterable[Path]) -> list[Transaction]:
    """The transactions that recorders wrote to `paths`, in the order of their invocations."""
    decoder = msgspec.json.Decoder(tuple[int, Transaction])
    found = [last for path in paths for last in _last(path, decoder)]
    return sorted(found, key=lambda transaction: transaction.invoked_ns)


def _last(path: Path, decoder: msgspec.json.Decoder[tuple[int, T]]) -> Iterable[T]:
    rows: dict[int, T] = {}
    for line in path.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):  # a killed writer's last line may be cut short, and its operation is begun then
            number, row = decoder.decode(line)
            rows[number] = row
    return rows.values()


def now_ns() -> int:
    """The moment, on the clock of all processes of this machine."""
    return time.monotonic_ns()


def span(invoked_ns: int, completed_ns: int, outcome: Outcome) -> str:
    """An operation's interval, in seconds."""
    end = f"{completed_ns / 1e9:.6f}" if outcome == "ok" else outcome
    return f"{invoked_ns / 1e9:.6f} .. {end}"


def _list(found: tuple[int, ...] | None) -> str:
    if found is None:
        return "?"
    shown = " ".join(str(value) for value in found[-6:])
    return f"[{shown}]" if len(found) <= 6 else f"[... {shown}]"
