"""What all kinds of APIs read from a request and write of it in the same way."""

from __future__ import annotations

import base64

from lambent.execute.requests import parse_query, short_id
from lambent.execute.times import clf_time, long_time

NOW_NS = 1_795_259_455 * 1_000_000_000 + 999_999_999


def test_moments_are_written_as_logs_and_as_java_do() -> None:
    assert clf_time(NOW_NS) == "21/Nov/2026:11:10:55 +0000"
    assert long_time(NOW_NS) == "Sat Nov 21 11:10:55 UTC 2026"
    assert (clf_time(0), long_time(0)) == ("01/Jan/1970:00:00:00 +0000", "Thu Jan 01 00:00:00 UTC 1970")


def test_the_short_id_is_of_sixteen_characters_whatever_the_id_is() -> None:
    assert base64.b64decode(short_id("01234567-89ab-cdef-0123-456789abcdef")).hex() == "0123456789abcdef012345"
    for given in ("", "ab", "not hexadecimal", "\N{SNOWMAN}" * 9):
        assert len(short_id(given)) == 16
        assert short_id(given).endswith("=")


def test_a_query_keeps_every_value_in_order() -> None:
    assert parse_query("a=1&b=x%20y+z&a=2&&c&d=%ff") == {"a": ["1", "2"], "b": ["x y z"], "c": [""], "d": ["\ufffd"]}
