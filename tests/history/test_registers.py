"""The register checker: hand-made histories, brute force on small ones, and its speed."""

from __future__ import annotations

import itertools
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .operations import FOREVER, Kind, Operation, Outcome
from .registers import check_register, check_registers


def op(
    kind: Kind, begin: int, end: int, value: str | None = None, *, expected: str | None = None,
    held: bool = True, outcome: Outcome = "ok", key: str = "x",
) -> Operation:  # fmt: skip
    """An operation; for a read `value` is what it found."""
    found, value = (value, None) if kind == "read" else (None, value)
    return Operation(
        process="p", kind=kind, key=key, invoked_ns=begin, completed_ns=end,
        outcome=outcome, value=value, expected=expected, found=found, held=held,
    )  # fmt: skip


def test_a_plain_history_has_an_order() -> None:
    history = [
        op("read", 0, 1),
        op("write", 2, 3, "a"),
        op("cas", 4, 5, "b", expected="a"),
        op("cas", 6, 7, "c", expected="a", held=False),
        op("read", 8, 9, "b"),
        op("delete", 10, 11),
        op("read", 12, 13),
        op("cas", 14, 15, "d"),
    ]
    assert check_register(history) is None


def test_concurrent_reads_may_see_either_but_not_go_back() -> None:
    write = op("write", 0, 100, "a")
    assert check_register([write, op("read", 10, 20), op("read", 30, 40, "a")]) is None
    fault = check_register([write, op("read", 10, 20, "a"), op("read", 30, 40)])
    assert fault is not None
    assert "read None" in str(fault)


@pytest.mark.parametrize(
    "history",
    [
        pytest.param([op("write", 0, 1, "a"), op("read", 2, 3)], id="a lost write"),
        pytest.param([op("write", 0, 1, "a"), op("write", 2, 3, "b"), op("read", 4, 5, "a")], id="a stale read"),
        pytest.param([op("read", 0, 1, "a"), op("write", 2, 3, "a")], id="a read of the future"),
        pytest.param([op("read", 0, 1, "q")], id="a value from nowhere"),
        pytest.param([op("write", 0, 1, "a", outcome="failed"), op("read", 2, 3, "a")], id="a failed write is seen"),
        pytest.param(
            [op("write", 0, 1, "a"), op("cas", 2, 5, "b", expected="a"), op("cas", 2, 5, "c", expected="a")],
            id="both of two conditional writes hold",
        ),
        pytest.param([op("write", 0, 1, "a"), op("cas", 2, 3, "b", expected="a", held=False)], id="a wrong refusal"),
        pytest.param([op("cas", 0, 1, "a"), op("cas", 2, 3, "b")], id="created twice"),
        pytest.param([op("write", 0, 1, "a"), op("delete", 2, 3), op("read", 4, 5, "a")], id="a delete is undone"),
        pytest.param(
            [op("write", 0, 1, "a", outcome="unknown"), op("read", 2, 3, "a"), op("read", 4, 5)],
            id="an unknown write is seen and gone",
        ),
    ],
)
def test_what_no_order_explains_is_found(history: list[Operation]) -> None:
    fault = check_register(history)
    assert fault is not None
    assert "x is not linearisable" in str(fault)
    assert len(fault.stuck) >= 1


def test_an_unknown_outcome_may_have_its_effect_late_or_never() -> None:
    unknown = op("write", 0, 1, "a", outcome="unknown")
    assert check_register([unknown, op("read", 2, 3)]) is None
    assert check_register([unknown, op("read", 2, 3), op("read", 4, 5, "a")]) is None
    refused = op("cas", 6, 7, "c", expected=None, held=False)
    assert check_register([unknown, op("read", 2, 3), refused]) is None
    assert check_register([op("read", 2, 3), refused]) is not None
    gone = op("delete", 2, 3, outcome="unknown")
    assert check_register([op("write", 0, 1, "a"), gone, op("read", 4, 5, "a"), op("read", 6, 7)]) is None


