"""The figures of made-up drills: what was lost, done twice, or late is said."""

from __future__ import annotations

import msgspec

from tests.history.operations import Append, Operation, Read, Transaction

from .balancer import Answer
from .figures import Observed, Outage, figures
from .load import Stored, body_of, content_of, etag, value_of
from .table import table
from .witness import Effect

SECOND_NS = 1_000_000_000
OUTAGE = Outage(begun_ns=10 * SECOND_NS, ended_ns=20 * SECOND_NS, ended_s=1020.0, sleeper="http://c:1")


def answers(*spans: tuple[float, float]) -> list[Answer]:
    """Ten acknowledged writes a second in each span of seconds."""
    moments = [begin + n / 10 for begin, end in spans for n in range(int((end - begin) * 10))]
    return [Answer("ok", {}, "", int(m * 1e9) - 1000, int(m * 1e9), "a", "put_object") for m in moments]


def stored(key: str, at: float, acknowledged: bool = True) -> Stored:
    """An object of ten bytes."""
    return Stored(key=key, size=10, acknowledged=acknowledged, completed_ns=int(at * 1e9), at_s=1000 + at)


SEEN = Observed(
    answers=answers((0, 10), (21, 22), (25, 40)),
    errors={},
    stored=[stored("new/1", 1), stored("new/2", 9), stored("new/3", 12, False)],
    bodies={"new/1": content_of("new/1", 10), "new/2": content_of("new/2", 10), "new/3": None},
    effects={"new/1": [Effect(1001.5, "http://a:1")], "new/2": [Effect(1016, "http://b:1")]},
    settled=True,
    operations=[],
    transactions=[],
)


def test_a_drill_without_fault_found() -> None:
    found = figures("cut", "processes", SEEN, OUTAGE)
    assert found.problems == []
    assert (found.acknowledged, found.lost, found.duplicates, found.late_acts) == (2, 0, 0, 0)
    assert found.slowest_effect_s == 7
    assert abs(found.unserved_s - 11.1) < 0.2
    assert found.served_s == 1
    assert found.full_s == 4.75
    assert found.verdict == "linearisable"
    assert "| cut | 10.0 | 2 | 0 | 0.0 |" in table([found])


def test_what_was_acknowledged_and_is_gone_or_torn() -> None:
    seen = msgspec.structs.replace(SEEN, bodies={"new/1": content_of("new/1", 10), "new/2": b"", "new/3": b"half"})
    found = figures("cut", "processes", seen, OUTAGE)
    assert found.lost == 1
    assert found.data_lost_s == 11
    assert found.problems == ["acknowledged, and not there: new/2 of 10 bytes", "there in part: new/3"]


def test_events_that_were_lost_repeated_or_done_by_who_had_slept() -> None:
    repeated = [Effect(1012, "http://b:1"), Effect(1021, "http://c:1")]
    seen = msgspec.structs.replace(SEEN, effects={"new/2": repeated})
    found = figures("stop", "processes", seen, OUTAGE)
    assert (found.events_lost, found.duplicates, found.late_acts) == (1, 1, 1)
    assert found.problems == [
        "its event had no effect: new/1",
        "begun by the node that had slept, after another node had: new/2",
    ]
    under_way = [Effect(1009.9, "http://c:1"), Effect(1018, "http://b:1")]
    found = figures(
        "stop", "processes", msgspec.structs.replace(SEEN, effects={**SEEN.effects, "new/2": under_way}), OUTAGE
    )
    assert (found.duplicates, found.late_acts, found.problems) == (1, 0, [])


def test_histories_are_judged() -> None:
    write = Operation(process="p", kind="write", key="x", invoked_ns=1, completed_ns=2, outcome="ok", value="a")
    read = Operation(process="q", kind="read", key="x", invoked_ns=3, completed_ns=4, outcome="ok")
    append = Transaction(process="p", steps=(Append("l", 1),), invoked_ns=1, completed_ns=2, outcome="ok")
    last = Transaction(process="q", steps=(Read("l", ()),), invoked_ns=3, completed_ns=4, outcome="ok")
    seen = msgspec.structs.replace(SEEN, operations=[write, read], transactions=[append, last])
    found = figures("cut", "processes", seen, OUTAGE)
    assert found.verdict == "NOT linearisable, NOT serialisable"
    assert found.lost == 1
    assert any("G-single-realtime" in problem for problem in found.problems)
    assert any(problem.startswith("acknowledged, and not there: 1 in l of p: append l 1") for problem in found.problems)


def test_a_rate_that_does_not_come_back_is_a_problem() -> None:
    found = figures("cut", "processes", msgspec.structs.replace(SEEN, answers=answers((0, 10), (21, 22))), OUTAGE)
    assert found.problems == ["the full rate did not come back"]


def test_bodies_stand_for_values() -> None:
    for value in ("1.2.0", "3.4.100000"):
        assert value_of(body_of(value)) == value
    assert len(body_of("3.4.100000")) == 100_000
    assert value_of(body_of("3.4.100000")[:-1]).startswith("torn: 99999 bytes")
    assert etag(b"") == '"d41d8cd98f00b204e9800998ecf8427e"'
