"""Values that an expression selects from a request: identity sources, and stage variables in addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ..requests import parse_query
from .exchange import Exchange
from .variables import variable

_STAGE_VARIABLE: Final = re.compile(r"\$\{stageVariables\.([A-Za-z0-9_]+)\}")


def fill(text: str, variables: Mapping[str, str]) -> str:
    """`text` with its `${stageVariables.x}` replaced; an unset variable is the empty text."""
    if "${" not in text:
        return text
    return _STAGE_VARIABLE.sub(lambda match: variables.get(match[1], ""), text)


def select(exchange: Exchange, source: str) -> str | None:
    """The value of an identity source such as `$request.header.Authorization`; None where the request has none."""
    place, _, name = source.removeprefix("$").partition(".")
    if place == "stageVariables":
        return exchange.stage.variables.get(name)
    if place == "context":
        return variable(exchange, name)
    if place != "request":
        return None
    kind, _, name = name.partition(".")
    if kind == "header":
        return exchange.request.headers.get(name.lower())
    if kind == "querystring":
        values = parse_query(exchange.request.query).get(name)
        return ",".join(values) if values else None
    return None
