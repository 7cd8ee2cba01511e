"""One event on its way through an integration: what the integration is sent, and what of its answer comes back."""

from __future__ import annotations

import base64
import binascii
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from lambent.services.apigateway.v2.model import DEFAULT, Integration, IntegrationResponse, Stage

from ..mapping import BodyNotJson, MappingError, Scope, render, validation
from ..mapping.expressions import Answer, Sources, value
from ..mapping.scope import Multi
from ..room import Room
from .client import Happening, context
from .plan import Plan, Step
from .refusals import Failed

_NONE: Multi = MappingProxyType({})


class Call(NamedTuple):
    """An event and its route. `body` is the client's message; `headers` and `query`, by name, are a handshake's."""

    room: Room
    stage: Stage
    step: Step
    integration: Integration
    event: Happening
    scope: Scope
    body: bytes
    headers: Multi
    query: Multi

    @property
    def encoded(self) -> bool:
        """Whether the message is base 64 that stands for bytes."""
        return self.integration.content_handling == "CONVERT_TO_BINARY"

    @property
    def source(self) -> str:
        """The route, as a function's policy names who calls it."""
        return self.event.client.arn(self.event.route)


def scope_of(stage: Stage, event: Happening, body: bytes = b"", headers: Multi = _NONE, query: Multi = _NONE) -> Scope:
    """What the mappings of an event read."""
    return Scope(body=body, query=query, headers=headers, context=context(event), stage_variables=stage.variables)


def lambda_event(call: Call) -> dict[str, Any]:
    """The event that a function behind AWS_PROXY gets."""
    found: dict[str, Any] = {}
    if call.headers:
        found["headers"] = {name: values[-1] for name, values in call.headers.items()}
        found["multiValueHeaders"] = dict(call.headers)
    if call.query:
        found["queryStringParameters"] = {name: values[-1] for name, values in call.query.items()}
        found["multiValueQueryStringParameters"] = dict(call.query)
    found["requestContext"] = call.scope.context
    if call.stage.variables:
        found["stageVariables"] = call.stage.variables
    if call.event.kind == "MESSAGE":
        found["body"] = call.body.decode()
    found["isBase64Encoded"] = call.event.kind == "MESSAGE" and call.encoded
    return found


def request_body(call: Call) -> bytes:
    """What an integration that is no proxy for functions is sent: the message, or what a template makes of it."""
    integration, body = call.integration, call.body
    if call.encoded:
        body = _decoded(body)
    elif integration.content_handling == "CONVERT_TO_TEXT":
        body = base64.b64encode(body)
    templates = integration.request_templates or {}
    if integration.type.endswith("_PROXY"):
        return body
    template = templates.get(_chosen(integration.template_selection, Sources(call.scope)), templates.get(DEFAULT))
    if template is None:
        passthrough = integration.passthrough or "WHEN_NO_MATCH"
        if passthrough == "NEVER" or (passthrough == "WHEN_NO_TEMPLATES" and templates):
            raise Failed("no template for the message, and it is not passed on without", shown="Unsupported Media Type")
        return body
    return _rendered(template, call.scope)


def check_body(step: Step, plan: Plan, scope: Scope) -> None:
    """Refuse a message that does not fit the model that the route has for it."""
    models = step.route.request_models
    if not models:
        return
    name = models.get(_chosen(step.route.model_selection, Sources(scope)), models.get(DEFAULT, ""))
    schema = plan.schemas.get(name)
    if schema is None:
        return
    try:
        faults = validation.body_faults(scope.body, schema, plan.schemas.get)
    except MappingError as error:
        raise Failed(f"the model {name} cannot be used: {error}") from None
    if faults:
        raise Failed(f"the message does not fit the model {name}: {'; '.join(faults)}", 400, validation.INVALID_BODY)


def response_body(call: Call, answer: Answer) -> bytes:
    """What the client gets of an integration's answer: as it is, or what a template makes of it."""
    chosen = _response(call.step.responses, answer)
    if chosen is None:
        return answer.body
    scope = call.scope.with_body(answer.body)
    templates = chosen.response_templates or {}
    key = _chosen(chosen.template_selection, Sources(scope, answer=answer))
    template = templates.get(key, templates.get(DEFAULT))
    body = answer.body if template is None else _rendered(template, scope)
    if chosen.content_handling == "CONVERT_TO_TEXT":
        return base64.b64encode(body)
    return _decoded(body) if chosen.content_handling == "CONVERT_TO_BINARY" else body


def _response(responses: dict[str, IntegrationResponse], answer: Answer) -> IntegrationResponse | None:
    """The integration response for a status: the first whose `/pattern/` fits, else `$default`."""
    # Deferred to integrations that have responses: patterns of users run within bounds.
    from ..mapping import patterns
    from ..mapping.budget import Budget

    for key, response in responses.items():
        if key.startswith("/") and key.endswith("/"):
            try:
                if patterns.matches(patterns.compiled(key[1:-1]), str(answer.status), Budget()):
                    return response
            except MappingError:
                continue
        elif key == str(answer.status):
            return response
    return responses.get(DEFAULT)


def _chosen(selection: str | None, sources: Sources) -> str:
    """The name of a template by its selection expression."""
    if not selection or selection in (DEFAULT, "\\$default"):
        return DEFAULT
    return value(selection, sources) or DEFAULT


def _rendered(template: str, scope: Scope) -> bytes:
    try:
        return render(template, scope).text.encode()
    except BodyNotJson as error:
        raise Failed(str(error), 400, str(error)) from None
    except MappingError as error:
        raise Failed(f"a mapping template failed: {error}") from None


def _decoded(body: bytes) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise Failed("a body is not base 64, as contentHandling says") from None


def proxy_answer(payload: bytes) -> Answer:
    """What a function behind AWS_PROXY answered."""
    try:
        told = orjson.loads(payload) if payload else None
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        raise Failed("the function's answer is no object", 502)
    status = told.get("statusCode", 200)
    if isinstance(status, str) and status.isascii() and status.isdigit():
        status = int(status)
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 999:
        raise Failed("the function's answer has a statusCode that is none", 502)
    body = told.get("body")
    if body is not None and not isinstance(body, str):
        body = orjson.dumps(body).decode()
    data = (body or "").encode()
    if told.get("isBase64Encoded") is True:
        data = _decoded(data)
    headers = told.get("headers")
    shown = headers.items() if isinstance(headers, dict) else ()
    return Answer(status, {str(name): [str(text)] for name, text in shown if text is not None}, data)
