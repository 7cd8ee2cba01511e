"""The checker of transactions: each anomaly in a hand-made history, and brute force on small ones."""

from __future__ import annotations

import itertools
import random
import time
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .lists import check_lists
from .operations import FOREVER, Append, Outcome, Read, Transaction

Step = Append | Read


def txn(begin: int, end: int, *steps: Step, outcome: Outcome = "ok", process: str = "p") -> Transaction:
    """A transaction."""
    return Transaction(process=process, steps=steps, invoked_ns=begin, completed_ns=end, outcome=outcome)


def a(key: str, value: int) -> Append:
    """An append."""
    return Append(key, value)


def r(key: str, *found: int) -> Read:
    """A read."""
    return Read(key, found)


def names(*history: Transaction) -> list[str]:
    """The anomalies that a history has."""
    return [anomaly.name for anomaly in check_lists(history)]


def test_a_plain_history_has_no_anomaly() -> None:
    assert not names(
        txn(0, 1, r("x"), a("x", 1), r("x", 1)),
        txn(2, 5, a("x", 2), a("y", 1)),
        txn(3, 6, r("x", 1), r("y")),
        txn(7, 8, r("x", 1, 2), r("y", 1)),
        txn(7, 9, a("y", 2), outcome="failed"),
        txn(7, 9, a("y", 3), Read("x"), outcome="unknown"),
        txn(10, 11, r("y", 1, 3)),
    )


def test_g0_writes_in_a_circle() -> None:
    assert names(
        txn(0, 9, a("x", 1), a("y", 1)), txn(0, 9, a("x", 2), a("y", 2)), txn(10, 11, r("x", 1, 2), r("y", 2, 1))
    ) == ["G0"]  # fmt: skip


def test_g1a_what_was_undone_is_read() -> None:
    assert names(txn(0, 9, a("x", 1), outcome="failed"), txn(0, 9, r("x", 1))) == ["G1a"]


def test_g1b_what_was_not_final_is_read() -> None:
    found = names(txn(0, 9, a("x", 1), a("x", 2)), txn(0, 9, r("x", 1)), txn(10, 11, r("x", 1, 2)))
    assert "G1b" in found


def test_g1c_information_flows_in_a_circle() -> None:
    assert names(txn(0, 9, a("x", 1), r("y", 1)), txn(0, 9, a("y", 1), r("x", 1))) == ["G1c"]


def test_g_single_a_read_is_torn() -> None:
    history = [
        txn(0, 9, a("x", 1), a("y", 1)),
        txn(0, 9, r("x", 1), r("y")),
    ]
    (anomaly,) = check_lists(history)
    assert anomaly.name == "G-single"
    assert "T1 (p) -rw-> T0 (p): read y without 1, which the next appended" in str(anomaly)
    assert "T0 (p) -wr-> T1 (p): appended 1 to x, which the next read" in str(anomaly)
    assert set(anomaly.transactions) == set(history)


def test_g2_two_writes_skewed() -> None:
    assert names(
        txn(0, 9, r("x"), a("y", 1)), txn(0, 9, r("y"), a("x", 1)), txn(10, 11, r("x", 1), r("y", 1))
    ) == ["G2"]  # fmt: skip


def test_lost_update() -> None:
    found = names(txn(0, 9, r("x"), a("x", 1)), txn(0, 9, r("x"), a("x", 2)), txn(10, 11, r("x", 1, 2)))
    assert found[0] == "lost update"
    assert "G-single" in found


def test_an_acknowledged_append_that_later_reads_do_not_show_is_lost() -> None:
    assert names(txn(0, 1, a("x", 1)), txn(2, 3, r("x"))) == ["G-single-realtime"]
    assert names(txn(0, 1, a("x", 1)), txn(0, 1, a("x", 2)), txn(2, 3, r("x", 2))) == ["G-single-realtime"]
    assert not names(txn(0, 5, a("x", 1)), txn(2, 3, r("x")))
    assert not names(txn(0, 1, a("x", 1), outcome="unknown"), txn(2, 3, r("x")))


def test_time_may_not_run_backwards() -> None:
    assert names(
        txn(0, 1, a("x", 1)), txn(2, 3, a("x", 2)), txn(4, 5, r("x", 2, 1))
    ) == ["G0-realtime"]  # fmt: skip
    assert names(txn(2, 3, a("x", 1)), txn(0, 1, r("x", 1))) == ["G1c-realtime"]


def test_reads_that_contradict_each_other_or_themselves() -> None:
    assert "incompatible order" in names(
        txn(0, 9, a("x", 1)), txn(0, 9, a("x", 2)), txn(0, 9, r("x", 1, 2)), txn(0, 9, r("x", 2))
    )
    assert "duplicate" in names(txn(0, 9, a("x", 1)), txn(10, 11, r("x", 1, 1)))
    assert "garbage" in names(txn(0, 9, r("x", 7)))
    assert names(txn(0, 1, a("x", 1), a("x", 2)), txn(2, 3, r("x", 2, 1))) == ["G1b", "shuffled"]
    assert "internal" in names(txn(0, 9, a("x", 1), r("x")))
    assert "internal" in names(txn(0, 9, a("x", 1)), txn(10, 11, r("x", 1), r("x")))


