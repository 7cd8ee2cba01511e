"""ChangeMessageVisibility and its batch."""

from __future__ import annotations

from typing import Any

from lambent.contracts.ports import Transaction
from lambent.kit import Context

from .. import releasing
from ..batches import entries, run
from ..books import Desk
from ..errors import bad_value, missing
from ..model import VISIBILITY_S_MAX, Queue
from ..service import on_queue, queue_in
from .locks import lock_handles


def _change(desk: Desk, queue: Queue, given: dict[str, Any]) -> None:
    if not given.get("ReceiptHandle"):
        raise missing("ReceiptHandle")
    visibility_s = given.get("VisibilityTimeout")
    if visibility_s is None:
        raise missing("VisibilityTimeout")
    if not 0 <= visibility_s <= VISIBILITY_S_MAX:
        raise bad_value(visibility_s, "VisibilityTimeout", f"Must be between 0 and {VISIBILITY_S_MAX}, if provided.")
    releasing.change(desk, queue, given["ReceiptHandle"], visibility_s)


@on_queue("write", locks=lock_handles)
def change_message_visibility(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Change when a received message becomes visible again."""
    desk = Desk(tx, ctx.now_ms)
    _change(desk, queue_in(req), req)
    desk.close()


@on_queue("write", "ChangeMessageVisibility", locks=lock_handles)
def change_message_visibility_batch(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Change up to ten, each for itself."""
    queue = queue_in(req)
    given = entries(req, "ChangeMessageVisibilityBatchRequestEntry")
    desk = Desk(tx, ctx.now_ms)

    def change(entry: dict[str, Any]) -> dict[str, Any]:
        _change(desk, queue, entry)
        return {}

    result = run(given, change)
    desk.close()
    return result
