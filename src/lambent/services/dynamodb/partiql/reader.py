"""What all statements are read with: tokens, names, paths, values and conditions."""

from __future__ import annotations

from typing import Final, NoReturn

from ..expressions import Path
from ..expressions.syntax import Call, Node, Operation, PathNode, Step, ValueNode
from ..values import canonical
from .templates import BagTemplate, ListTemplate, Literal, MapTemplate, Parameter, Template
from .tokens import Token, malformed, tokens_of

_DEPTH_MAX: Final = 100
_INDEX_MAX: Final = 2**31 - 1
_COMPARATORS: Final = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_FUNCTIONS: Final = {"begins_with": 2, "contains": 2, "attribute_type": 2, "size": 1}
_RANKS: Final = {"OR": 1, "AND": 2}
_WORDS: Final = {"TRUE": {"BOOL": True}, "FALSE": {"BOOL": False}, "NULL": {"NULL": True}}
_TYPES: Final = {
    "NULL": "NULL",
    "BOOL": "BOOL",
    "BOOLEAN": "BOOL",
    "INT": "N",
    "INTEGER": "N",
    "DECIMAL": "N",
    "NUMERIC": "N",
    "STRING": "S",
    "BLOB": "B",
    "LIST": "L",
    "STRUCT": "M",
    "TUPLE": "M",
}


