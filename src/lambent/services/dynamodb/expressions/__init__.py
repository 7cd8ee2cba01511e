"""DynamoDB's expressions: text to checked, cached programs. Pure: no store, no clock.

The usual way through one request:

    placeholders = Placeholders(names, values)            # checks both maps; .values is the canonical map
    key = placeholders.key_condition(text)                 # KeyCondition
    condition = placeholders.condition(text, "FilterExpression")   # Condition
    projection = placeholders.projection(text)             # Projection
    update = placeholders.update(text)                     # Update
    placeholders.finish()                                  # refuses unused names, then unused values

Call them in AWS's order of checking: Query: key condition, filter, projection; Scan: filter, projection;
UpdateItem: update, condition. `check_parameters` comes before all that (mixing with legacy parameters, and names or
values without an expression). All errors are `Invalid(message)`: a ValidationException with AWS's text.

    Condition    .evaluate(item, values) -> bool       `item` is {} where there is none
                 .check_values(values)                 what needs the placeholders' definitions, in AWS's order
                 .paths                                 every document path in the text, in order
    Projection   .apply(item) -> item   .paths   .top_level
    Update       .apply(item, values, exists=True) -> item   copy on write; no item: its key, exists=False
                 .creates                               False: where there is no item it makes none (only removes)
                 .pick(item) -> item                    UPDATED_OLD of the old item, UPDATED_NEW of the new one
                 .paths  .updated_paths  .top_level     (top_level: names of updated attributes, in the text's order)
                 .assigned_types(values) -> {name: type}   of top-level targets where the text settles it (index keys)
    KeyCondition .conditions(values)                    refuses what no key condition may hold
                 .resolve(hash_name, range_name, types, values) -> KeyRange(hash, operator, low, high)
    All have     .names_used  .values_used

legacy.py makes the same classes of Expected, AttributeUpdates, KeyConditions, QueryFilter, ScanFilter, AttributesToGet;
their programs hold their own values, and `values` is then `{}`.
"""

from __future__ import annotations

from ..numbers import Invalid
from .conditions import Condition, compile_condition
from .keyconditions import KeyCondition, KeyRange, compile_key_condition
from .legacy import (
    attribute_updates,
    attributes_to_get,
    expected,
    key_conditions,
    legacy_filter,
)
from .placeholders import Placeholders, check_parameters
from .projections import Projection, compile_projection
from .syntax import Path
from .updates import Update, compile_update

__all__ = [
    "Condition",
    "Invalid",
    "KeyCondition",
    "KeyRange",
    "Path",
    "Placeholders",
    "Projection",
    "Update",
    "attribute_updates",
    "attributes_to_get",
    "check_parameters",
    "compile_condition",
    "compile_key_condition",
    "compile_projection",
    "compile_update",
    "expected",
    "key_conditions",
    "legacy_filter",
]
