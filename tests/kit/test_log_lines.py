"""Nobody writes lines of their own into a node's log, or speaks to the terminal that shows it."""

from __future__ import annotations

import logging
import sys

from lambent.kit.log_lines import OneLine


def line(message: str, *arguments: object, failed: bool = False) -> str:
    failure = sys.exc_info() if failed else None
    record = logging.LogRecord("lambent.test", logging.INFO, "", 0, message, arguments, failure)
    return OneLine().format(record)


def test_a_message_is_one_line() -> None:
    shown = line("%s failed", "a\r\n2026-11-21 ERROR lambent.iam root was deleted\x1b[2J\x9b\u2028\x7f")
    assert shown.isprintable()
    assert shown.endswith("a\\x0d\\x0a2026-11-21 ERROR lambent.iam root was deleted\\x1b[2J\\x9b\\u2028\\x7f failed")
    assert " INFO lambent.test " in shown


def test_a_traceback_looks_like_no_message() -> None:
    try:
        raise ValueError("x\n2026-11-21 ERROR lambent.iam root was deleted\x1b")
    except ValueError:
        lines = line("it failed", failed=True).split("\n")
    assert lines[0].endswith("it failed")
    assert all(one.startswith("  ") and "\x1b" not in one for one in lines[1:])
    assert any("lambent.iam" in one for one in lines[1:])
