"""Short forms of the drills: three nodes on a PostgreSQL and an object store, on hosts of their own where that works.

`make drills` runs all of them, with more time around the fault, and prints the table of docs/reliability.md.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

import pytest

from tests.history.operations import now_ns
from tests.kv.postgres_cluster import find_binaries

from . import faults
from .figures import SLOW, Figures, Outage, figures
from .rig import Rig, cluster

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(find_binaries() is None, reason="PostgreSQL is not installed"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no SeaweedFS for this system"),
]
BEFORE_S = 3.0
AFTER_S = 5.0
FORGOTTEN_S = 2.0
SETTLE_S = 15.0
"""More than the others need to take over a dead node's events."""


def drill(fault: Callable[[Rig], Outage], *, spaces: bool | None = None, settle_s: float = SETTLE_S) -> Figures:
    """A drill in a hurry."""
    with cluster(spaces=spaces) as rig:
        rig.begin()
        time.sleep(BEFORE_S)
        outage = fault(rig)
        time.sleep(AFTER_S)
        return figures("a short drill", rig.where, rig.end(settle_s), outage)


def promises_held(found: Figures) -> None:
    """Nothing lost, nothing out of order, and served again soon: how soon is for `make drills` on a quiet machine."""
    assert [problem for problem in found.problems if problem != SLOW] == []
    assert (found.lost, found.events_lost, found.late_acts) == (0, 0, 0)
    assert found.verdict == "linearisable, serialisable"
    assert found.acknowledged > 100
    assert found.served_s is not None
    assert found.served_s < 15
    assert found.slowest_effect_s < 30


def test_a_node_is_killed() -> None:
    found = drill(partial(faults.kill_node, away_s=1.0))
    promises_held(found)
    assert found.errors.get("EndpointConnectionError", 0) + found.errors.get("ConnectionClosedError", 0) > 0


def forget_seconds(rig: Rig) -> Outage:
    """PostgreSQL is restarted twice, and the second time it has lost what it had acknowledged since the first."""
    begun = now_ns()
    rig.postgres.stop()
    rig.postgres.save()
    rig.postgres.start()
    time.sleep(FORGOTTEN_S)
    rig.postgres.stop("immediate")
    rig.postgres.forget()
    rig.postgres.start()
    return Outage(begun_ns=begun, ended_ns=now_ns(), ended_s=time.time())


def test_a_database_that_forgets_is_found_out() -> None:
    """The drills' own drill: here acknowledged writes do get lost, and the figures and both checkers say so."""
    found = drill(forget_seconds, settle_s=1.0)
    assert any(code.startswith("50") for code in found.errors), "no client noticed the restarts"
    assert found.lost > 0
    assert found.data_lost_s > 0.5
    assert found.verdict == "NOT linearisable, NOT serialisable"


def test_postgresql_is_cut_off_from_processes_side_by_side() -> None:
    found = drill(partial(faults.cut_database, cut_s=3.0), spaces=False)
    promises_held(found)
    assert found.unserved_s > 2.5
