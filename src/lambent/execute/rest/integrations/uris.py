"""Integration URIs: what they point at, with stage variables filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from ..refusals import misconfigured

_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.([A-Za-z0-9_]+)\}")
_FUNCTION = re.compile(r"\d{4}-\d{2}-\d{2}/functions/(arn:[^/]+)/invocations")


class Service(NamedTuple):
    """An `arn:aws:apigateway:{region}:{host}{service}:{kind}/{rest}` taken apart. `prefix` is the part of the host
    before the service, which names a resource (`{account}.iot`); `kind` is path or action."""

    region: str
    prefix: str
    name: str
    kind: str
    rest: str


def fill(text: str, variables: Mapping[str, str]) -> str:
    """`text` with its `${stageVariables.x}` replaced; an unset variable is the empty text."""
    if "${" not in text:
        return text
    return _STAGE_VARIABLE.sub(lambda match: variables.get(match[1], ""), text)


@lru_cache(1024)
def service(uri: str) -> Service:
    """The service that a URI names; a `Refusal` when it names none."""
    parts = uri.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "apigateway":
        raise misconfigured(f"Invalid endpoint address: {uri}")
    kind, slash, rest = parts[5].partition("/")
    if kind not in ("path", "action") or not slash:
        raise misconfigured(f"Invalid endpoint address: {uri}")
    prefix, _, name = parts[4].rpartition(".")
    return Service(parts[3], prefix, name, kind, rest)


@lru_cache(1024)
def function(uri: str) -> str:
    """The ARN of the function that a URI names; a `Refusal` when it names none."""
    to = service(uri)
    match = _FUNCTION.fullmatch(to.rest)
    if to.name != "lambda" or match is None:
        raise misconfigured(f"Invalid endpoint address: {uri}")
    return match[1]