def test_keys_are_apart() -> None:
    history = [op("write", 0, 1, "a", key="x"), op("read", 2, 3, "a", key="x"), op("read", 2, 3, "a", key="y")]
    assert [fault.key for fault in check_registers(history)] == ["y"]


def brute(history: list[Operation]) -> bool:
    """Whether any subset of the unknown operations with all the certain ones has an order."""
    certain = [operation for operation in history if operation.outcome == "ok"]
    unknown = [o for o in history if o.outcome == "unknown" and o.kind != "read"]
    return any(
        _legal(order)
        for count in range(len(unknown) + 1)
        for chosen in itertools.combinations(unknown, count)
        for order in itertools.permutations([*certain, *chosen])
    )


def _legal(order: tuple[Operation, ...]) -> bool:
    state: str | None = None
    latest_ns = -1
    for operation in order:
        end = operation.completed_ns if operation.outcome == "ok" else FOREVER
        if end < latest_ns:
            return False
        latest_ns = max(latest_ns, operation.invoked_ns)
        right = operation.found == state if operation.kind == "read" else True
        if operation.kind == "cas":
            right = (operation.expected == state) == operation.held
            if operation.outcome == "unknown":
                right = operation.expected == state
        if not right:
            return False
        if operation.kind in ("write", "delete") or (operation.kind == "cas" and operation.held):
            state = operation.value
    return True


VALUES = st.sampled_from(["a", "b", "c", None])


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    """Any operation, of few values and moments, so that histories often almost make sense."""
    kind: Kind = draw(st.sampled_from(["read", "write", "cas", "delete"]))
    begin = draw(st.integers(0, 8))
    outcome: Outcome = draw(st.sampled_from(["ok", "ok", "ok", "ok", "unknown", "failed"]))
    value = None if kind == "delete" else draw(VALUES)
    return op(
        kind, begin, begin + draw(st.integers(0, 5)), value,
        expected=draw(VALUES) if kind == "cas" else None,
        held=draw(st.booleans()) if kind == "cas" and outcome == "ok" else True, outcome=outcome,
    )  # fmt: skip


@pytest.mark.slow
@settings(max_examples=1500)
@given(st.lists(operations(), max_size=6))
def test_the_search_agrees_with_brute_force(history: list[Operation]) -> None:
    assert (check_register(history) is None) == brute(history)


def simulated(count: int, clients: int, seed: int, unknown: float) -> list[Operation]:
    """A history that a correct register gives: each operation happens at a moment inside its interval."""
    chance = random.Random(seed)
    state: str | None = None
    seen: list[str | None] = [None]
    history: list[Operation] = []
    for number in range(count):
        moment = number * 100
        begin, end = moment - chance.randrange(50 * clients), moment + chance.randrange(50 * clients)
        kind: Kind = chance.choice(["read", "read", "write", "cas", "delete"])
        outcome: Outcome = "unknown" if chance.random() < unknown else "ok"
        lost = outcome == "unknown" and chance.random() < 0.5
        expected = chance.choice([state, seen[-1]]) if kind == "cas" else None
        held = kind != "cas" or expected == state
        value = state if kind == "read" else None if kind == "delete" else f"v{number}"
        history.append(op(kind, begin, end, value, expected=expected, held=held or outcome != "ok", outcome=outcome))
        if kind == "read":
            seen.append(state)
        elif held and not lost:
            state = value
    return history


@pytest.mark.slow
@pytest.mark.parametrize("unknown", [0.0, 0.02])
def test_ten_thousand_operations_on_one_key_take_seconds(unknown: float) -> None:
    history = simulated(10_000, 8, 1, unknown)
    begun = time.process_time()
    assert check_register(history) is None
    assert time.process_time() - begun < 10
    broken = history[5_000]
    at = next(n for n, o in enumerate(history) if n > 5_000 and o.kind == "read" and o.outcome == "ok")
    history[at] = op("read", history[at].invoked_ns, history[at].completed_ns, "nonsense")
    begun = time.process_time()
    fault = check_register(history)
    assert fault is not None
    assert fault.taken > 4_000, broken
    assert time.process_time() - begun < 20
