"""Which shelves an operation on received messages locks."""

from __future__ import annotations

from typing import Any

from lambent.contracts.ports import Transaction
from lambent.kit import Context

from .. import handles
from ..service import lock_shelves, place_of


def lock_handles(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Lock the shelves on which the messages of the request's receipt handles lie."""
    given = req.get("Entries") or [req]
    lock_shelves(tx, place_of(ctx, req), handles.shelves(entry.get("ReceiptHandle", "") for entry in given))
