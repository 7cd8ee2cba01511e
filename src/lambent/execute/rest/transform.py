"""Between the method and its integration: what templates and parameter mappings make of a request and of an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar
from urllib.parse import unquote

from lambent.services.apigateway.model import Integration, IntegrationResponse

from ..mapping import BodyNotJson, MappingError, Overrides, Scope, overrides, patterns, render
from ..mapping import parameters as mappings
from ..mapping.budget import Budget
from . import media, variables
from .events import request_headers
from .exchange import Answer, Exchange
from .headers import clean, is_name, to_client
from .refusals import JSON, Refusal, misconfigured

T = TypeVar("T")


class Outgoing(NamedTuple):
    """An integration request: `headers` by name (as mapped), `query` as pairs, `path` values for the URI's variables
    (without escapes); `kind` is the content type of the body where no mapping says another."""

    headers: dict[str, list[str]]
    query: list[tuple[str, str]]
    path: dict[str, str]
    body: bytes
    kind: str


def scope_of(x: Exchange) -> Scope:
    """What mappings of this request read; the same for all of them, for templates leave things in its context."""
    scope = x.scope
    if scope is None:
        scope = x.scope = Scope(
            body=x.body,
            path={name: unquote(value) for name, value in x.parameters.items()},
            query=x.query_values,
            headers=request_headers(x),
            context=variables.context(x),
            stage_variables=x.variables,
        )
    return scope


def guarded(work: Callable[[], T]) -> T:
    """The result of a mapping, or the `Refusal` that its failure is."""
    try:
        return work()
    except BodyNotJson as error:
        raise Refusal("BAD_REQUEST_BODY", str(error), note=str(error)) from None
    except MappingError as error:
        raise misconfigured(f"Execution failed due to configuration error: {error}") from None


def outgoing(x: Exchange, refused: frozenset[str]) -> Outgoing:
    """The integration request. `refused` are the headers that no mapping may set for this kind of integration."""
    integration = x.route.integration
    assert integration is not None
    x.body = media.incoming(x.body, _binary_request(x), integration.content_handling)
    scope = scope_of(x)
    made = guarded(lambda: mappings.rest_request(integration.parameters, scope, refused=refused))
    body = request_body(x, integration)
    over = guarded(lambda: overrides(scope.context))
    headers = {**made.headers, **{name: [value] for name, value in over.request_headers.items()}}
    if any(name.lower() in refused for name in headers):
        raise misconfigured("A header that may not be set was overridden.")
    query = {**made.query, **{name: [value] for name, value in over.request_query.items()}}
    pairs = [(name, value) for name, values in query.items() for value in values]
    kind = x.request.headers.get("content-type") or JSON
    return Outgoing(headers, pairs, {**made.path, **over.request_path}, body, kind)


def _binary_request(x: Exchange) -> bool:
    return x.request.headers.get("content-type", JSON) in x.plan.media


def request_body(x: Exchange, integration: Integration) -> bytes:
    """The body for the integration: by the template of its content type, or as it came where that may pass."""
    template = request_template(x, integration)
    if template is None:
        return x.body
    scope = scope_of(x)
    text = guarded(lambda: render(template, scope)).text
    return text.encode("utf-8", "replace")


def request_template(x: Exchange, integration: Integration) -> str | None:
    """The template for the request's content type; None for none. A `Refusal` of 415 where nothing may pass without."""
    given = x.request.headers.get("content-type", JSON).partition(";")[0].strip().lower() or JSON
    for name, template in integration.templates.items():
        if name.lower() == given and template is not None:
            return template
    templates = integration.templates
    if integration.passthrough == "NEVER" or (integration.passthrough == "WHEN_NO_TEMPLATES" and templates):
        raise Refusal("UNSUPPORTED_MEDIA_TYPE")
    return None


class Backed(NamedTuple):
    """A backend's answer. `selector` is the text that integration responses are chosen by: the status, or the text of a
    function's error (None when it did not fail)."""

    selector: str | None
    headers: dict[str, list[str]]
    body: bytes


def choose(integration: Integration, selector: str | None) -> IntegrationResponse:
    """The integration response whose pattern matches, else the one without a pattern; a `Refusal` where there is
    none."""
    default = None
    for response in integration.responses.values():
        if not response.selection_pattern:
            default = response
        elif selector is not None and _selects(response.selection_pattern, selector):
            return response
    if default is None:
        raise misconfigured("No match for output mapping and no default endpoint mapping configured.")
    return default


def _selects(pattern: str, selector: str) -> bool:
    return guarded(lambda: patterns.matches(patterns.compiled(pattern), selector, Budget()))


def answer(x: Exchange, backed: Backed, *, mock: bool = False) -> Answer:
    """What the integration's responses make of a backend's answer. A mock has no body of its own: its templates read
    the request's."""
    integration = x.route.integration
    assert integration is not None
    chosen = choose(integration, backed.selector)
    kind = (backed.headers.get("content-type") or [""])[-1]
    wanted = x.request.headers.get("accept", "") in x.plan.media
    body = media.outgoing(backed.body, kind in x.plan.media, wanted, chosen.content_handling)
    scope = scope_of(x) if mock else scope_of(x).with_body(body)
    headers = guarded(lambda: mappings.rest_response(chosen.parameters, scope, backed.headers))
    content_type, template = _response_template(x, chosen, kind)
    if template:
        body = guarded(lambda: render(template, scope)).text.encode("utf-8", "replace")
    elif mock:
        body = b""
    over = guarded(lambda: overrides(scope.context))
    status = over.status or int(chosen.status_code)
    return Answer(status, _merged(headers, over, content_type), body)


def _merged(headers: dict[str, list[str]], over: Overrides, content_type: str) -> list[tuple[str, str]]:
    """The client's headers: those mapped, with the overrides in their place, under the names that clients get."""
    overridden = {name.lower() for name in over.response_headers}
    pairs = [(name, value) for name, values in headers.items() if name.lower() not in overridden for value in values]
    pairs += [(name, value) for name, value in over.response_headers.items() if is_name(name)]
    found = [header for name, value in pairs if (header := to_client(name, clean(value))) is not None]
    if not any(name.lower() == "content-type" for name, _ in found):
        found.append(("Content-Type", content_type))
    return found


def _response_template(x: Exchange, chosen: IntegrationResponse, kind: str) -> tuple[str, str | None]:
    """Content type and template of an answer: by what the client accepts, what the backend sent, or JSON's."""
    templates = chosen.templates
    if not templates:
        return JSON, None
    accepted = [part.partition(";")[0].strip().lower() for part in x.request.headers.get("accept", "").split(",")]
    for name in (*accepted, kind.partition(";")[0].strip().lower(), JSON):
        if name in templates:
            return name, templates[name]
    return next(iter(templates.items()))
