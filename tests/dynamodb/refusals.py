"""What an expression is refused with: the text of the error, or None."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lambent.services.dynamodb.expressions import Invalid, Placeholders

Names = Mapping[str, str] | None
Values = Mapping[str, Mapping[str, Any]] | None


def refusal(action: Callable[[], object]) -> str | None:
    """The message of the `Invalid` that an action raises; None when it raises none."""
    try:
        action()
    except Invalid as error:
        return error.message
    return None


def of_filter(text: str, names: Names = None, values: Values = None) -> str | None:
    """A FilterExpression in a request of its own."""

    def check() -> None:
        placeholders = Placeholders(names, values)
        placeholders.condition(text, "FilterExpression")
        placeholders.finish()

    return refusal(check)


def of_update(text: str, names: Names = None, values: Values = None) -> str | None:
    """An UpdateExpression in a request of its own."""

    def check() -> None:
        placeholders = Placeholders(names, values)
        placeholders.update(text)
        placeholders.finish()

    return refusal(check)


def of_key(text: str, values: Values = None) -> str | None:
    """A KeyConditionExpression in a request of its own."""

    def check() -> None:
        placeholders = Placeholders(None, values)
        condition = placeholders.key_condition(text)
        placeholders.finish()
        condition.conditions()

    return refusal(check)


def of_projection(text: str, names: Names = None) -> str | None:
    """A ProjectionExpression in a request of its own."""

    def check() -> None:
        placeholders = Placeholders(names, None)
        placeholders.projection(text)
        placeholders.finish()

    return refusal(check)
