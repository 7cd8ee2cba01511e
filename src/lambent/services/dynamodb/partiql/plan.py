"""How a SELECT is read, and which item a write means: what the WHERE clause says of the keys.

A SELECT becomes ranges of store keys: one for each hash key that the clause names (`=`, IN), narrowed by what it says
of the range key; without a hash key, the whole table or index. The clause itself is the filter of all of them, so a
range only has to hold everything that can match.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from .. import keys
from ..errors import ValidationException
from ..expressions.keyconditions import KeyRange
from ..model import Index, TableRecord
from ..values import Item, Value
from .statements import Delete, Insert, Order, Select, Statement, Update
from .terms import Term, terms_of

_NO_KEY: Final = "Where clause does not contain a mandatory equality on all key attributes"
_WRONG_TYPE: Final = "One or more parameter values were invalid: Condition parameter type does not match schema type"
_NO_WHERE: Final = "Must have WHERE clause in the statement when using ORDER BY clause."
_NO_HASH: Final = "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause."
_RANGES: Final = frozenset(("=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"))
Values = Mapping[str, Value]


class Plan(NamedTuple):
    """Ranges of store keys (from, up to) in the order in which they are read, each backwards with `reverse`. `single`:
    each holds one item at most. `whole`: a full scan. `hashes` are the hash keys asked for."""

    ranges: tuple[tuple[bytes, bytes], ...]
    reverse: bool
    single: bool
    whole: bool
    hashes: tuple[Value, ...]


def plan(table: TableRecord, index: Index | None, statement: Select, values: Values) -> Plan:
    """How a SELECT of a table, or an index of it, is read."""
    hash_name, range_name = (index.hash, index.range) if index is not None else (table.hash, table.range)
    terms = terms_of(statement.where.node if statement.where is not None else None)
    hashes = _hashes(table, hash_name, terms.get(hash_name, ()), values)
    prefix = keys.items_prefix(table) if index is None else keys.entries_prefix(table, index)
    first_down, reverse = _directions(statement, hash_name, range_name, hashes)
    if not hashes:
        return Plan((keys.slot_range(prefix),), False, False, True, ())
    if statement.order:
        hashes = sorted(hashes, key=keys.key_bytes, reverse=first_down)
    tests = [_key_range(table, range_name, term, values) for term in terms.get(range_name, ()) if range_name]
    narrowed = [test for test in tests if test is not None]
    ranges = tuple(_narrow(prefix, value, narrowed) for value in hashes)
    single = index is None and (not range_name or any(test.operator == "=" for test in narrowed))
    return Plan(ranges, reverse, single, False, tuple(hashes))


def _hashes(table: TableRecord, name: str, terms: Sequence[Term], values: Values) -> list[Value]:
    """The hash keys that a clause leaves; none where it does not say."""
    for term in sorted(terms, key=lambda term: term.operator != "="):
        if term.operator in ("=", "IN"):
            found = {keys.key_bytes(_typed(table, name, values[value])): values[value] for value in term.values}
            return list(found.values())
    return []


def _typed(table: TableRecord, name: str, value: Value) -> Value:
    if table.types[name] not in value:
        raise ValidationException(_WRONG_TYPE)
    return value


def _key_range(table: TableRecord, name: str, term: Term, values: Values) -> KeyRange | None:
    """A test of the range key as a query's; None for what is left to the filter."""
    if term.operator not in _RANGES or (term.operator == "begins_with" and table.types[name] == "N"):
        return None
    found = [_typed(table, name, values[value]) for value in term.values]
    return KeyRange({}, term.operator, found[0], found[1] if len(found) > 1 else None)


def _narrow(prefix: bytes, value: Value, tests: list[KeyRange]) -> tuple[bytes, bytes]:
    begin, end = keys.key_range(prefix, value, KeyRange(value, None, None, None))
    for test in tests:
        low, high = keys.key_range(prefix, value, test._replace(hash=value))
        begin, end = max(begin, low), min(end, high)
    return begin, max(begin, end)


def _directions(statement: Select, hash_name: str, range_name: str, hashes: Sequence[Value]) -> tuple[bool, bool]:
    """Whether ORDER BY wants the hash keys, and each one's range keys, in descending order."""
    if not statement.order:
        return False, False
    if statement.where is None:
        raise ValidationException(_NO_WHERE)
    if not hashes:
        raise ValidationException(_NO_HASH)
    for order in statement.order:
        if order.name not in (hash_name, range_name):
            raise ValidationException(
                f"Variable reference {order.name} in ORDER BY clause must be part of the primary key"
            )
    if len(hashes) > 1 and statement.order[0].name != hash_name:
        raise ValidationException(
            f"The first attribute in the ORDER BY clause must be {hash_name} where it is not held to one value"
        )
    return _descending(statement.order, hash_name), _descending(statement.order, range_name)


def _descending(orders: Sequence[Order], name: str) -> bool:
    return next((order.descending for order in orders if order.name == name), False)


def leading_keys(table: TableRecord, statement: Statement, values: Values) -> tuple[str, ...]:
    """The hash keys that a statement names, as text; none where it says nothing that would fit."""
    if isinstance(statement, Insert):
        given = statement.item(dict(values)).get(table.hash)
        return (str(next(iter(given.values()))),) if given else ()
    where = statement.where if isinstance(statement, Select | Update | Delete) else None
    index = table.by_name.get(statement.index or "") if isinstance(statement, Select) else None
    name = index.hash if index is not None else table.hash
    terms = terms_of(where.node if where is not None else None).get(name, ())
    chosen = next((term for term in terms if term.operator == "="), None) or next(
        (term for term in terms if term.operator == "IN"), None
    )
    found = [values[value] for value in chosen.values] if chosen is not None else []
    return tuple(str(next(iter(value.values()))) for value in found)


def item_key(table: TableRecord, statement: Select | Update | Delete, values: Values) -> Item:
    """The key of the one item that a write, or a statement in a transaction, is about."""
    terms = terms_of(statement.where.node if statement.where is not None else None)
    key: Item = {}
    for name in table.key_names:
        found = next((term for term in terms.get(name, ()) if term.operator == "="), None)
        if found is None:
            raise ValidationException(_NO_KEY)
        key[name] = _typed(table, name, values[found.values[0]])
    return key
