"""Request validators: required parameters and bodies against models, before the integration is asked."""

from __future__ import annotations

from ..mapping import validation
from .exchange import Exchange
from .refusals import Refusal
from .transform import scope_of


def validate(x: Exchange) -> None:
    """Let the request pass, or raise its `Refusal` of 400."""
    validator, method = x.route.validator, x.route.method
    if validator is None:
        return
    if validator.parameters and method.parameters:
        missing = validation.missing_parameters(method.parameters, scope_of(x))
        if missing:
            raise Refusal("BAD_REQUEST_PARAMETERS", validation.missing_text(missing))
    if validator.body and method.models:
        _body(x)


def _body(x: Exchange) -> None:
    models = x.plan.snapshot.models
    name = validation.model_name(x.route.method.models or {}, x.request.headers.get("content-type", ""))
    model = models.get(name or "")
    if model is None or not model.schema:
        return

    def schema_of(other: str) -> str | None:
        found = models.get(other)
        return found.schema if found is not None else None

    faults = validation.body_faults(x.body, model.schema, schema_of)
    if faults:
        text = validation.fault_text(faults)
        raise Refusal("BAD_REQUEST_BODY", validation.INVALID_BODY, validation=text, note=text)