class Reader:
    """Reads a statement from left to right; every failure is `Invalid`."""

    def __init__(self, text: str) -> None:
        self.templates: list[Template] = []
        self.parameters = 0
        self._tokens = tokens_of(text)
        self._at = 0
        self._depth = 0

    def peek(self) -> Token:
        """The next token."""
        return self._tokens[self._at]

    def take(self) -> Token:
        """The next token, read."""
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def skip(self, kind: str) -> bool:
        """Read a mark if it comes next."""
        if self.peek().kind != kind:
            return False
        self.take()
        return True

    def expect(self, kind: str) -> Token:
        """Read a token that must come next."""
        if self.peek().kind != kind:
            self.unexpected()
        return self.take()

    def skip_word(self, word: str) -> bool:
        """Read a keyword if it comes next."""
        if self.peek().word != word:
            return False
        self.take()
        return True

    def expect_word(self, *words: str) -> str:
        """Read one of some keywords."""
        word = self.peek().word
        if word not in words:
            self.unexpected()
        self.take()
        return word

    def unexpected(self) -> NoReturn:
        """Refuse the statement for the token that comes next."""
        token = self.peek()
        malformed("Unexpected end of statement" if token.kind == "end" else f"Unexpected term: {token.text}")

    def deeper(self) -> None:
        """One more level is open."""
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            malformed("Nested too deep")

    def name(self) -> str:
        """An identifier, bare or in double quotes."""
        token = self.peek()
        if token.kind not in ("id", "quoted") or not token.text:
            self.unexpected()
        return self.take().text

    def path(self) -> Path:
        """A document path: `a.b[1]`, `a['b']`."""
        steps: list[Step] = [self.name()]
        while True:
            if self.skip("."):
                steps.append(self.name())
            elif self.skip("["):
                if self.peek().kind == "string":
                    steps.append(self.take().text)
                else:
                    steps.append(self._index())
                self.expect("]")
            else:
                return tuple(steps)

    def _index(self) -> int:
        text = self.expect("number").text
        if not text.isdigit():
            malformed(f"Unexpected term: {text}")
        if len(text) > 10 or int(text) > _INDEX_MAX:
            malformed(f"List index is not within the allowable range; index: [{text}]")
        return int(text)

    def value(self) -> ValueNode:
        """A literal or a parameter, kept among the templates."""
        self.templates.append(self.template())
        return ValueNode(f":{len(self.templates) - 1}")

    def starts_value(self) -> bool:
        """Whether a literal or a parameter comes next."""
        token = self.peek()
        return token.kind in ("number", "string", "?", "[", "{", "<<", "-", "+") or token.word in _WORDS

    def template(self) -> Template:
        """A literal or a parameter."""
        token = self.take()
        if token.kind == "?":
            self.parameters += 1
            return Parameter(self.parameters - 1)
        if token.kind == "string":
            return Literal({"S": token.text})
        if token.kind == "number":
            return Literal(canonical({"N": token.text}))
        if token.kind in ("-", "+"):
            return Literal(canonical({"N": token.kind + self.expect("number").text}))
        if token.word in _WORDS:
            return Literal(_WORDS[token.word])
        self.deeper()
        if token.kind == "[":
            made: Template = ListTemplate(self._elements("]"))
        elif token.kind == "<<":
            made = BagTemplate(self._elements(">>"))
        elif token.kind == "{":
            made = MapTemplate(self._entries())
        else:
            self._at -= token.kind != "end"
            self.unexpected()
        self._depth -= 1
        return made

    def _elements(self, closing: str) -> tuple[Template, ...]:
        if self.skip(closing):
            return ()
        elements = [self.template()]
        while self.skip(","):
            elements.append(self.template())
        self.expect(closing)
        return tuple(elements)

    def _entries(self) -> tuple[tuple[str, Template], ...]:
        entries: list[tuple[str, Template]] = []
        if self.skip("}"):
            return ()
        while True:
            name = self.take() if self.peek().kind in ("string", "quoted") else self.expect("id")
            self.expect(":")
            entries.append((name.text, self.template()))
            if not self.skip(","):
                self.expect("}")
                return tuple(entries)

    def condition(self, floor: int = 1) -> Node:
        """A condition; within parentheses, also a bare operand (which a comparison then takes)."""
        if self.peek().word == "NOT":
            self.take()
            self.deeper()
            node: Node = Operation("NOT", (self._whole(self.condition(3)),))
            self._depth -= 1
        else:
            node = self._comparison()
        while True:
            word = self.peek().word
            rank = _RANKS.get(word, 0)
            if not rank or rank < floor:
                return node
            parts = [self._whole(node)]
            while self.skip_word(word):
                parts.append(self._whole(self.condition(rank + 1)))
            node = Operation(word, tuple(parts))

    def whole_condition(self) -> Node:
        """A condition that is one, and no bare operand."""
        return self._whole(self.condition())

    def _whole(self, node: Node) -> Node:
        if isinstance(node, PathNode | ValueNode) or (isinstance(node, Call) and node.function == "size"):
            self.unexpected()
        return node

    def _comparison(self) -> Node:
        left = self._operand(True)
        if isinstance(left, Operation):
            return left
        operator = _COMPARATORS.get(self.peek().kind)
        if operator is not None:
            self.take()
            return Operation(operator, (left, self._operand(False)))
        negated = self.peek().word == "NOT" and self._tokens[self._at + 1].word in ("IN", "BETWEEN")
        if negated:
            self.take()
        test: Node
        if self.skip_word("BETWEEN"):
            low = self._operand(False)
            self.expect_word("AND")
            test = Operation("BETWEEN", (left, low, self._operand(False)))
        elif self.skip_word("IN"):
            test = self._in(left)
        elif self.skip_word("IS"):
            return self._is(left)
        else:
            return left
        return Operation("NOT", (test,)) if negated else test

    def _in(self, left: Node) -> Node:
        closing = "]" if self.skip("[") else ")"
        if closing == ")":
            self.expect("(")
        options = [self._operand(False)]
        while self.skip(","):
            options.append(self._operand(False))
        self.expect(closing)
        if len(options) > 100:
            malformed(f"The IN operator is provided with too many operands; number of operands: {len(options)}")
        return Operation("IN", (left, *options))

    def _is(self, left: Node) -> Node:
        negated = self.skip_word("NOT")
        word = self.expect_word("MISSING", *_TYPES)
        if not isinstance(left, PathNode):
            self.unexpected()
        if word == "MISSING":
            return Call("attribute_exists" if negated else "attribute_not_exists", (left,))
        self.templates.append(Literal({"S": _TYPES[word]}))
        test = Call("attribute_type", (left, ValueNode(f":{len(self.templates) - 1}")))
        return Operation("NOT", (test,)) if negated else test

    def _operand(self, condition: bool) -> Node:
        if self.skip("("):
            self.deeper()
            inner = self.condition() if condition else self._operand(False)
            self.expect(")")
            self._depth -= 1
            return inner
        if self.starts_value():
            return self.value()
        if self.peek().kind == "id" and self._tokens[self._at + 1].kind == "(":
            return self._call()
        return PathNode(self.path())

    def _call(self) -> Node:
        function = self.take().text.lower()
        if function not in _FUNCTIONS:
            malformed(f"Invalid function name; function: {function}")
        self.take()
        self.deeper()
        operands: list[Node] = [PathNode(self.path())]
        while self.skip(","):
            operands.append(self._operand(False))
        self.expect(")")
        self._depth -= 1
        if len(operands) != _FUNCTIONS[function]:
            malformed(
                "Incorrect number of operands for operator or function; "
                f"operator or function: {function}, number of operands: {len(operands)}"
            )
        return Call(function, tuple(operands))
