"""What clients do while a drill runs: registers in S3's objects and DynamoDB's items, transactions of lists, and a
stream of new objects that a function notes."""

from __future__ import annotations

import hashlib
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from tests.history.operations import Kind, Operation, Recorder, now_ns

from .balancer import Answer, Balancer
from .dynamo import ItemLists, ItemRegisters

REGISTERS = 12
SIZES = (0, 10, 1_000, 70_000, 300_000)
LARGE_BYTES = 100_000


class Registers(Protocol):
    """A service's records as registers: how its conditional writes are asked for."""

    def apply(self, operation: Operation, node: str = "") -> Operation:
        """Send the operation, and return it as it ended."""
        ...


class S3Registers:
    """Objects of `bucket` as registers: If-Match and If-None-Match are the comparing and setting."""

    def __init__(self, balancer: Balancer, bucket: str) -> None:
        self._balancer = balancer
        self._bucket = bucket

    def apply(self, operation: Operation, node: str = "") -> Operation:
        """Send the operation, and return it as it ended."""
        where = {"Bucket": self._bucket, "Key": operation.key, "node": node}
        if operation.kind == "read":
            return self._read(operation, self._balancer.call("get_object", **where))
        if operation.kind == "delete":
            return self._balancer.call("delete_object", **where).ended(operation)
        condition: dict[str, str] = {}
        if operation.kind == "cas":
            expected = operation.expected
            condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": etag(body_of(expected))}
        body = body_of(operation.value or "")
        answer = self._balancer.call("put_object", **where, **condition, Body=body)
        if operation.kind == "cas" and answer.code in ("PreconditionFailed", "NoSuchKey"):
            # A refusal is an answer.
            return msgspec.structs.replace(answer.ended(operation), outcome="ok", held=False)
        return answer.ended(operation)

    def _read(self, operation: Operation, answer: Answer) -> Operation:
        ended = answer.ended(operation)
        if answer.code == "NoSuchKey":
            return msgspec.structs.replace(ended, outcome="ok", found=None)
        if answer.outcome == "ok":
            return msgspec.structs.replace(ended, found=value_of(answer.result["Body"]))
        return ended


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A new object that was sent: `acknowledged` when the client was told so. Times are monotonic, `at_s` is the
    wall clock's at its acknowledgement."""

    key: str
    size: int
    acknowledged: bool
    completed_ns: int
    at_s: float


