"""Statements: SELECT, INSERT, UPDATE, DELETE, EXISTS."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from ..expressions import Condition, Path
from ..expressions import Update as UpdateProgram
from ..expressions.checks import Checks, Stopped
from ..expressions.editing import Edit
from ..expressions.evaluate import lookup, tester
from ..expressions.operands import producer
from ..expressions.paths import check_disjoint
from ..expressions.syntax import Call, Node, Operation, PathNode, ValueNode
from ..numbers import Invalid
from ..values import Item
from .reader import Reader
from .statements import Column, Delete, Exists, Insert, Order, Select, Statement, Update
from .tokens import malformed

CACHE_MAX: Final = 256
_RETURNING: Final = {
    ("ALL", "OLD"): "ALL_OLD",
    ("ALL", "NEW"): "ALL_NEW",
    ("MODIFIED", "OLD"): "UPDATED_OLD",
    ("MODIFIED", "NEW"): "UPDATED_NEW",
}


@lru_cache(maxsize=CACHE_MAX)
def parse(text: str) -> Statement:
    """The statement that a text is (cached; parameters come later, with `Statement.values`). `Invalid` for any other
    text."""
    reader = Reader(text)
    read = _STATEMENTS.get(reader.peek().word)
    if read is None:
        malformed("Expected data manipulation")
    reader.take()
    statement = read(reader)
    if reader.peek().kind != "end":
        reader.unexpected()
    return statement


def _select(reader: Reader) -> Select:
    columns: list[Column] = []
    if not reader.skip("*"):
        columns.append(_column(reader.path()))
        while reader.skip(","):
            columns.append(_column(reader.path()))
    reader.expect_word("FROM")
    table = reader.name()
    index = reader.name() if reader.skip(".") else None
    where = _where(reader) if reader.peek().word == "WHERE" else None
    order: list[Order] = []
    if reader.skip_word("ORDER"):
        reader.expect_word("BY")
        order.append(_order(reader))
        while reader.skip(","):
            order.append(_order(reader))
    return Select(
        table=table,
        index=index,
        columns=tuple(columns),
        where=where,
        order=tuple(order),
        select=_selector(columns),
        templates=tuple(reader.templates),
        parameters=reader.parameters,
    )


def _column(path: Path) -> Column:
    at = max(index for index, step in enumerate(path) if isinstance(step, str))
    return Column(path, f"{path[at]}{''.join(f'[{step}]' for step in path[at + 1 :])}")


def _order(reader: Reader) -> Order:
    name = reader.name()
    if reader.skip_word("DESC"):
        return Order(name, True)
    reader.skip_word("ASC")
    return Order(name, False)


def _selector(columns: list[Column]) -> Callable[[Item], Item]:
    if not columns:
        return _whole
    chosen = tuple((column.path, column.name) for column in columns)

    def select(item: Item) -> Item:
        found = ((name, lookup(item, path)) for path, name in chosen)
        return {name: value for name, value in found if value is not None}

    return select


def _whole(item: Item) -> Item:
    return item


def _where(reader: Reader) -> Condition:
    reader.expect_word("WHERE")
    node = reader.whole_condition()
    paths: list[Path] = []
    _collect_paths(node, paths)
    return Condition(tester(node), _unchecked, tuple(paths), frozenset(), frozenset(), node)


def _unchecked(values: object) -> None:
    return None


def _collect_paths(node: Node, paths: list[Path]) -> None:
    if isinstance(node, PathNode):
        paths.append(node.path)
    elif not isinstance(node, ValueNode):
        for operand in node.operands:
            _collect_paths(operand, paths)


def _insert(reader: Reader) -> Insert:
    reader.expect_word("INTO")
    table = reader.name()
    reader.expect_word("VALUE")
    if reader.peek().kind not in ("{", "?"):
        reader.unexpected()
    reader.value()
    return Insert(table=table, templates=tuple(reader.templates), parameters=reader.parameters)


def _update(reader: Reader) -> Update:
    table = reader.name()
    edits: list[Edit] = []
    while reader.peek().word in ("SET", "REMOVE"):
        section = reader.take().word
        edits.append(_edit(reader, section))
        while reader.skip(","):
            edits.append(_edit(reader, section))
    if not edits:
        reader.unexpected()
    _check_targets([edit.target for edit in edits])
    where = _where(reader)
    return Update(
        table=table,
        update=UpdateProgram(tuple(edits), _unchecked, tuple(edit.target for edit in edits)),
        where=where,
        returning=_returning(reader),
        templates=tuple(reader.templates),
        parameters=reader.parameters,
    )


def _check_targets(targets: list[Path]) -> None:
    checks = Checks("UpdateExpression", {})
    try:
        check_disjoint(targets, checks.stop)
    except Stopped:
        checks.program()({})


def _edit(reader: Reader, section: str) -> Edit:
    target = reader.path()
    if section == "REMOVE":
        return Edit("REMOVE", target, None, None)
    reader.expect("=")
    function = reader.peek().text.lower() if reader.peek().kind == "id" else ""
    if function in ("set_add", "set_delete"):
        reader.take()
        reader.expect("(")
        if reader.path() != target:
            malformed(f"The first operand of {function} must be the attribute that is set")
        reader.expect(",")
        value = reader.value()
        reader.expect(")")
        return Edit("ADD" if function == "set_add" else "DELETE", target, producer(value), None)
    node = _assigned(reader, function)
    return Edit("SET", target, producer(node), node.name if isinstance(node, ValueNode) else None)


def _assigned(reader: Reader, function: str) -> Node:
    if function in ("list_append", "if_not_exists"):
        reader.take()
        if reader.skip("("):
            first = _term(reader)
            reader.expect(",")
            second = _term(reader)
            reader.expect(")")
            if function == "if_not_exists" and not isinstance(first, PathNode):
                malformed("Operator or function requires a document path; operator or function: if_not_exists")
            return Call(function, (first, second))
        reader.unexpected()
    left = _term(reader)
    operator = reader.peek().kind
    if operator not in ("+", "-"):
        return left
    reader.take()
    return Operation(operator, (left, _term(reader)))


def _term(reader: Reader) -> Node:
    return reader.value() if reader.starts_value() else PathNode(reader.path())


def _delete(reader: Reader) -> Delete:
    reader.expect_word("FROM")
    table = reader.name()
    where = _where(reader)
    returning = _returning(reader)
    if returning not in ("NONE", "ALL_OLD"):
        raise Invalid(f"DELETE can return ALL OLD * only, not {returning}")
    return Delete(
        table=table,
        where=where,
        returning=returning,
        templates=tuple(reader.templates),
        parameters=reader.parameters,
    )


def _returning(reader: Reader) -> str:
    if not reader.skip_word("RETURNING"):
        return "NONE"
    which = reader.expect_word("ALL", "MODIFIED")
    when = reader.expect_word("OLD", "NEW")
    reader.expect("*")
    return _RETURNING[which, when]


def _exists(reader: Reader) -> Exists:
    reader.expect("(")
    reader.expect_word("SELECT")
    query = _select(reader)
    reader.expect(")")
    return Exists(table=query.table, query=query, templates=query.templates, parameters=query.parameters)


_STATEMENTS: Final[dict[str, Callable[[Reader], Statement]]] = {
    "SELECT": _select,
    "INSERT": _insert,
    "UPDATE": _update,
    "DELETE": _delete,
    "EXISTS": _exists,
}
