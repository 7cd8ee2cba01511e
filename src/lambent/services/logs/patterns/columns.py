"""Patterns for space-delimited text: `[ip, user, ..., status = 4* || status >= 500, bytes]`.

A message splits at spaces; what stands in double quotes or in square brackets is one column. The numbers of columns
must agree, unless an ellipsis stands for any number of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from .text import DEPTH_MAX, Scanner, ValueTest, invalid, value_test

_NAME = re.compile(r"[A-Za-z_$][\w.$-]*")
_BARE = re.compile(r'[^\s,\[\]()"%&|=<>!]+')
_COLUMN = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|\[([^\]]*)\]|(\S+))')
_COLUMNS_MAX = 64

ColumnTest = Callable[[str], bool]
_Compared = tuple[str, ColumnTest | None]
"""A column's name, and its comparison where there is one."""


def split(message: str) -> list[str]:
    """The columns of a message."""
    columns: list[str] = []
    at = 0
    while found := _COLUMN.match(message, at):
        columns.append(next(group for group in found.groups() if group is not None))
        at = found.end()
    return columns


class ColumnsPattern:
    """A compiled pattern of columns. `_ellipsis` is the position of `...`, or None."""

    def __init__(self, scanner: Scanner) -> None:
        self._names: list[str] = []
        self._tests: list[ColumnTest | None] = []
        self._ellipsis: int | None = None
        scanner.expect("[")
        if not scanner.take("]"):
            self._column(scanner)
            while scanner.take(","):
                self._column(scanner)
            scanner.expect("]")
        if not scanner.end():
            raise invalid("text after the closing bracket")

    def _column(self, scanner: Scanner) -> None:
        if len(self._tests) >= _COLUMNS_MAX:
            raise invalid("too many columns")
        if scanner.take("..."):
            if self._ellipsis is not None:
                raise invalid("more than one ellipsis")
            self._ellipsis = len(self._tests)
            return
        scanner.space()
        if scanner.peek(",") or scanner.peek("]"):
            self._names.append("")
            self._tests.append(None)
            return
        name, test = _either(scanner, "", 0)
        self._names.append(name)
        self._tests.append(test)

    def match(self, message: str) -> dict[str, str] | None:
        """The columns by `$name` (`$1`, `$2`, ... where there is none), or None."""
        if not self._tests and self._ellipsis is None:
            return {}
        columns = split(message)
        missing = len(columns) - len(self._tests)
        if missing < 0 or (missing and self._ellipsis is None):
            return None
        found: dict[str, str] = {}
        for position, (name, test) in enumerate(zip(self._names, self._tests, strict=True)):
            at = position if self._ellipsis is None or position < self._ellipsis else position + missing
            if test is not None and not test(columns[at]):
                return None
            found[f"${name or at + 1}"] = columns[at]
        return found


def _either(scanner: Scanner, name: str, depth: int) -> _Compared:
    """`a && b || c`; every comparison of a column names that column."""
    return _joined(scanner, "||", _both, any, name, depth)


def _both(scanner: Scanner, name: str, depth: int) -> _Compared:
    return _joined(scanner, "&&", _single, all, name, depth)


def _joined(
    scanner: Scanner,
    sign: str,
    part: Callable[[Scanner, str, int], _Compared],
    verdict: Callable[[Iterable[bool]], bool],
    name: str,
    depth: int,
) -> _Compared:
    """Parts with `sign` between them: where there are several, each must compare, and `verdict` is of all of them."""
    name, test = part(scanner, name, depth)
    tests = [test]
    while scanner.take(sign):
        name, test = part(scanner, name, depth)
        tests.append(test)
    if len(tests) == 1:
        return name, tests[0]
    known = [test for test in tests if test is not None]
    if len(known) != len(tests):
        raise invalid("a comparison is missing")
    return name, lambda column: verdict(test(column) for test in known)


def _single(scanner: Scanner, name: str, depth: int) -> _Compared:
    if depth > DEPTH_MAX:
        raise invalid("parentheses are nested too deep")
    if scanner.take("("):
        name, test = _either(scanner, name, depth + 1)
        scanner.expect(")")
        return name, test
    scanner.space()
    found = scanner.match(_NAME)
    if not found:
        raise invalid(f"expected a column's name at position {scanner.at}")
    if name and found != name:
        raise invalid(f"the column {name} is compared under the name {found}")
    scanner.space()
    if scanner.at < len(scanner.text) and scanner.text[scanner.at] in "=!<>":
        compare: ValueTest = value_test(scanner, _BARE)
        return found, compare
    return found, None