class Load:
    """Threads of clients, `registers_per_s`, `stores_per_s` and `lists_per_s` requests a second
    together."""

    def __init__(
        self, balancer: Balancer, bucket: str, folder: Path, *, clients: int = 6, storers: int = 3, listers: int = 3,
        registers_per_s: float = 60, stores_per_s: float = 9, lists_per_s: float = 18, seed: int = 1,
    ) -> None:  # fmt: skip
        self.stored: list[Stored] = []
        self.path = folder / "registers.jsonl"
        self.lists_path = folder / "lists.jsonl"
        self.bucket = bucket
        self._balancer = balancer
        self._registers: dict[str, Registers] = {
            "object": S3Registers(balancer, bucket),
            "item": ItemRegisters(balancer),
        }
        self._recorder = Recorder(self.path)
        self._lists_recorder = Recorder(self.lists_path)
        self._lists = ItemLists(balancer, self._lists_recorder)
        self._over = threading.Event()
        self._failures: list[BaseException] = []
        self._threads = [
            self._thread(self._register_client, n, clients / registers_per_s, seed) for n in range(clients)
        ]
        self._threads += [self._thread(self._storing_client, n, storers / stores_per_s, seed) for n in range(storers)]
        self._threads += [self._thread(self._list_client, n, listers / lists_per_s, seed) for n in range(listers)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Wait until what is under way has ended."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def abandon(self) -> None:
        """End without waiting."""
        self._over.set()

    def _thread(
        self, work: Callable[[int, float, int], None], client: int, period_s: float, seed: int
    ) -> threading.Thread:
        return threading.Thread(target=self._guard, args=(work, client, period_s, seed), daemon=True)

    def read_all(self, nodes: list[str]) -> None:
        """Read each register and each list through each node, as part of the history."""
        for node, number in itertools.product(nodes, range(REGISTERS)):
            self._do(_begun(f"reader of {node}", "read", _register(number)), node)
        self._lists.read_all(nodes)
        self._recorder.close()
        self._lists_recorder.close()

    def _guard(self, work: Callable[[int, float, int], None], client: int, period_s: float, seed: int) -> None:
        try:
            work(client, period_s, seed)
        except BaseException as error:
            self._failures.append(error)

    def _register_client(self, client: int, period_s: float, seed: int) -> None:
        chance = random.Random(f"{seed} register {client}")
        seen: dict[str, str | None] = {}
        for number in self._beats(period_s, chance):
            key = _register(chance.randrange(REGISTERS))
            kind: Kind = chance.choices(("read", "write", "cas", "delete"), (40, 20, 32, 8))[0]
            size = LARGE_BYTES if chance.random() < 0.05 else 0
            value = f"{client}.{number}.{size}" if kind in ("write", "cas") else None
            begun = _begun(f"client {client}", kind, key, value, seen.get(key) if kind == "cas" else None)
            ended = self._do(begun)
            if ended.outcome == "ok" and ended.held:
                seen[key] = ended.found if kind == "read" else ended.value

    def _do(self, begun: Operation, node: str = "") -> Operation:
        number = self._recorder.begin(begun)
        ended = self._registers[begun.key.partition("/")[0]].apply(begun, node)
        self._recorder.end(number, ended)
        return ended

    def _storing_client(self, client: int, period_s: float, seed: int) -> None:
        chance = random.Random(f"{seed} store {client}")
        for number in self._beats(period_s, chance):
            key, size = f"new/{client}-{number:05d}", chance.choice(SIZES)
            answer = self._balancer.call("put_object", Bucket=self.bucket, Key=key, Body=content_of(key, size))
            acknowledged = answer.outcome == "ok"
            self.stored.append(
                Stored(
                    key=key, size=size, acknowledged=acknowledged, completed_ns=answer.completed_ns, at_s=time.time()
                )
            )

    def _list_client(self, client: int, period_s: float, seed: int) -> None:
        chance = random.Random(f"{seed} lists {client}")
        for steps, _ in zip(self._lists.steps(client, chance), self._beats(period_s, chance), strict=False):
            self._lists.run(f"client {client}", steps)

    def _beats(self, period_s: float, chance: random.Random) -> Iterator[int]:
        for number in itertools.count():
            if self._over.wait(period_s * chance.uniform(0.5, 1.5)):
                return
            yield number


def body_of(value: str) -> bytes:
    """The object's body that stands for a register's value: the value, filled up to the size that it names."""
    size = int(value.rpartition(".")[2] or 0)
    text = f"{value}|".encode()
    return text if size <= len(text) else (text * (size // len(text) + 1))[:size]


def value_of(body: bytes) -> str:
    """The value that a body stands for; a torn body is a value that nobody wrote."""
    value = body.partition(b"|")[0].decode(errors="replace")
    try:
        whole = body == body_of(value)
    except ValueError:
        whole = False
    return value if whole else f"torn: {len(body)} bytes beginning with {value[:40]!r}"


def etag(body: bytes) -> str:
    """The entity tag that S3 gives a body."""
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def content_of(key: str, size: int) -> bytes:
    """The body of the new object `key`."""
    return random.Random(key).randbytes(size)


def _register(number: int) -> str:
    return f"{'item' if number % 2 else 'object'}/{number}"


def _begun(process: str, kind: Kind, key: str, value: str | None = None, expected: str | None = None) -> Operation:
    return Operation(
        process=process, kind=kind, key=key, invoked_ns=now_ns(), completed_ns=0,
        outcome="unknown", value=value, expected=expected,
    )  # fmt: skip
