"""Reading many items: pages of a table or an index, filtered and projected, and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import orjson

from lambent.contracts.ports import Reader
from lambent.kit import Context

from . import keys
from .capacity import Consumed, wanted
from .errors import ValidationException, invalid_value
from .expressions.conditions import Condition
from .expressions.projections import Projection
from .keychecks import NO_MATCH
from .keys import Stored
from .model import Index, TableRecord
from .sizes import read_units
from .values import Item, Value

PAGE_BYTES_MAX: Final = 1 << 20
_CHUNK: Final = 64
_INVALID_START: Final = "The provided starting key is invalid"


class Wanted(NamedTuple):
    """What a Query or Scan asks to see: its expressions, and their values."""

    filter: Condition | None
    projection: Projection | None
    values: Mapping[str, Value]


class Page(NamedTuple):
    """A page: what passed the filter and how many that are, how many were read, where it ended (None: at the end), and
    its cost."""

    items: list[Any]
    passed: int
    scanned: int
    last: Item | None
    consumed: Consumed


def find_index(table: TableRecord, req: Mapping[str, Any]) -> Index | None:
    """The index that a request names; None for the table itself."""
    name = req.get("IndexName")
    if name is None:
        return None
    index = table.by_name.get(name)
    if index is None or index.status == "DELETING":
        raise ValidationException(f"The table does not have the specified index: {name}")
    if index.status == "CREATING":
        raise ValidationException(f"Cannot read from backfilling global secondary index: {name}")
    if not index.local and req.get("ConsistentRead"):
        raise ValidationException("Consistent reads are not supported on global secondary indexes")
    return index


def check_start_names(table: TableRecord, index: Index | None, start: Item) -> None:
    """A start key has as many attributes as it must have, and a fitting hash key."""
    names = set(table.key_names)
    if index is not None:
        names |= {name for name in (index.hash, index.range) if name}
    if len(start) != len(names):
        raise ValidationException(_INVALID_START)
    _check_start_key(table, index.hash if index is not None else table.hash, start)


def check_start_range(table: TableRecord, index: Index | None, start: Item) -> None:
    """A start key has the fitting range key."""
    name = index.range if index is not None else table.range
    if name:
        _check_start_key(table, name, start)


def _check_start_key(table: TableRecord, name: str, start: Item) -> None:
    if name not in start:
        raise ValidationException(_INVALID_START)
    if table.types[name] not in start[name]:
        raise ValidationException(NO_MATCH)


def check_start_item(table: TableRecord, start: Item) -> None:
    """A start key has the table's key attributes."""
    for name in table.key_names:
        if name not in start or table.types[name] not in start[name]:
            raise ValidationException(f"{_INVALID_START}: {NO_MATCH}")


def check_select(req: Mapping[str, Any], index: Index | None) -> None:
    """Select fits what is read."""
    select = req.get("Select")
    if select == "ALL_ATTRIBUTES" and index is not None and not index.local and index.projection != "ALL":
        raise invalid_value(
            f"Select type ALL_ATTRIBUTES is not supported for global secondary index {index.name} "
            "because its projection type is not ALL"
        )
    if select == "ALL_PROJECTED_ATTRIBUTES" and index is None:
        raise invalid_value("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")


def check_selected(req: Mapping[str, Any]) -> None:
    """Select fits the projection that is asked for."""
    select = req.get("Select")
    named = next((name for name in ("AttributesToGet", "ProjectionExpression") if name in req), None)
    if named is not None and select not in (None, "SPECIFIC_ATTRIBUTES"):
        shown = "only the Count" if select == "COUNT" else select
        raise ValidationException(f"Cannot specify the {named} when choosing to get {shown}")
    if named is None and select == "SPECIFIC_ATTRIBUTES":
        raise ValidationException(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
        )


def position(table: TableRecord, index: Index | None, start: Item) -> bytes:
    """The key of the item or the entry that a start key means."""
    own = keys.item_key(table, start)
    if index is None:
        return keys.items_prefix(table) + own
    found = keys.entry_key(table, index, start, own)
    assert found is not None
    return found


