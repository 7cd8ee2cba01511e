"""What a statement says, as plain structs. Conditions and updates are those of the expressions; their values are the
statement's: `statement.values(parameters)`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..expressions import Condition, Path
from ..expressions import Update as UpdateProgram
from ..values import Item, Value
from .templates import Template, fill


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    """What all have: the table, and the templates of its values with the number of `?` in them."""

    table: str
    templates: tuple[Template, ...] = ()
    parameters: int = 0

    def values(self, parameters: Sequence[Value]) -> dict[str, Value]:
        """The values under their placeholders. `Invalid` where the number of (canonical) parameters is another."""
        return fill(self.templates, self.parameters, parameters)


@dataclass(frozen=True, slots=True)
class Column:
    """A path to select, and the name that its value has in the answer: the last attribute with its indexes."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Order:
    """One key of ORDER BY."""

    name: str
    descending: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Select(_Statement):
    """SELECT: `columns` is empty for `*`; `select(item)` gives the answer's part of an item."""

    index: str | None = None
    columns: tuple[Column, ...] = ()
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    select: Callable[[Item], Item] = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert(_Statement):
    """INSERT: the item is the map under `:0` of the values."""

    def item(self, values: dict[str, Value]) -> Item:
        """The item to put; `{}` where a parameter brought no map."""
        item: Item = values[":0"].get("M", {})
        return item


@dataclass(frozen=True, slots=True, kw_only=True)
class Update(_Statement):
    """UPDATE: `returning` is a ReturnValues of UpdateItem."""

    update: UpdateProgram
    where: Condition
    returning: str = "NONE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete(_Statement):
    """DELETE: `returning` is ALL_OLD or NONE."""

    where: Condition
    returning: str = "NONE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exists(_Statement):
    """EXISTS(SELECT ...): only in transactions, a check of one item."""

    query: Select


Statement = Select | Insert | Update | Delete | Exists
