"""Expressions of HTTP and WebSocket APIs: `$request.header.x`, `${request.body.a}/${context.stage}`, and what HTTP
APIs do with them (`append:header.x`, `overwrite:querystring.y`, `remove:header.z`, `overwrite:path`,
`overwrite:statuscode`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote

from . import sources
from .errors import MappingError
from .parameters import climbs
from .scope import Multi, Scope

BODY_BYTES_MAX: Final = 100 * 1024
"""What API Gateway looks at of a body before it applies a path."""
_RESERVED: Final = frozenset(
    (
        *("authorization", "connection", "content-encoding", "content-length", "content-location", "forwarded"),
        *("keep-alive", "origin", "proxy-authenticate", "proxy-authorization", "te", "trailers", "transfer-encoding"),
        *("upgrade", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"),
    )
)
_RESERVED_PREFIXES: Final = ("access-control-", "apigw-", "x-amz-", "x-amzn-")
_EMBEDDED: Final = re.compile(r"\$\{([^{}]*)\}")
_ACTION: Final = re.compile(r"(append|overwrite|remove):(header|querystring)\.(.+)", re.DOTALL)
_UNESCAPED_MAX: Final = 3
_ORDER: Final = {"remove": 0, "overwrite": 1, "append": 2}


class Answer(NamedTuple):
    """What an integration answered."""

    status: int
    headers: Multi
    body: bytes


class Sources(NamedTuple):
    """What expressions may name: the request, its path without the stage, and the answer once there is one."""

    scope: Scope
    path: str = ""
    answer: Answer | None = None


class HttpRequest(NamedTuple):
    """A request on its way to an integration. Names of headers are in lower case."""

    headers: dict[str, list[str]]
    query: dict[str, list[str]]
    path: str


class HttpResponse(NamedTuple):
    """A response on its way to the caller. Names of headers are in lower case."""

    status: int
    headers: dict[str, list[str]]


def is_reserved(header: str) -> bool:
    """Whether no mapping of an HTTP API may touch a header."""
    name = header.lower()
    return name in _RESERVED or name.startswith(_RESERVED_PREFIXES)


def value(expression: str, known: Sources) -> str | None:
    """The value of an expression: a reference (None when it has no value), or text with `${...}` in it, where what has
    no value is empty."""
    if "${" in expression:
        whole = _EMBEDDED.fullmatch(expression)
        if whole is not None:
            return _reference(whole[1], known)
        return _EMBEDDED.sub(lambda match: _reference(match[1], known) or "", expression)
    if expression.startswith("$"):
        return _reference(expression[1:], known)
    return expression


def values(expressions: Mapping[str, str], known: Sources) -> dict[str, str]:
    """Parameters of a service integration (`QueueUrl`, `MessageBody`, ...); those without a value are left out."""
    found = {name: value(expression, known) for name, expression in expressions.items()}
    return {name: text for name, text in found.items() if text is not None}


def _reference(name: str, known: Sources) -> str | None:
    """`request.header.x` and its like, without the `$`."""
    kind, _, rest = name.partition(".")
    scope = known.scope
    if kind == "context":
        return sources.from_context(scope.context, rest)
    if kind == "stageVariables":
        return sources.stage_variable(scope, rest)
    if kind == "integration" and rest.startswith("response"):
        kind, _, rest = rest.partition(".")
    place, _, rest = rest.partition(".")
    if kind == "request":
        return _of_request(place, rest, known)
    if kind == "response" and known.answer is not None:
        return _of_answer(place, rest, known.answer)
    return None


def _of_request(place: str, name: str, known: Sources) -> str | None:
    scope = known.scope
    match place:
        case "header":
            return sources.joined(sources.header(scope.headers, name))
        case "querystring":
            return sources.joined(scope.query.get(name))
        case "path":
            return scope.path.get(name) if name else known.path
        case "body":
            return sources.from_body(scope.body[:BODY_BYTES_MAX] if name else scope.body, name, plain=True)
    return None


def _of_answer(place: str, name: str, answer: Answer) -> str | None:
    match place:
        case "header":
            return sources.joined(sources.header(answer.headers, name))
        case "body":
            return sources.from_body(answer.body[:BODY_BYTES_MAX] if name else answer.body, name, plain=True)
        case "statuscode":
            return str(answer.status)
    return None


def http_request(mappings: Mapping[str, str], request: HttpRequest, known: Sources) -> HttpRequest:
    """A request with its mappings done. All values are of the request as it came. `MappingError` for a header or a path
    that is none."""
    headers = {name.lower(): list(found) for name, found in request.headers.items()}
    query = {name: list(found) for name, found in request.query.items()}
    path = request.path
    for action, place, name, text in _actions(mappings, known):
        if place == "header":
            _change_header(headers, action, name, text)
        else:
            _change(query, action, name, text)
    if (expression := mappings.get("overwrite:path")) is not None:
        path = _checked_path(value(expression, known) or "")
    return HttpRequest(headers, query, path)


def http_response(mappings: Mapping[str, str], answer: Answer, known: Sources) -> HttpResponse:
    """A response with the mappings of its status done."""
    known = known._replace(answer=answer)
    headers = {name.lower(): list(found) for name, found in answer.headers.items()}
    for action, place, name, text in _actions(mappings, known):
        if place == "header":
            _change_header(headers, action, name, text)
    status = value(mappings.get("overwrite:statuscode", ""), known) or ""
    valid = re.fullmatch(r"[2-5]\d\d", status, re.ASCII) is not None
    return HttpResponse(int(status) if valid else answer.status, headers)


def _actions(mappings: Mapping[str, str], known: Sources) -> list[tuple[str, str, str, str | None]]:
    """(action, place, name, value): what is removed first, what is appended last."""
    found = []
    for key, expression in mappings.items():
        match = _ACTION.fullmatch(key)
        if match is None or (match[2] == "header" and is_reserved(match[3])):
            continue
        action, place, name = match.groups()
        text = None if action == "remove" else value(expression, known)
        if action == "remove" or text is not None:
            found.append((action, place, name, text))
    return sorted(found, key=lambda item: _ORDER[item[0]])


def _change_header(headers: dict[str, list[str]], action: str, name: str, text: str | None) -> None:
    sources.checked_header(name, text or "")
    _change(headers, action, name.lower(), text)


def _change(parameters: dict[str, list[str]], action: str, name: str, text: str | None) -> None:
    if action == "remove":
        parameters.pop(name, None)
    elif text is not None:
        parameters[name] = [*parameters.get(name, ()), text] if action == "append" else [text]


def _checked_path(path: str) -> str:
    """A path that a mapping made, with its slash; nothing that would end a request's line or leave the endpoint."""
    if any(character <= " " or character == "\x7f" for character in path):
        raise MappingError("a path with a space or a control character")
    # What is escaped, however often, some server behind the endpoint may take for what it stands for.
    meant = path
    for _ in range(_UNESCAPED_MAX):
        meant = unquote(meant)
    if climbs(meant):
        raise MappingError("a path that leads elsewhere")
    return path if path.startswith("/") else f"/{path}"
