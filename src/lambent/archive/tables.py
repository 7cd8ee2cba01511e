"""Which keys travel: all but those that belong to the place or to its running nodes, or that hold bodies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lambent.contracts.ports import Reader
from lambent.kv.keys import pack

NODES: Final = ("kv.nodes", "kv.roles", "kv.hold", "lambda.slots")
"""What belongs to running nodes: who they are, which roles they play, which blobs they hold, how many invocations they
run. None of them is where the cloud arrives. Leases of events do travel, for the events do: they run out."""

PLACE: Final = ("kv.cloud", "kv.arriving")
"""Which cloud this is (a copy is another one: two clouds of one name could meet in one bucket), and whether a restore
is under way here."""

BODIES: Final = ("kv.blob.chunk", "kv.blob.head")
"""Bodies that a store keeps in itself: they travel as blobs, so that they arrive wherever the target keeps its own."""

BEGIN: Final = b""
END: Final = b"\xff"
"""No key's first part begins with FF."""


def table_range(name: str) -> tuple[bytes, bytes]:
    """The first key that a table could have, and the first after its last."""
    prefix = pack((name,))
    return prefix, prefix + b"\xff"


def travelling() -> Iterator[tuple[bytes, bytes]]:
    """The ranges of keys, in order, that a backup takes."""
    begin = BEGIN
    for first, after in sorted(table_range(name) for name in (*NODES, *PLACE, *BODIES)):
        yield begin, first
        begin = after
    yield begin, END


def occupied(tx: Reader) -> bool:
    """Whether a store holds anything that a restore could collide with: any key, bodies, or a node that uses it. The
    place's own records and leftovers of copies do not count."""
    ranges = [*travelling(), *map(table_range, BODIES), table_range("kv.nodes")]
    return any(tx.scan(begin, end, limit=1) for begin, end in ranges)


def inhabited(tx: Reader) -> bool:
    """Whether a store is some cloud's: anything at all, if only its id."""
    return occupied(tx) or bool(tx.scan(*table_range("kv.cloud"), limit=1))
