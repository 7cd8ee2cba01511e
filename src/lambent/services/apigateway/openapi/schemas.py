"""Schemas and the models that they become. They refer to each other by URL: `{base}/restapis/{api}/models/{name}`."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final

from ..model import Model

MODEL_BASE: Final = "https://apigateway.amazonaws.com"
JSON: Final = "application/json"
_LOCAL: Final = re.compile(r"^#/(?:definitions|components/schemas)/(.+)$")
_REMOTE: Final = re.compile(r"^https://apigateway\.amazonaws\.com/restapis/[^/]+/models/([A-Za-z0-9]+)$")
NAME: Final = re.compile(r"^[A-Za-z0-9]+$")


def model_url(api: str, name: str) -> str:
    """How one model names another."""
    return f"{MODEL_BASE}/restapis/{api}/models/{name}"


def referred(schema: Any) -> str | None:
    """The name of the model that a schema is a reference to; None when it is written out."""
    reference = schema.get("$ref") if isinstance(schema, dict) else None
    found = _LOCAL.match(reference) if isinstance(reference, str) else None
    return found[1] if found else None


def outward(schema: Any, api: str) -> Any:
    """A schema whose references are URLs of the API's models."""
    return _rewritten(schema, _LOCAL, lambda name: model_url(api, name))


def inward(schema: Any, prefix: str) -> Any:
    """A schema whose references point into a document, below `prefix` (`#/definitions/`)."""
    return _rewritten(schema, _REMOTE, lambda name: prefix + name)


def _rewritten(value: Any, pattern: re.Pattern[str], made: Any) -> Any:
    if isinstance(value, list):
        return [_rewritten(item, pattern, made) for item in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, item in value.items():
        hit = pattern.match(item) if key == "$ref" and isinstance(item, str) else None
        found[key] = made(hit[1]) if hit else _rewritten(item, pattern, made)
    return found


def text(schema: Any) -> str:
    """A schema as the text of a model, laid out as AWS does."""
    return json.dumps(schema, indent=2, separators=(",", " : "), ensure_ascii=False)


def model(name: str, schema: Any, api: str) -> Model:
    """The model of a schema; its id is given when it is stored."""
    description = schema.get("description") if isinstance(schema, dict) else None
    return Model(
        id="",
        name=name,
        content_type=JSON,
        schema=text(outward(schema, api)),
        description=description if isinstance(description, str) else None,
    )


def generated_name(schema: Any) -> str:
    """The name of a model made of a schema that is written out where it is used; the same for the same schema."""
    digest = hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()
    return f"MODEL{digest[:6]}"
