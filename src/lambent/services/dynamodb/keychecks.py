"""Whether an item or a key fits a table's schema, in AWS's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from .errors import ValidationException, invalid_value
from .model import Index, TableRecord
from .sizes import value_size
from .values import Item

HASH_BYTES_MAX: Final = 2048
RANGE_BYTES_MAX: Final = 1024
NO_MATCH: Final = "The provided key element does not match the schema"
_EMPTY: Final = {"S": "string", "B": "binary"}
Path = tuple[Any, ...]


def check_item(table: TableRecord, item: Item) -> None:
    """An item that is to be stored has its keys, of the right types, and index keys of the right types."""
    types = table.types
    for name in table.key_names:
        value = item.get(name)
        if value is None:
            raise invalid_value(f"Missing the key {name} in the item")
        kind = next(iter(value))
        if kind != types[name]:
            raise invalid_value(f"Type mismatch for key {name} expected: {types[name]} actual: {kind}")
    if table.index_keys:
        check_index_keys(table, item)
    _check_content(table, item)


def check_index_keys(table: TableRecord, item: Item) -> None:
    """Attributes that are keys of indexes are of the right types, and not empty."""
    for name in table.index_keys:
        value = item.get(name)
        if value is None:
            continue
        ((kind, content),) = value.items()
        if kind != table.types[name]:
            raise wrong_index_type(table, name, kind)
        if kind in _EMPTY and not content:
            raise ValidationException(
                "One or more parameter values are not valid. A value specified for a secondary index key is not "
                f"supported. The AttributeValue for a key attribute cannot contain an empty {_EMPTY[kind]} value. "
                f"IndexName: {_index_with(table, name).name}, IndexKey: {name}"
            )
        is_hash = any(index.hash == name for index in table.indexes)
        if value_size(value) > (HASH_BYTES_MAX if is_hash else RANGE_BYTES_MAX):
            raise _too_big(is_hash)


def wrong_index_type(table: TableRecord, name: str, kind: str) -> ValidationException:
    """An attribute that is a key of an index is of another type."""
    return invalid_value(
        f"Type mismatch for Index Key {name} Expected: {table.types[name]} Actual: {kind} "
        f"IndexName: {_index_with(table, name).name}"
    )


def _index_with(table: TableRecord, name: str) -> Index:
    return next(index for index in table.indexes if name in (index.hash, index.range))


def check_key(table: TableRecord, key: Item) -> None:
    """A key has exactly the table's key attributes, of the right types."""
    names = table.key_names
    if len(key) != len(names):
        raise ValidationException(NO_MATCH)
    types = table.types
    for name in names:
        if name not in key or types[name] not in key[name]:
            raise ValidationException(NO_MATCH)
    _check_content(table, key, "were invalid: ")


def _check_content(table: TableRecord, item: Mapping[str, Mapping[str, Any]], words: str = "are not valid. ") -> None:
    for name in table.key_names:
        ((kind, content),) = item[name].items()
        if kind == "N":
            continue
        if not content:
            raise ValidationException(
                f"One or more parameter values {words}The AttributeValue for a key attribute cannot contain an empty "
                f"{_EMPTY[kind]} value. Key: {name}"
            )
        # A character takes four bytes at most, so most keys need no counting.
        if len(content) * 4 > RANGE_BYTES_MAX:
            is_hash = name == table.hash
            if value_size(dict(item[name])) > (HASH_BYTES_MAX if is_hash else RANGE_BYTES_MAX):
                raise _too_big(is_hash)


def _too_big(is_hash: bool) -> ValidationException:
    if is_hash:  # the missing space is AWS's
        return invalid_value(f"Size of hashkey has exceeded the maximum size limit of{HASH_BYTES_MAX} bytes")
    return invalid_value(f"Aggregated size of all range keys has exceeded the size limit of {RANGE_BYTES_MAX} bytes")


def check_scalar_paths(table: TableRecord, paths: Iterable[Path]) -> None:
    """No path looks into a key attribute of the table or of an index."""
    for path in paths:
        if len(path) > 1 and path[0] in table.types:
            kind = "Key" if path[0] in table.key_names else "IndexKey"
            raise ValidationException(
                "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: "
                f"{kind}: {path[0]}"
            )


def check_update(table: TableRecord, targets: Iterable[str], types: Mapping[str, str], paths: Iterable[Path]) -> None:
    """An update does not touch the key, and gives index keys the right types. `targets` are the updated attributes,
    `types` those that its text settles."""
    for name in targets:
        if name in table.key_names:
            raise invalid_value(f"Cannot update attribute {name}. This attribute is part of the key")
    for name in table.index_keys:
        if name in types and types[name] != table.types[name]:
            raise wrong_index_type(table, name, types[name])
    check_scalar_paths(table, paths)
