"""Parameter mappings: of REST APIs here, of HTTP and WebSocket APIs in `expressions`.

REST mappings are pairs of a target (`integration.request.header.x`, `method.response.header.x`) and a source
(`method.request.querystring.y`, `integration.response.body.a.b`, `context.z`, `stageVariables.z`, `'text'`). A source
that has no value sets nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from . import sources
from .errors import BodyNotJson, MappingError
from .scope import Multi, Scope

REMAPPED: Final = frozenset(
    (
        *("authorization", "connection", "content-length", "content-md5", "date", "expect", "host", "max-forwards"),
        *("proxy-authenticate", "server", "trailer", "upgrade", "user-agent", "www-authenticate"),
    )
)
"""Headers of an integration's response that reach the caller as `x-amzn-Remapped-...`, by lower-case name."""
REMAPPED_OF_PROXY: Final = frozenset(("connection", "content-length", "date", "x-amzn-requestid"))
"""The same for HTTP_PROXY integrations, where the endpoint's own headers pass."""
REFUSED_OF_AWS: Final = frozenset(
    ("authorization", "connection", "content-length", "expect", "proxy-authenticate", "te", "transfer-encoding")
)
"""Headers of a request to an AWS service that a mapping may not set: API Gateway answers 500."""
REFUSED_OF_HTTP: Final = frozenset(("content-length", "transfer-encoding"))
"""Headers of a request to an HTTP endpoint that a mapping may not set: API Gateway answers 500."""
_LABELS: Final = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*"
_HOST_CHARACTERS_MAX: Final = 300
_VARIABLE: Final = re.compile(r"\{([^{}]+?)\+?\}")


class RequestParameters(NamedTuple):
    """What mappings set in the integration request."""

    headers: dict[str, list[str]]
    query: dict[str, list[str]]
    path: dict[str, str]


def remapped(name: str) -> str:
    """The name under which a header of an integration's response (not of a proxy) reaches the caller."""
    return f"x-amzn-Remapped-{name}" if name.lower() in REMAPPED else name


def rest_request(
    mappings: Mapping[str, str], scope: Scope, *, refused: frozenset[str] = frozenset()
) -> RequestParameters:
    """The integration's request parameters. `MappingError` (500) for a header in `refused` or with a line break."""
    made = RequestParameters({}, {}, {})
    for target, source in mappings.items():
        place, _, name = target.removeprefix("integration.request.").partition(".")
        values = _rest_values(source, scope)
        if not values or not name:
            continue
        if place == "header":
            if name.lower() in refused:
                raise MappingError(f"the header {name} may not be set")
            made.headers[name] = [sources.checked_header(name, value)[1] for value in values]
        elif place == "querystring":
            made.query[name] = values
        elif place == "path":
            made.path[name] = values[-1]
    return made


def rest_response(mappings: Mapping[str, str], scope: Scope, headers: Multi) -> dict[str, list[str]]:
    """The method response's headers. `scope` has the integration's body (`Scope.with_body`), `headers` are the
    integration's. Names are as the mapping has them: see `remapped`."""
    made: dict[str, list[str]] = {}
    for target, source in mappings.items():
        name = target.removeprefix("method.response.header.")
        if name == target:
            continue
        rest = source.removeprefix("integration.response.")
        values = _rest_values(source, scope) if rest == source else _response_values(rest, scope, headers)
        if values:
            made[name] = [sources.checked_header(name, value)[1] for value in values]
    return made


def _response_values(source: str, scope: Scope, headers: Multi) -> list[str]:
    place, _, name = source.partition(".")
    if place == "body":
        return _some(sources.from_body(scope.body, name))
    found = sources.header(headers, name) if place in ("header", "multivalueheader") else []
    return found if place == "multivalueheader" else found[-1:]


def _some(value: str | None) -> list[str]:
    return [] if value is None else [value]


def _rest_values(source: str, scope: Scope) -> list[str]:
    """The values of a source of a request."""
    if len(source) >= 2 and source[0] == source[-1] == "'":
        return [source[1:-1]]
    kind, _, name = source.partition(".")
    if kind == "context":
        return _some(sources.from_context(scope.context, name))
    if kind == "stageVariables":
        return _some(sources.stage_variable(scope, name))
    if not source.startswith("method.request."):
        return []
    place, _, name = source.removeprefix("method.request.").partition(".")
    match place:
        case "path":
            return _some(scope.path.get(name))
        case "querystring":
            return list(scope.query.get(name, ()))[-1:]
        case "multivaluequerystring":
            return list(scope.query.get(name, ()))
        case "header":
            return sources.header(scope.headers, name)[-1:]
        case "multivalueheader":
            return sources.header(scope.headers, name)
        case "body":
            return _body_values(name, scope)
    return []


def _body_values(path: str, scope: Scope) -> list[str]:
    if not path:
        return [scope.body.decode("utf-8", "replace")]
    try:
        return _some(sources.from_document(scope.document(), path))
    except BodyNotJson:
        return []


def same_host(template: str, url: str) -> bool:
    """Whether an address that was filled in still leads where its template says: values in its host stand for labels,
    and turn it into no other."""
    try:
        before, after = urlsplit(template).netloc, urlsplit(url).netloc
    except ValueError:
        return False
    # No host is longer; an expression with several variables takes its time with one.
    return before == after or (len(after) <= _HOST_CHARACTERS_MAX and _host(before).fullmatch(after) is not None)


@lru_cache(256)
def _host(template: str) -> re.Pattern[str]:
    return re.compile(_LABELS.join(re.escape(piece) for piece in _VARIABLE.split(template)[::2]))


def climbs(path: str) -> bool:
    """Whether a path without its escapes has a step `.` or `..`, as some server takes it: with backslashes for slashes,
    or with parameters of its own (`..;a=1`)."""
    return any(step.partition(";")[0] in (".", "..") for step in path.replace("\\", "/").split("/"))


def filled(address: str, values: Mapping[str, str]) -> str:
    """An integration's address with `{name}` and `{name+}` replaced, percent-encoded; a name without a value is empty.
    A value in the address's query stays one value: it adds no further parameters.

    `MappingError` for a value with a step upwards (`..`), which would leave the part of the endpoint that the API
    shows.
    """

    query = address.find("?") if "?" in address else len(address)

    def value(match: re.Match[str]) -> str:
        text = values.get(match[1], "")
        if match.start() > query:
            return quote(text, safe="/-._~!$'()*,:@", errors="replace")
        greedy = match[0].endswith("+}") or match[1] == "proxy"
        if climbs(text):
            raise MappingError(f"the path parameter {match[1]} leads elsewhere")
        return quote(text, safe="/-._~!$&'()*+,;=:@" if greedy else "-._~!$&'()*+,;=:@", errors="replace")

    return _VARIABLE.sub(value, address)
