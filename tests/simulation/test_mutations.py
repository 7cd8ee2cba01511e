"""A check that cannot fail is no check: the cloud is broken in some ways, and the simulation must notice each."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from lambent.contracts.ports import Transaction
from lambent.kv import outbox
from lambent.kv.engines.loop import Group, LoopStore
from lambent.kv.outbox import Entry
from lambent.services.iam import keys as iam_keys
from lambent.services.s3 import versions

from .loop import Violation
from .plan import Plan
from .runner import run

PLAN = Plan(
    nodes=3,
    shared=True,
    clients=5,
    operations=150,
    services=("events",),
    shuffled=False,
    delay_s_max=0.01,
    think_s_max=1.0,
    conflict_share=0.0,
    failure_share=0.0,
    read_failure_share=0.0,
    crash_every_s=0.0,
    crash_at_step=False,
    blob_failure_share=0.0,
    strike_share=0.0,
    leave_every_s=0.0,
    pause_every_s=0.0,
    pause_s_max=20,
    jump_every_s=0.0,
    jump_s_max=0.0,
    collect_every_s=20,
)
SEEDS_MAX = 40

pytestmark = pytest.mark.slow


def caught(**changes: Any) -> str:
    """Run seeds until one fails; returns what it says."""
    plan = msgspec.structs.replace(PLAN, **changes)
    for seed in range(SEEDS_MAX):
        try:
            run(seed, plan)
        except Violation as violation:
            return str(violation)
    pytest.fail(f"{SEEDS_MAX} runs noticed nothing")


def test_the_plan_itself_is_in_order() -> None:
    for seed in range(3):
        assert run(seed, PLAN).answered > 100


def test_a_retry_that_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def retry(tx: Transaction, key: bytes, entry: Entry, due_ns: int, *, count: bool = True) -> None:
        outbox.done(tx, key)

    monkeypatch.setattr(outbox, "retry", retry)
    assert "event" in caught()


def test_a_node_that_acts_on_a_lease_that_it_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    right = outbox.retry

    def retry(tx: Transaction, key: bytes, entry: Entry, due_ns: int, *, count: bool = True) -> bytes | None:
        tx.put(key, b"")  # as if it were still there
        return right(tx, key, entry, due_ns, count=count)

    monkeypatch.setattr(outbox, "retry", retry)
    assert "twice" in caught(pause_every_s=5.0, pause_s_max=60.0)


def test_an_answer_before_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    def at_once(group: Group) -> asyncio.Future[None]:
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        answered.set_result(None)
        return answered

    monkeypatch.setattr(LoopStore, "_wait_for", staticmethod(at_once))
    assert caught(services=("s3",), shared=False, nodes=1, delay_s_max=0.0, strike_share=0.05)


def test_a_body_that_is_shared_and_released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "share", lambda tx, blob: None)
    assert caught(services=("s3",))


def test_a_permission_that_other_nodes_do_not_hear_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iam_keys, "touch", lambda tx, account, change: None)
    assert "ask" in caught(services=("iam",))
