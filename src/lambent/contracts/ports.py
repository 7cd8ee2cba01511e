"""Doors between rooms that must not import one another; app.py connects them.

`Cloud` is the one value that carries them all; a handler reaches it as `ctx.cloud`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from .access import Decision, PolicySet
from .caller import Caller, Credential, Role
from .clock import Clock
from .events import Delivery, Event, Target
from .functions import Compute
from .http import FileSlice, Request, Response
from .ids import Ids

T = TypeVar("T")


class Reader(Protocol):
    """A consistent view of the store: what a `read` function gets. See kv/DESIGN.md for the contract."""

    def get(self, key: bytes) -> bytes | None:
        """The value of `key`, or None."""
        ...

    def scan(
        self, begin: bytes, end: bytes, *, limit: int | None = None, reverse: bool = False
    ) -> list[tuple[bytes, bytes]]:
        """Keys and values of `begin <= key < end` in key order (descending with `reverse`), `limit` at most."""
        ...


class Transaction(Reader, Protocol):
    """What a `write` function gets: reads see its own writes; all of it commits, or none."""

    def put(self, key: bytes, value: bytes) -> None:
        """Set `key` to `value`."""
        ...

    def delete(self, key: bytes) -> None:
        """Remove `key`; nothing happens when it is absent."""
        ...

    def emit(self, event: Event, *, at_ns: int = 0) -> str:
        """Put an event into the outbox: it is delivered after commit, at `at_ns` or at once. Returns its id."""
        ...

    def on_commit(self, fn: Callable[[], None]) -> None:
        """Call `fn` on the event loop after the commit (never when it fails): for wake-ups and cache hints only."""
        ...

    def lock(self, key: bytes) -> None:
        """Serialise with every transaction that locks the same key, before contention costs retries."""
        ...

    def try_lock(self, key: bytes) -> bool:
        """As `lock` when the lock is free; False, without waiting, when another transaction has it. What is read
        after it includes what the last holder wrote, if it comes before the first read."""
        ...

    def wake(self, topic: bytes) -> None:
        """After the commit, call whoever listens to `topic` (`Store.listen`), on every node. A hint: a node that is
        cut off from the others may miss it, so who waits looks again by itself from time to time."""
        ...


class Store(Protocol):
    """An ordered, transactional key-value store; serialisable. Functions given to it may run more than once.

    `node` names this node as the owner of leases; it is new with every store that is opened. `shared` says that other
    nodes may have the same store open.
    """

    node: str
    shared: bool

    async def read(self, fn: Callable[[Reader], T]) -> T:
        """Run `fn` on a consistent snapshot."""
        ...

    async def survey(self, fn: Callable[[Reader], T]) -> T:
        """Run a long read on one consistent snapshot beside everything else: for maintenance that walks whole tables.
        `fn` may run in another thread."""
        ...

    async def write(self, fn: Callable[[Transaction], T]) -> T:
        """Run `fn` and commit; returns once committed (durably, as --durability says). An exception of `fn` leaves
        nothing behind."""
        ...

    def subscribe(self, fn: Callable[[list[tuple[bytes, int]]], None]) -> None:
        """Have `fn` called on the event loop after commits with the (outbox key, due_ns) pairs that they added."""
        ...

    def listen(self, topic: bytes, fn: Callable[[], None]) -> Callable[[], None]:
        """Have `fn` called on the event loop after commits, on whichever node, that woke `topic`; several may become
        one call. Returns what ends the listening."""
        ...

    async def checkpoint(self, path: str) -> None:
        """Write a consistent copy of the store to the folder `path` while it runs."""
        ...

    async def close(self) -> None:
        """Flush and release everything."""
        ...


class BlobInfo(msgspec.Struct, frozen=True):
    """A stored body: its name and length, and the digests computed on the way (raw bytes by algorithm name)."""

    name: str
    length: int
    digests: dict[str, bytes]


class Blobs(Protocol):
    """Bodies. A blob is written first and then named by a transaction; one that nothing names is collected."""

    async def write(self, body: AsyncIterator[bytes], digests: tuple[str, ...] = ()) -> BlobInfo:
        """Store a stream. `digests` are among md5, sha1, sha256, crc32, crc32c, crc64nvme."""
        ...

    async def concat(self, parts: list[tuple[str, int, int]], digests: tuple[str, ...] = ()) -> BlobInfo:
        """Store the slices (name, offset, length) of other blobs, one after another, as a new blob."""
        ...

    def slice(self, name: str, offset: int, length: int) -> FileSlice | AsyncIterator[bytes]:
        """A part of a blob, ready to be a response's body; `KeyError` when there is no such blob, at once or with the
        first piece."""
        ...

    async def read(self, name: str) -> bytes:
        """A whole blob; `KeyError` when there is none."""
        ...

    def stream(self, name: str) -> AsyncIterator[bytes]:
        """A whole blob of unknown length in pieces; `KeyError` with the first when there is no such blob."""
        ...

    def release(self, name: str) -> None:
        """Say after commit that `name` is no longer named; it is removed once readers are done with it."""
        ...

    async def collect(self, in_use: Callable[[], Awaitable[set[str]]]) -> int:
        """Remove what nothing names: blobs that are old enough and not in the set that `in_use` gives, asked after the
        blobs were listed. Returns how many. One node at a time calls this."""
        ...

    def hold(self, until_ns: int) -> None:
        """Remove nothing before `until_ns` of the clock, for somebody copies all blobs; what is released meanwhile is
        removed later. 0 ends the hold."""
        ...

    async def close(self) -> None:
        """Let what is under way end and release everything."""
        ...


class Inlet(Protocol):
    """What a `Target` may offer beside `deliver`, by having `take`: to take an event in the sender's own transaction,
    without an outbox between them. For senders of very many events to a target of the same store (a topic's queues)."""

    def take(self, tx: Transaction, delivery: Delivery) -> None:
        """Handle one event, exactly once: nothing is repeated, for it commits with the sender. Raises `Undeliverable`
        before anything is written."""
        ...


class Directory(Protocol):
    """IAM's and STS's face to authentication and authorization."""

    def credential(self, tx: Reader, access_key: str) -> Credential | None:
        """Whom an access key stands for; None when unknown."""
        ...

    def policies(self, tx: Reader, caller: Caller) -> PolicySet:
        """The policies attached to a caller (identity, groups, boundary, session)."""
        ...

    def role(self, tx: Reader, role_arn: str) -> Role | None:
        """The role of an ARN; None when there is none."""
        ...

    def principal_exists(self, tx: Reader, arn: str) -> bool:
        """Whether the user or role that a policy names as its principal exists; true of all other ARNs."""
        ...

    def key_account(self, tx: Reader, access_key: str) -> str | None:
        """The account that an access key, in use or not, belongs to; None when unknown."""
        ...

    def issue(self, tx: Transaction, caller: Caller, duration_s: int) -> Credential:
        """Make and store temporary credentials that stand for `caller` (its access key and issue time are set here).
        Whether they may be issued was decided before."""
        ...

    async def role_session(
        self, role_arn: str, session: str, principal: str, duration_s: int = 3600, *, source_arn: str = ""
    ) -> Credential:
        """Temporary credentials of a role for a service principal, after its trust policy agreed; `ServiceError`
        AccessDenied when it does not. `source_arn` is the resource on whose behalf the service asks."""
        ...


class Guard(Protocol):
    """Authorization inside a handler, for what the operation's declaration cannot say (a copy's source)."""

    def decide(
        self,
        tx: Reader,
        caller: Caller,
        action: str,
        resource: str,
        conditions: Mapping[str, str | tuple[str, ...]],
        resource_policy: str | None = None,
        resource_account: str = "",
    ) -> Decision:
        """Evaluate; never raises."""
        ...


class Api(Protocol):
    """Every operation of every service, in process: same checks and transactions, no bytes."""

    async def call(
        self, caller: Caller, region: str, service: str, operation: str, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Validate, authorize as `caller`, run, and return the result; raises `ServiceError`."""
        ...


class Members(Protocol):
    """The nodes of this cloud, as this one sees them."""

    @property
    def serving(self) -> bool:
        """Whether this node should be sent requests: it is not about to leave, and its store answers."""
        ...

    async def everyone(self) -> list[dict[str, Any]]:
        """Every node, by name, in plain values: id, name, endpoint, version, started_ms, draining, load."""
        ...


class Metrics(Protocol):
    """Where measurements go: CloudWatch's metrics."""

    def note(
        self,
        account: str,
        region: str,
        namespace: str,
        name: str,
        value: float,
        unit: str = "None",
        dimensions: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """One measurement, now. Cheap: it is added up in memory and stored later, so a crash may lose the last ones."""
        ...


class Unmeasured:
    """Metrics of a cloud that keeps none."""

    def note(
        self,
        account: str,
        region: str,
        namespace: str,
        name: str,
        value: float,
        unit: str = "None",
        dimensions: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """See `Metrics.note`."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How this node was started. `endpoint` is the base URL clients reach the cloud at, the same on all nodes that
    were told one; `node_endpoint` this node's own (empty: the same); `region` the default region;
    `data` the data folder (empty for a memory-only cloud); `store` and `blobs` the URLs of a store and a blob store
    that are shared with other nodes (empty: both lie in the data folder; `blobs` alone empty: bodies in the store).
    `smtp` is the mail server, HOST:PORT (empty: mails stay in the built-in mailbox)."""

    endpoint: str = "http://127.0.0.1:4566"
    node_endpoint: str = ""
    region: str = "us-east-1"
    account: str = "000000000000"
    data: str = ""
    store: str = ""
    blobs: str = ""
    auth: str = "default"
    durability: str = "normal"
    smtp: str = ""


class Cloud:
    """The rooms of one node, connected. Built by app.py; tests build a small one."""

    store: Store
    blobs: Blobs
    clock: Clock
    ids: Ids
    settings: Settings
    api: Api
    directory: Directory
    guard: Guard
    compute: Compute
    targets: Mapping[str, Target]
    members: Members
    metrics: Metrics
    front: Callable[[Request], Awaitable[Response]]
    """The front door: answers any request as if it had come over the network, signature and all. Never raises but
    `BodyBroken`."""
    spawn: Callable[[Awaitable[None]], None]
    """Run something in the background, supervised: an exception is logged; cancelled at shutdown."""
    caller: object | None = None
    """The HTTP client for addresses of users, once there is one: `kit.calling.of` makes it."""
