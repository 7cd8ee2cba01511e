"""What the three batch operations share: which batches are refused as a whole, and how an entry's failure looks."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from lambent.contracts.errors import ServiceError

from .errors import (
    BatchEntryIdsNotDistinct,
    EmptyBatchRequest,
    InvalidBatchEntryId,
    TooManyEntriesInBatchRequest,
    missing,
    old_code,
)
from .model import BATCH_MAX

T = TypeVar("T")
_ID: Final = re.compile(r"[A-Za-z0-9_\-]{1,80}", re.ASCII).fullmatch


def entries(req: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The entries of a batch, as a batch in order; `kind` is their name in AWS's words."""
    found: list[dict[str, Any]] = req.get("Entries") or []
    if not found:
        raise EmptyBatchRequest(f"There should be at least one {kind} in the request.")
    if len(found) > BATCH_MAX:
        raise TooManyEntriesInBatchRequest(
            f"Maximum number of entries per request are {BATCH_MAX}. You have sent {len(found)}."
        )
    ids: set[str] = set()
    for entry in found:
        if "Id" not in entry:
            raise missing(f"{kind}.Id")
        if not _ID(entry["Id"]):
            raise InvalidBatchEntryId(
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most "
                "80 letters long."
            )
        if entry["Id"] in ids:
            raise BatchEntryIdsNotDistinct(f"Id {entry['Id']} repeated.")
        ids.add(entry["Id"])
    return found


def run(found: list[dict[str, Any]], one: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Do each entry by itself: the answer tells which succeeded, with what `one` gives, and which failed. `one` raises
    before it changes anything."""
    good: list[dict[str, Any]] = []
    bad: list[dict[str, Any]] = []
    for entry in found:
        try:
            good.append({"Id": entry["Id"], **one(entry)})
        except ServiceError as error:
            bad.append({"Id": entry["Id"], "SenderFault": True, "Code": old_code(error), "Message": error.message})
    result: dict[str, Any] = {"Successful": good}
    if bad:
        result["Failed"] = bad
    return result
