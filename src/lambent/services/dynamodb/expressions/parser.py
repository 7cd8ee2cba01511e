"""Recursive descent over the tokens of an expression; what conditions and updates share.

Nesting is bounded, so that no text can exhaust the interpreter's stack: two or three frames for a level.
"""

from __future__ import annotations

from typing import Final, NoReturn

from ..numbers import Invalid
from .reserved import RESERVED
from .syntax import OPERATORS_MAX, Call, Node, Operation, Path, PathNode, Step, Token, ValueNode, tokens_of

_DEPTH_MAX: Final = 200
_INDEX_MAX: Final = 2**31 - 1
_PATH_MAX: Final = 32


class Parser:
    """Reads one expression; every failure is `Invalid`. `paths` collects the paths in the text's order."""

    keywords: frozenset[str] = frozenset()

    def __init__(self, text: str, kind: str) -> None:
        self.kind = kind
        self.paths: list[Path] = []
        self._text = text
        self._tokens = tokens_of(text, kind, self.keywords)
        self._at = 0
        self._depth = 0
        self._operators = 0
        self._groups: dict[int, int] = {}
        self._redundant = False

    def fail(self, detail: str) -> NoReturn:
        """Refuse the expression."""
        raise Invalid(f"Invalid {self.kind}: {detail}")

    def unexpected(self) -> NoReturn:
        """Refuse it for the token that comes next."""
        at = self._at
        token = self._tokens[at]
        start = self._tokens[max(at - 1, 0)].start
        end = self._tokens[min(at + 1, len(self._tokens) - 1)].end
        shown = "<EOF>" if token.kind == "end" else token.text
        self.fail(f'Syntax error; token: "{shown}", near: "{self._text[start:end].strip()}"')

    def peek(self) -> str:
        """The kind of the next token."""
        return self._tokens[self._at].kind

    def take(self) -> Token:
        """The next token, read."""
        token = self._tokens[self._at]
        self._at += 1
        return token

    def expect(self, kind: str) -> Token:
        """The next token, which must be of a kind."""
        if self.peek() != kind:
            self.unexpected()
        return self.take()

    def count_operator(self) -> None:
        """One more operator has been read."""
        self._operators += 1
        if self._operators > OPERATORS_MAX:
            self.fail(f"The expression contains too many operators; operator count: {self._operators}")

    def deeper(self) -> None:
        """One more level is open; `shallower` closes it."""
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            if self.peek() == "(":
                self.fail("The expression has redundant parentheses;")
            self.fail(f"The expression contains too many operators; operator count: {OPERATORS_MAX + 1}")

    def shallower(self) -> None:
        """The innermost level is closed."""
        self._depth -= 1

    def open(self) -> int:
        """Read an opening parenthesis; what it returns is for `close`."""
        self._at += 1
        self.deeper()
        return self._at - 1

    def close(self, opened: int) -> None:
        """Read the parenthesis that closes the one of `open`, and note a pair right around another pair."""
        if self.peek() != ")":
            self.unexpected()
        if self._groups.get(opened + 1) == self._at - 1:
            self._redundant = True
        self._groups[opened] = self._at
        self._at += 1
        self.shallower()

    def path(self) -> Path:
        """A document path."""
        if self.peek() not in ("name", "hash"):
            self.unexpected()
        steps: list[Step] = [self.take().text]
        self.more_path(steps)
        path = tuple(steps)
        self.paths.append(path)
        return path

    def more_path(self, steps: list[Step]) -> None:
        """What may follow a path's first name."""
        while True:
            kind = self.peek()
            if kind == ".":
                self.take()
                if self.peek() not in ("name", "hash"):
                    self.unexpected()
                steps.append(self.take().text)
            elif kind == "[":
                self.take()
                digits = self.expect("index").text
                self.expect("]")
                if len(digits) > 10 or int(digits) > _INDEX_MAX:
                    self.fail(f"List index is not within the allowable range; index: [{digits}]")
                steps.append(int(digits))
            else:
                break
        if len(steps) > _PATH_MAX:
            self.fail(f"The document path has too many nesting levels; nesting levels: {len(steps)}")

    def operand(self) -> Node:
        """A path, a value, a function or one of these in parentheses."""
        kind = self.peek()
        if kind == "colon":
            return ValueNode(self.take().text)
        if kind == "name" and self._tokens[self._at + 1].kind == "(":
            return self.call()
        if kind == "(":
            opened = self.open()
            inner = self.operand()
            self.close(opened)
            return self.after_group(inner)
        return PathNode(self.path())

    def after_group(self, inner: Node) -> Node:
        """What follows an operand in parentheses; conditions let a path go on."""
        return inner

    def call(self) -> Call:
        """A function and its operands; whether there is such a function is looked at later."""
        function = self.take().text
        self.take()
        self.deeper()
        operands = [self.operand()]
        while self.peek() == ",":
            self.take()
            operands.append(self.operand())
        self.expect(")")
        self.shallower()
        return Call(function, tuple(operands))

    def finish(self) -> None:
        """The expression must end here; then what is wrong whatever the placeholders mean: parentheses."""
        if self.peek() != "end":
            self.unexpected()
        if self._redundant:
            self.fail("The expression has redundant parentheses;")

    def check_reserved(self) -> None:
        """Refuse the first reserved word among the names."""
        for path in self.paths:
            for step in path:
                if step.__class__ is str and str(step).upper() in RESERVED:
                    self.fail(f"Attribute name is a reserved keyword; reserved keyword: {step}")


