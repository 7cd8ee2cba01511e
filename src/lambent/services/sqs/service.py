"""The service that the modules in api/ register their operations with, and the way into each operation.

Before a handler runs, in the same transaction, the queue is looked up and IAM asked; the queue's record, or None, is
left in the request as `req[QUEUE]`. Where other nodes have the store open too, operations on messages first take the
lock of a shelf (`req[SHELF]`), before anything is read: see DESIGN.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar
from zlib import crc32

from lambent.contracts import arn
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context, Service
from lambent.kit.service import TxMode

from . import keys
from .errors import InvalidAddress, missing, no_queue
from .model import SHELVES_SHARED, Queue

sqs = Service("sqs")

QUEUE: Final = "_queue"
SHELF: Final = "_shelf"
Handler = TypeVar("Handler", bound=Callable[..., Any])
_LOCK: Final = b"sqs.lock"
_ACCOUNT_DIGITS: Final = 12


class Place(NamedTuple):
    """Where a queue is: the parts of its key."""

    account: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        """The ARN of what is or would be there."""
        return arn.build("sqs", self.region, self.account, self.name)


@lru_cache(4096)
def _in_url(url: str) -> tuple[str, str]:
    """Account and name in a queue's URL, of whatever host."""
    *_, account, name = ("", "", *url.partition("?")[0].rstrip("/").split("/"))
    if not name or not account.isdecimal() or len(account) != _ACCOUNT_DIGITS:
        raise InvalidAddress(f"The address {url} is not valid for this endpoint.")
    return account, name


def place_of(ctx: Context, req: dict[str, Any]) -> Place:
    """The queue that a request means: by QueueUrl, or by the path that it was sent to, as old clients do."""
    url = req.get("QueueUrl")
    if not url:
        if ctx.request is None or len(ctx.request.path) <= 1:
            raise missing("QueueUrl")
        url = ctx.request.path
    account, name = _in_url(url)
    return Place(account, ctx.region, name)


def access(action: str, place: Place, queue: Queue | None) -> Check:
    """The question to IAM about a queue."""
    if queue is None:
        return Check(action, place.arn, resource_account=place.account)
    conditions = {f"aws:resourcetag/{name.lower()}": value for name, value in queue.tags.items()} if queue.tags else {}
    policy = queue.policy or None
    return Check(action, queue.arn, conditions, policy, queue.account, queue.arn if policy is not None else "")


def on_queue(
    tx: TxMode, action: str = "", *, locks: Callable[[Context, Transaction, dict[str, Any]], None] | None = None
) -> Callable[[Handler], Handler]:
    """Register an operation on the queue that the request means. `action` is IAM's, where it is not the operation's
    name; `locks` takes the locks of the shelves that the operation will change."""

    def register(function: Handler) -> Handler:
        name = action or "".join(word.capitalize() for word in function.__name__.split("_"))
        asked = f"sqs:{name}"

        def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
            if locks is not None and ctx.cloud.store.shared:
                locks(ctx, tx, req)  # type: ignore[arg-type]  # operations with locks are tx="write"
            place = place_of(ctx, req)
            queue = req[QUEUE] = keys.queues.get(tx, *place)
            return [access(asked, place, queue)]

        # A policy may let in everybody, also who does not sign.
        sqs.operation(tx=tx, authorize=authorize, anonymous=True)(function)
        return function

    return register


def queue_in(req: dict[str, Any]) -> Queue:
    """The queue of a request; its error where there is none."""
    queue: Queue | None = req[QUEUE]
    if queue is None:
        raise no_queue()
    return queue


def lock_free_shelf(ctx: Context, tx: Transaction, place: Place) -> int | None:
    """Lock some shelf that nobody is at, beginning with one that the request's id gives; if there is none, wait for
    that one. Returns the shelf's number."""
    start = crc32(ctx.request_id.encode())
    for step in range(SHELVES_SHARED):
        number = (start + step) % SHELVES_SHARED
        if try_lock(tx, place, number):
            return number
    number = start % SHELVES_SHARED
    tx.lock(_lock_key(place, number))
    return number


def try_lock(tx: Transaction, place: Place, number: int) -> bool:
    """Lock a shelf, if nobody else has it locked."""
    return tx.try_lock(_lock_key(place, number))


def lock_shelves(tx: Transaction, place: Place, numbers: Iterable[int]) -> None:
    """Lock these shelves, waiting for each."""
    for number in sorted(set(numbers)):
        tx.lock(_lock_key(place, number))


def _lock_key(place: Place, number: int) -> bytes:
    return _LOCK + "/".join(place).encode() + bytes((number,))


def group_shelf(shelves: int, group: str) -> int:
    """The shelf of a FIFO queue's message group."""
    return crc32(group.encode("utf-8", "replace")) % shelves


def url_of(ctx: Context, queue: Queue | Place) -> str:
    """A queue's URL, on the host that the client asked."""
    if ctx.request is None:
        base = ctx.cloud.settings.endpoint.rstrip("/")
    else:
        scheme = "https" if ctx.request.secure else "http"
        base = f"{scheme}://{ctx.request.headers.get('host') or ctx.cloud.settings.endpoint.partition('://')[2]}"
    return f"{base}/{queue.account}/{queue.name}"