def test_an_unknown_transaction_that_was_seen_happened_whole() -> None:
    unknown = txn(0, 1, a("x", 1), a("y", 1), outcome="unknown")
    assert not names(unknown, txn(2, 3, r("x", 1), r("y", 1)))
    assert names(unknown, txn(2, 3, r("x", 1), r("y"))) == ["G-single"]


def test_values_are_unique() -> None:
    with pytest.raises(ValueError, match="appended to x twice"):
        check_lists([txn(0, 1, a("x", 1)), txn(2, 3, a("x", 1))])


def brute(history: list[Transaction]) -> bool:
    """Whether any subset of the unknown transactions with all that are certain has an order."""
    certain = [transaction for transaction in history if transaction.outcome == "ok"]
    unknown = [transaction for transaction in history if transaction.outcome == "unknown"]
    return any(
        _legal(order)
        for count in range(len(unknown) + 1)
        for chosen in itertools.combinations(unknown, count)
        for order in itertools.permutations([*certain, *chosen])
    )


def _legal(order: tuple[Transaction, ...]) -> bool:
    lists: dict[str, tuple[int, ...]] = defaultdict(tuple)
    latest_ns = -1
    for transaction in order:
        if (transaction.completed_ns if transaction.outcome == "ok" else FOREVER) < latest_ns:
            return False
        latest_ns = max(latest_ns, transaction.invoked_ns)
        for step in transaction.steps:
            if isinstance(step, Append):
                lists[step.key] += (step.value,)
            elif transaction.outcome == "ok" and step.found != lists[step.key]:
                return False
    return True


@st.composite
def histories(draw: st.DrawFn) -> list[Transaction]:
    """Small histories. Transactions run one by one in some order, each on the lists as they were a while ago at times,
    and what came out is told with errors at times: many make sense, and many almost do."""
    states: list[dict[str, tuple[int, ...]]] = [{"x": (), "y": ()}]
    history: list[Transaction] = []
    for number in range(draw(st.integers(1, 5))):
        outcome: Outcome = draw(st.sampled_from(["ok", "ok", "ok", "unknown", "failed"]))
        happens = outcome == "ok" or draw(st.integers(0, 3)) < (2 if outcome == "unknown" else 1)
        lists = dict(states[-1] if draw(st.integers(0, 3)) else draw(st.sampled_from(states)))
        appended: list[Append] = []
        steps: list[Step] = []
        for place in range(draw(st.integers(1, 3))):
            key = draw(st.sampled_from(["x", "y"]))
            if draw(st.booleans()):
                step = Append(key, number * 10 + place)
                lists[key] += (step.value,)
                appended.append(step)
                steps.append(step)
            else:
                steps.append(Read(key, lists[key] if outcome == "ok" else None))
        begin = draw(st.integers(0, 6)) + number
        history.append(txn(begin, begin + draw(st.integers(0, 6)), *steps, outcome=outcome))
        if happens:
            now = dict(states[-1])
            for step in appended:
                at = len(now[step.key]) if draw(st.integers(0, 5)) else draw(st.integers(0, len(now[step.key])))
                now[step.key] = (*now[step.key][:at], step.value, *now[step.key][at:])
            states.append(now)
    return history


@pytest.mark.slow
@settings(max_examples=2500)
@given(histories())
def test_the_graph_agrees_with_brute_force(history: list[Transaction]) -> None:
    assert (not check_lists(history)) == brute(history)


@pytest.mark.slow
def test_ten_thousand_transactions_take_seconds() -> None:
    chance = random.Random(1)
    lists: dict[str, tuple[int, ...]] = defaultdict(tuple)
    history: list[Transaction] = []
    for number in range(10_000):
        steps: list[Step] = []
        for place, key in enumerate(chance.sample([f"k{number // 500}-{n}" for n in range(6)], chance.randint(1, 4))):
            if chance.random() < 0.5:
                lists[key] += (number * 10 + place,)
                steps.append(Append(key, number * 10 + place))
            else:
                steps.append(Read(key, lists[key]))
        history.append(txn(number * 10 - chance.randrange(80), number * 10 + chance.randrange(80), *steps))
    begun = time.process_time()
    assert not check_lists(history)
    assert time.process_time() - begun < 20
    torn = next(n for n, t in enumerate(history) if n > 5_000 and isinstance(t.steps[0], Read) and t.steps[0].found)
    first = history[torn].steps[0]
    assert isinstance(first, Read)
    assert first.found is not None
    history[torn] = txn(
        history[torn].invoked_ns,
        history[torn].completed_ns,
        Read(first.key, first.found[:-1]),
        *history[torn].steps[1:],
    )
    begun = time.process_time()
    assert check_lists(history)
    assert time.process_time() - begun < 20