class Pager:
    """Reads one page for a request."""

    def __init__(
        self, ctx: Context, tx: Reader, table: TableRecord, index: Index | None, req: Mapping[str, Any], asked: Wanted
    ) -> None:
        self._ctx = ctx
        self._tx = tx
        self._table = table
        self._index = index
        self._asked = asked
        self._limit: int | None = req.get("Limit")
        self._consistent: bool = req.get("ConsistentRead", False)
        self._counts = req.get("Select") == "COUNT"
        self._fetches = self._needs_items(req)
        self._fetched_units = 0.0

    def _needs_items(self, req: Mapping[str, Any]) -> bool:
        """Whether the items behind a local index's entries have to be read."""
        index = self._index
        if index is None or index.projection == "ALL":
            return False
        if req.get("Select") == "ALL_ATTRIBUTES":
            return True
        projection = self._asked.projection
        held = self._table.projections[index.number]
        missing = [name for name in projection.top_level if held is not None and name not in held] if projection else []
        if missing and not index.local:
            raise invalid_value(f"Global secondary index {index.name} does not project {', '.join(missing)}")
        return bool(missing)

    def read(self, begin: bytes, end: bytes, *, reverse: bool = False) -> Page:
        """The page of the keys from `begin` up to `end`."""
        items: list[Any] = []
        size = scanned = count = 0
        last: bytes = b""
        show = self._shower()
        ended = False
        while not ended:
            chunk = _CHUNK if self._limit is None else min(self._limit - scanned, _CHUNK)
            rows = self._tx.scan(begin, end, limit=chunk, reverse=reverse)
            for key, stored in rows:
                scanned += 1
                size += Stored.size(stored)
                found = show(key, stored)
                if found is not None:
                    count += 1
                    if not self._counts:
                        items.append(found)
                if size >= PAGE_BYTES_MAX:
                    return self._page(items, count, scanned, size, key)
                last = key
            if scanned == self._limit:
                return self._page(items, count, scanned, size, last)
            ended = len(rows) < chunk
            if rows:
                begin, end = (begin, last) if reverse else (last + b"\x00", end)
        return self._page(items, count, scanned, size, b"")

    def _shower(self) -> Callable[[bytes, bytes], Any]:
        """A function of a row's key and value: what is shown of it, None when the filter is against it."""
        asked, fetches = self._asked, self._fetches
        condition, projection = asked.filter, asked.projection
        if condition is None and projection is None and not fetches:
            if self._ctx.request is None:
                return lambda key, stored: orjson.loads(Stored.json(stored))
            return lambda key, stored: orjson.Fragment(Stored.json(stored))

        def show(key: bytes, stored: bytes) -> Any:
            item: Item = orjson.loads(Stored.json(stored))
            if fetches:
                item = self._fetch(item)
            if condition is not None and not condition.evaluate(item, asked.values):
                return None
            return item if projection is None else projection.apply(item)

        return show

    def _fetch(self, entry: Item) -> Item:
        stored = self._tx.get(keys.items_prefix(self._table) + keys.item_key(self._table, entry))
        assert stored is not None
        self._fetched_units += read_units(Stored.size(stored), self._consistent)
        item: Item = orjson.loads(Stored.json(stored))
        return item

    def _page(self, items: list[Any], count: int, scanned: int, size: int, last: bytes) -> Page:
        consumed = Consumed(self._table, "Read")
        units = read_units(size, self._consistent)
        if self._index is None:
            consumed.add(units, {})
        else:
            consumed.add(self._fetched_units, {self._index.name: units})
        consumed.charge(self._ctx, self._tx)
        return Page(items, count, scanned, self._key_at(last) if last else None, consumed)

    def _key_at(self, key: bytes) -> Item:
        """The LastEvaluatedKey of the item or entry at a key."""
        stored = self._tx.get(key)
        assert stored is not None
        item: Item = orjson.loads(Stored.json(stored))
        names = self._table.key_names
        if self._index is not None:
            names = (*names, *(name for name in (self._index.hash, self._index.range) if name))
        return {name: item[name] for name in names}

    def answer(self, req: Mapping[str, Any], page: Page) -> dict[str, Any]:
        """The answer to a Query or Scan."""
        result: dict[str, Any] = {"Count": page.passed, "ScannedCount": page.scanned}
        if not self._counts:
            result["Items"] = page.items
        if page.last is not None:
            result["LastEvaluatedKey"] = page.last
        asked = wanted(req)
        if asked:
            result["ConsumedCapacity"] = page.consumed.view(asked)
        return result
