"""Parameter mappings of integrations: what changes of a request on its way, and of an answer on its way back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlencode

from lambent.contracts.http import Request

from ..mapping.errors import MappingError
from ..mapping.expressions import Answer as Answered
from ..mapping.expressions import HttpRequest, Sources, http_request, http_response
from ..mapping.scope import Scope
from ..requests import parse_query
from .answers import Answer
from .exchange import Exchange
from .refusals import Refusal, broken
from .variables import NAMES, variable

_GONE: Final = "The mapped request leads elsewhere."


def sources_of(exchange: Exchange) -> Sources:
    """What expressions may name of a request."""
    scope = Scope(
        body=exchange.body,
        path=exchange.parameters,
        query=parse_query(exchange.request.query),
        headers={name: [value] for name, value in exchange.request.headers.items()},
        context=_context(exchange),
        stage_variables=exchange.stage.variables,
    )
    return Sources(scope, exchange.shown_path)


def _context(exchange: Exchange) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name in NAMES:
        value = variable(exchange, name)
        if value is not None:
            *above, last = name.split(".")
            place = tree
            for step in above:
                place = place.setdefault(step, {})
            place[last] = value
    given = exchange.authorizer or {}
    extra = {**(given.get("lambda") or {}), **({"claims": given["jwt"]["claims"]} if "jwt" in given else {})}
    if extra:
        tree["authorizer"] = {**tree.get("authorizer", {}), **extra}
    return tree


def mapped_request(exchange: Exchange, mappings: dict[str, str], headers: dict[str, str]) -> HttpRequest:
    """The request with an integration's mappings done; `Refusal` for one that would be no request any more."""
    query = parse_query(exchange.request.query)
    request = HttpRequest({name: [value] for name, value in headers.items()}, query, "")
    try:
        return http_request(mappings, request, sources_of(exchange))
    except MappingError as error:
        raise Refusal(400, str(error) or _GONE) from None


@contextmanager
def mapped(exchange: Exchange, mappings: dict[str, str] | None) -> Iterator[None]:
    """Within it, the exchange's request is as an integration's mappings make it: for the event of a function."""
    if not mappings:
        yield
        return
    request = exchange.request
    made = mapped_request(exchange, mappings, request.headers)
    exchange.request = Request(
        request.method,
        request.path,
        urlencode([(name, value) for name, values in made.query.items() for value in values]),
        {name: ",".join(values) for name, values in made.headers.items()},
        request.body,
        peer=request.peer,
        secure=request.secure,
        id=request.id,
    )
    exchange.mapped_path = made.path
    try:
        yield
    finally:
        exchange.request, exchange.mapped_path = request, ""


def mapped_answer(exchange: Exchange, answer: Answer, by_status: dict[str, dict[str, str]]) -> Answer:
    """An integration's answer with the mappings for its status done."""
    mappings = by_status.get(str(answer.status))
    if not mappings:
        return answer
    headers: dict[str, list[str]] = {}
    for name, value in answer.headers:
        headers.setdefault(name, []).append(value)
    try:
        made = http_response(mappings, Answered(answer.status, headers, answer.body), sources_of(exchange))
    except MappingError as error:
        raise broken(str(error)) from None
    changed = [(name, value) for name, values in made.headers.items() for value in values]
    return Answer(made.status, changed, answer.body)
