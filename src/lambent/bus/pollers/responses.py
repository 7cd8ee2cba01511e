"""What a function with ReportBatchItemFailures says of its batch.

As on AWS, nothing (an empty or null answer, an empty or null list) means that all succeeded; a list that cannot be
understood (no identifier, an empty or unknown one) means that all failed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import orjson


def failed(payload: bytes, known: Collection[str]) -> set[str]:
    """Which of the identifiers `known` failed."""
    everything = set(known)
    try:
        answer = orjson.loads(payload or b"null")
    except orjson.JSONDecodeError:
        return everything
    if not answer:
        return set()
    if not isinstance(answer, dict):
        return everything
    items = answer.get("batchItemFailures")
    if not items:
        return set()
    if not isinstance(items, list):
        return everything
    named = {str(item.get("itemIdentifier")) if isinstance(item, dict) else "" for item in items}
    return named if named <= everything else everything


def first_failed(payload: bytes, sequences: Sequence[str]) -> int:
    """The place of the first record of a stream's batch that failed; `len(sequences)` when none did."""
    named = failed(payload, sequences)
    return next((place for place, sequence in enumerate(sequences) if sequence in named), len(sequences))
