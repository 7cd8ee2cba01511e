"""The checker of histories accepts what has an order, and only that."""

from __future__ import annotations

from collections.abc import Hashable

import pytest

from .linear import History, Operation
from .loop import Violation


class Register:
    """A value that is written, read, and compared and set."""

    initial: Hashable = 0

    def apply(self, state: int, operation: Operation) -> tuple[Hashable, Hashable]:
        """See `linear.Spec`."""
        if operation.kind == "write":
            return operation.args[0], "done"
        if operation.kind == "swap":
            return (operation.args[1], True) if state == operation.args[0] else (state, False)
        return state, state


@pytest.fixture
def history() -> History:
    return History("register", Register())


def test_one_after_another(history: History) -> None:
    history.returns(history.begin("write", 1), "done")
    history.returns(history.begin("read"), 1)
    assert history.states() == {1}


def test_a_stale_read_has_no_order(history: History) -> None:
    history.returns(history.begin("write", 1), "done")
    history.returns(history.begin("write", 2), "done")
    with pytest.raises(Violation, match="observed 1"):
        history.returns(history.begin("read"), 1)


def test_a_read_beside_a_write_sees_either(history: History) -> None:
    write = history.begin("write", 1)
    history.returns(history.begin("read"), 0)
    history.returns(history.begin("read"), 1)
    # Once somebody has seen it, it is there.
    with pytest.raises(Violation):
        history.returns(history.begin("read"), 0)
    assert write.kind == "write"


def test_two_reads_cannot_see_two_writes_in_both_orders(history: History) -> None:
    one, two = history.begin("write", 1), history.begin("write", 2)
    early, late = history.begin("read"), history.begin("read")
    history.returns(early, 1)
    history.returns(late, 2)
    history.returns(one, "done")
    history.returns(two, "done")
    assert history.states() == {1, 2}
    with pytest.raises(Violation):
        history.returns(history.begin("read"), 0)


def test_one_swap_wins(history: History) -> None:
    one, two = history.begin("swap", 0, 1), history.begin("swap", 0, 2)
    history.returns(one, True)
    with pytest.raises(Violation):
        history.returns(two, True)


def test_a_lost_write_was_or_was_not_until_somebody_looks(history: History) -> None:
    history.vanishes(history.begin("write", 1))
    assert history.states() == {0, 1}
    history.returns(history.begin("read"), 0)
    # Its node is dead: it cannot come later.
    with pytest.raises(Violation):
        history.returns(history.begin("read"), 1)


def test_a_write_that_failed_is_never_seen(history: History) -> None:
    write = history.begin("write", 1)
    read = history.begin("read")
    history.fails(write)
    with pytest.raises(Violation):
        history.returns(read, 1)


def test_a_write_that_was_seen_cannot_fail(history: History) -> None:
    write = history.begin("write", 1)
    history.returns(history.begin("read"), 1)
    with pytest.raises(Violation):
        history.fails(write)
