"""Requests that go from API to API: they are counted, so that an API that leads to itself comes to an end.

The trace tells how many APIs the request went through, whichever kind of integration passed it on.
"""

from __future__ import annotations

from typing import Final

from ..exchange import Exchange
from ..refusals import misconfigured

_MAX: Final = 10
_LINEAGE: Final = ";Lineage=1:"


def trace_of(x: Exchange) -> str:
    """The trace that the backend is told, one hop further; a `Refusal` after too many."""
    trace, _, lineage = x.trace_id.partition(_LINEAGE)
    hops = int(lineage) if lineage.isascii() and lineage.isdigit() and len(lineage) < 4 else 0
    if hops >= _MAX:
        raise misconfigured("The request came through API Gateway too often: an API that leads to itself.")
    return f"{trace}{_LINEAGE}{hops + 1}"
