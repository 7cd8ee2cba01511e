"""A hundred kills. Two thousand by hand: `python -m tests.crash --rounds 2000`."""

from __future__ import annotations

import pytest

from lambent.kv.engines.rocks import Durability
from tests.crash.rounds import run


@pytest.mark.slow
@pytest.mark.parametrize("durability", ["normal", "strict"])
def test_a_killed_process_loses_nothing_acknowledged_and_leaves_nothing_half_done(durability: Durability) -> None:
    totals = run(50, durability, seed=20)
    assert totals.rounds == 50
    assert totals.written > 1000
    assert totals.consumed > 500
    assert totals.pending > 50
    assert totals.blobs > 20
