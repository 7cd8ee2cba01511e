"""Every key of Pipes.

==========  =====================
pipes.pipe  account, region, name
==========  =====================

What pollers keep (leases, positions) is in `lambent.bus.pollers.keys`.
"""

from __future__ import annotations

from typing import Final

from lambent.contracts.ports import Reader, Transaction
from lambent.kv.table import Table

from .errors import no_pipe
from .model import Pipe

pipes: Final = Table("pipes.pipe", Pipe)

CHANGED: Final = b"lambda.mappings"
"""The topic that every change of a pipe wakes: pollers listen to it for everything that is to be polled."""


def get_pipe(tx: Reader, account: str, region: str, name: str) -> Pipe:
    """The pipe; `NotFoundException` when there is none."""
    found = pipes.get(tx, account, region, name)
    if found is None:
        raise no_pipe(name)
    return found


def put_pipe(tx: Transaction, pipe: Pipe) -> None:
    """Store a pipe and tell the pollers."""
    pipes.put(tx, pipe, *pipe.place)
    tx.wake(CHANGED)