class ConditionParser(Parser):
    """Conditions: OR below AND below NOT below comparisons."""

    keywords = frozenset(("AND", "OR", "NOT", "BETWEEN", "IN"))

    def parse(self) -> Node:
        """The whole text as one condition."""
        root = self._expression(1)
        if self.peek() != "end" or _bare(root):
            self.unexpected()
        self.finish()
        return root

    def _expression(self, floor: int) -> Node:
        """Operators that bind as tightly as `floor` (1 OR, 2 AND, 3 NOT) or tighter. The result may be an operand,
        which the caller refuses unless it stands in parentheses and is compared."""
        if self.peek() == "NOT":
            self.take()
            self.count_operator()
            self.deeper()
            node: Node = Operation("NOT", (self._whole(self._expression(3)),))
            self.shallower()
        else:
            node = self._comparison()
        while True:
            operator = self.peek()
            rank = _RANKS.get(operator, 0)
            if not rank or rank < floor:
                return node
            parts = [self._whole(node)]
            while self.peek() == operator:
                self.take()
                self.count_operator()
                parts.append(self._whole(self._expression(rank + 1)))
            node = Operation(operator, tuple(parts))

    def _whole(self, node: Node) -> Node:
        if _bare(node):
            self.unexpected()
        return node

    def _comparison(self) -> Node:
        left = self._first()
        if isinstance(left, Operation):
            return left
        operator = self.peek()
        if operator in _COMPARATORS:
            self.take()
            self.count_operator()
            return Operation(operator, (left, self.operand()))
        if operator == "BETWEEN":
            self.take()
            self.count_operator()
            low = self.operand()
            self.expect("AND")
            return Operation(operator, (left, low, self.operand()))
        if operator == "IN":
            self.take()
            self.count_operator()
            self.expect("(")
            options = [self.operand()]
            while self.peek() == ",":
                self.take()
                options.append(self.operand())
            self.expect(")")
            return Operation(operator, (left, *options))
        return left

    def _first(self) -> Node:
        """A left operand, or a condition in parentheses."""
        if self.peek() != "(":
            return self.operand()
        opened = self.open()
        inner = self._expression(1)
        self.close(opened)
        return self.after_group(inner)

    def after_group(self, inner: Node) -> Node:
        """`(a.b).c` is a path too."""
        if self.peek() not in (".", "["):
            return inner
        if not isinstance(inner, PathNode):
            self.unexpected()
        steps = list(inner.path)
        self.more_path(steps)
        self.paths[-1] = tuple(steps)
        return PathNode(tuple(steps))


def _bare(node: Node) -> bool:
    return isinstance(node, PathNode | ValueNode)


_RANKS: Final = {"OR": 1, "AND": 2}
_COMPARATORS: Final = frozenset(("=", "<>", "<", "<=", ">", ">="))
