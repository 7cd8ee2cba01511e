"""What a mapping reads: the request, the answer of the integration, the context, the stage's variables."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from .errors import BodyNotJson
from .values import Value

_LONG_NUMBER: Final = re.compile(rb"\d{18}")
Multi = Mapping[str, list[str]]
"""Values by name, in the order in which they came."""


class Scope:
    """One request, for all its mappings.

    `body` is the payload that is mapped: the request's for request templates, the integration's for response templates.
    `path`, `query` and `headers` are those of the method request (values by name, headers as they were written).
    `context` is the `$context` tree; it belongs to this one request, and templates change it: what a request template
    sets (overrides, or any other name) the response template of the same request reads, so give both the same dict.
    """

    __slots__ = ("_document", "_text", "body", "context", "headers", "path", "query", "stage_variables")

    def __init__(
        self,
        *,
        body: bytes | str = b"",
        path: Mapping[str, str] | None = None,
        query: Multi | None = None,
        headers: Multi | None = None,
        context: dict[str, Any] | None = None,
        stage_variables: Mapping[str, str] | None = None,
    ) -> None:
        self.body: bytes = body.encode() if isinstance(body, str) else body
        self.path: Mapping[str, str] = path or {}
        self.query: Multi = query or {}
        self.headers: Multi = headers or {}
        self.context: dict[str, Any] = context if context is not None else {}
        self.stage_variables: Mapping[str, str] = stage_variables or {}
        self._document: Value = None
        self._text: str | None = None

    def with_body(self, body: bytes | str) -> Scope:
        """The same request and context with another body: the integration's answer."""
        return Scope(
            body=body,
            path=self.path,
            query=self.query,
            headers=self.headers,
            context=self.context,
            stage_variables=self.stage_variables,
        )

    def text(self) -> str:
        """The body as text; an empty one is `{}`."""
        if self._text is None:
            self._text = self.body.decode("utf-8", "replace") or "{}"
        return self._text

    def document(self) -> Value:
        """The body as JSON, read once and not to be changed; an empty body is `{}`. `BodyNotJson` otherwise."""
        if self._document is None:
            self._document = (parse_json(self.body),)
        return self._document[0]


def parse_json(body: bytes) -> Value:
    """Plain values of JSON, whole numbers of any size exact; an empty text is `{}`. `BodyNotJson` otherwise."""
    if not body.strip():
        return {}
    try:
        if _LONG_NUMBER.search(body):
            return _exact(body)
        return orjson.loads(body)
    except (ValueError, RecursionError) as error:
        raise BodyNotJson(f"Could not parse request body into json: {error}") from None


def _exact(body: bytes) -> Value:
    """Through Python's own reader, which knows whole numbers of any size and which orjson would round."""
    orjson.loads(body)  # refuses what Python's reader lets pass: NaN, bytes that are no UTF-8
    return json.loads(body)
