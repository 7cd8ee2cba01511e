"""Three nodes on one PostgreSQL and one object store, each on a host of its own, with clients at work."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.history.operations import load_operations, load_transactions

from . import witness
from .balancer import Balancer, client
from .dynamo import make_table
from .figures import Observed
from .hosts import Host, hosts
from .load import Load
from .servers import Node, Postgres, Seaweed, eventually
from .transactions import read_everything

NODES = ("a", "b", "c")
BUCKET = "drill"
TRANSACTION_PROCESSES = 2
SETTLE_S = 150.0
LOG_CHARACTERS = 1500


class Transactor:
    """A process of `tests.drills.transactions`; `file` is its history."""

    def __init__(self, url: str, folder: Path, number: int) -> None:
        self.file = folder / f"transactions-{number}.jsonl"
        self._log = folder / f"transactions-{number}.log"
        command = [sys.executable, "-m", "tests.drills.transactions", "--store", url]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--file", str(self.file), "--number", str(number)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n", self._log.read_text()
        self._killed = False

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._killed |= number is signal.SIGKILL
        self._process.send_signal(number)

    def stop(self) -> None:
        """Let it end its transactions."""
        self._process.terminate()
        code = self._process.wait(60)
        assert code == 0 or self._killed, self._log.read_text()[-3000:]

    def close(self) -> None:
        """End it at once."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Rig:
    """What a drill acts upon."""

    def __init__(
        self, folder: Path, places: dict[str, Host], postgres: Postgres | None, nodes: list[Node], key: tuple[str, str]
    ) -> None:
        self.folder = folder
        self.hosts = places
        self._postgres = postgres
        self.nodes = nodes
        self.key = key
        self.balancer = Balancer(nodes, key)
        self.load = Load(self.balancer, BUCKET, folder)
        self.transactors: list[Transactor] = []

    @property
    def postgres(self) -> Postgres:
        """The database server; there is none below the embedded engine."""
        assert self._postgres is not None
        return self._postgres

    @property
    def where(self) -> str:
        """What the hosts are."""
        return "network namespaces" if all(host.real for host in self.hosts.values()) else "processes side by side"

    def client(self, service: str) -> Any:
        """A patient client of the first node that lives."""
        node = next(node for node in self.nodes if not node.ended)
        return client(node, service, self.key, read_timeout_s=60)

    def begin(self) -> None:
        """Put the clients to work; the function has run once on each node by then."""
        witness.prepare(self.client, BUCKET)
        make_table(self.client("dynamodb"))
        for number in range(3 * len(self.nodes)):
            self.balancer.call("put_object", Bucket=BUCKET, Key=f"new/warm-{number}", Body=b"")
        assert eventually(lambda: len(witness.noted_keys(self.client("s3"))) == 3 * len(self.nodes), 60)
        self.balancer.answers.clear()
        self.balancer.errors.clear()
        if self._postgres is not None:
            for number in range(TRANSACTION_PROCESSES):
                self.transactors.append(Transactor(self._postgres.url, self.folder, number))
        self.load.start()

    def end(self, settle_s: float = SETTLE_S) -> Observed:
        """Stop the clients, wait for what is still to happen, `settle_s` at most, and read everything back."""
        self.load.stop()
        for transactor in self.transactors:
            transactor.stop()
        answers, errors = list(self.balancer.answers), dict(self.balancer.errors)
        settled = self._settle(settle_s)
        living = [node.name for node in self.nodes if not node.ended]
        self.load.read_all(living)
        files = [self.load.lists_path, *(transactor.file for transactor in self.transactors)]
        if self._postgres is not None:
            last = self.folder / "transactions-last.jsonl"
            files.append(last)
            asyncio.run(read_everything(self._postgres.url, last))
        s3 = self.client("s3")
        observed = Observed(
            answers=answers,
            errors=errors,
            stored=list(self.load.stored),
            bodies={stored.key: self._body(living, stored.key) for stored in self.load.stored},
            effects=witness.effects(s3),
            settled=settled,
            operations=load_operations([self.load.path]),
            transactions=load_transactions(files),
        )
        self.balancer.close()
        return observed

    def _settle(self, settle_s: float) -> bool:
        """Wait until every acknowledged object had its effect, and whether that happened."""
        wanted = {stored.key for stored in self.load.stored if stored.acknowledged}
        s3 = self.client("s3")
        return eventually(lambda: wanted <= witness.noted_keys(s3).keys(), settle_s)

    def _body(self, living: list[str], key: str) -> bytes | None:
        for node in living:
            answer = self.balancer.call("get_object", Bucket=BUCKET, Key=key, node=node)
            if answer.outcome == "ok":
                body: bytes = answer.result["Body"]
                return body
        return None

    def close(self) -> None:
        """End what still runs."""
        self.load.abandon()
        for transactor in self.transactors:
            transactor.close()


@contextmanager
def cluster(*, spaces: bool | None = None, disk: Path | None = None, blobs: bool = True) -> Iterator[Rig]:
    """Three nodes; the database lies on `disk`, where one is given. Everything is gone afterwards."""
    with ExitStack() as stack:
        folder = _folder(stack)
        places = stack.enter_context(hosts("pg", "s3", *NODES, spaces=spaces))
        postgres = Postgres(places["pg"], disk or folder / "pg")
        stack.callback(lambda: postgres.stop("immediate") if postgres.runs() else None)
        options = ["--store", postgres.url]
        if blobs:
            seaweed = Seaweed(places["s3"], folder / "weed")
            stack.callback(seaweed.stop)
            options += ["--blobs", seaweed.url]
        nodes = [_started(stack, Node(places[name], folder / name, *options)) for name in NODES]
        rig = Rig(folder, places, postgres, nodes, nodes[0].key or ("test", "test"))
        stack.callback(rig.close)
        with _explained(rig):
            yield rig


@contextmanager
def single(data: Path | None = None) -> Iterator[Rig]:
    """One node on the embedded engine, its folder at `data`."""
    with ExitStack() as stack:
        folder = _folder(stack)
        host = Host("a", "127.0.0.1")
        node = _started(stack, Node(host, data or folder / "a"))
        rig = Rig(folder, {"a": host}, None, [node], ("test", "test"))
        stack.callback(rig.close)
        with _explained(rig):
            yield rig


@contextmanager
def _explained(rig: Rig) -> Iterator[None]:
    """Add the last lines of the nodes' logs to what is raised: the logs are gone with the folder."""
    try:
        yield
    except Exception as error:
        for node in rig.nodes:
            error.add_note(f"{node.name} said last:\n{node.log()[-LOG_CHARACTERS:]}")
        raise


def _folder(stack: ExitStack) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="lambent-drill-"))
    folder.chmod(0o755)  # the database's user reaches its own folder through it
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _started(stack: ExitStack, node: Node) -> Node:
    stack.callback(node.end)
    return node.start()
