"""How much there may be of what lies around APIs, and in what an import makes; AWS's quotas."""

from __future__ import annotations

from typing import Any, Final

from lambent.contracts.ports import Reader
from lambent.kv.table import Table

from .errors import LimitExceededException

PLANS_MAX: Final = 300
VPC_LINKS_MAX: Final = 20
CERTIFICATES_MAX: Final = 60
DOMAINS_MAX: Final = 120
PARTS_MAX: Final = 2_000
RESOURCES_MAX: Final = 300


def too_many(what: str, more: str) -> LimitExceededException:
    """AWS's sentence: `what` there are as many of as there may be, and `more` of what may be asked for."""
    return LimitExceededException(
        f"Maximum number of {what} has been reached. Please contact AWS if you need additional {more}."
    )


def refuse_more(tx: Reader, table: Table[Any], place: tuple[str, ...], most: int, what: str, more: str) -> None:
    """Raise when a table has `most` rows below `place` already."""
    if len(table.scan(tx, *place, limit=most)) >= most:
        raise too_many(what, more)
