"""Subscription filters: matching events leave for the filter's destination in the transaction that stores them."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import orjson

from lambent.contracts import arn
from lambent.contracts.events import Event
from lambent.contracts.ports import Transaction

from .model import GroupRecord, StreamRecord, Subscription, event_id
from .patterns import compile_pattern

PRINCIPAL = "logs.amazonaws.com"
PAYLOAD_BYTES_MAX = 256 * 1024
"""What one call of the destination carries at most; a larger batch goes out in several."""


def forward(tx: Transaction, group: GroupRecord, stream: StreamRecord, batch: list[dict[str, Any]]) -> None:
    """Emit the events of `batch` that the group's subscription filters match. `stream` is as it was before them."""
    for subscription in group.subscriptions:
        pattern = compile_pattern(subscription.pattern)
        matched: list[dict[str, Any]] = []
        for sequence, event in enumerate(batch, stream.sequence):
            found = pattern.match(event["message"])
            if found is None:
                continue
            number = event_id(event["timestamp"], stream.id, sequence)
            entry: dict[str, Any] = {"id": number, "timestamp": event["timestamp"], "message": event["message"]}
            # AWS hands on the columns of a space-delimited pattern, not what a JSON pattern selects.
            columns = {name[1:]: value for name, value in found.items() if not name.startswith(("$.", "$["))}
            matched.append(entry | {"extractedFields": columns} if columns else entry)
        if matched:
            _emit(tx, group, stream, subscription, matched)


def _emit(
    tx: Transaction, group: GroupRecord, stream: StreamRecord, subscription: Subscription, matched: list[dict[str, Any]]
) -> None:
    owner = arn.parse(group.arn)
    data = {
        "messageType": "DATA_MESSAGE",
        "owner": owner.account,
        "logGroup": group.name,
        "logStream": stream.name,
        "subscriptionFilters": [subscription.name],
        "logEvents": matched,
    }
    packed = base64.b64encode(gzip.compress(orjson.dumps(data), compresslevel=6, mtime=0)).decode()
    if len(packed) > PAYLOAD_BYTES_MAX and len(matched) > 1:
        middle = len(matched) // 2
        _emit(tx, group, stream, subscription, matched[:middle])
        _emit(tx, group, stream, subscription, matched[middle:])
        return
    tx.emit(
        Event(
            target=subscription.destination,
            payload=orjson.dumps({"awslogs": {"data": packed}}),
            source=f"{group.arn}:*",
            principal=PRINCIPAL,
            account=owner.account,
            region=owner.region,
        )
    )
