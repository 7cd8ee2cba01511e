"""What functions answer, as HTTP: formats 1.0 and 2.0, with what 2.0 infers. `Refusal` for anything else."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

import orjson

from .refusals import broken

Header = tuple[str, str]
TEXT: Final = "text/plain;charset=utf-8"
_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_HOP: Final = frozenset(
    ("connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")
)
"""Headers that belong to one connection: they are never passed on."""


class Answer:
    """A response under construction; `headers` have names in small letters."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: list[Header], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


def passed_on(name: str, value: str) -> Header | None:
    """A backend's header as the client gets it; None where it gets none. Nobody adds headers through a value: what
    could end one is refused."""
    low = name.lower()
    if low in _HOP:
        return None
    if not name or not _TOKEN.issuperset(name) or any(character in value for character in "\r\n\0"):
        raise broken("The response contains a header that is not valid.")
    return low, value


def from_payload(payload: bytes, version: str) -> Answer:
    """The answer in what a function returned."""
    try:
        told = orjson.loads(payload) if payload else None
    except orjson.JSONDecodeError:
        raise broken("The response from the Lambda function is not JSON.") from None
    if isinstance(told, dict) and "statusCode" in told:
        return _structured(told, version)
    if version != "2.0":
        raise broken("The response from the Lambda function doesn't match the format that API Gateway expects.")
    body = told.encode() if isinstance(told, str) else payload
    return Answer(200, [("content-type", "application/json")], body)


def _structured(told: dict[str, Any], version: str) -> Answer:
    headers = _headers(told.get("headers"))
    if version == "2.0":
        cookies = told.get("cookies")
        for cookie in cookies if isinstance(cookies, list) else ():
            _add(headers, "set-cookie", cookie)
    else:
        several = told.get("multiValueHeaders")
        if isinstance(several, dict):
            named = {name.lower() for name in several}
            headers = [header for header in headers if header[0] not in named]
            for name, values in several.items():
                for value in values if isinstance(values, list) else (values,):
                    _add(headers, name, value)
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", TEXT))
    return Answer(_status(told["statusCode"]), headers, _body(told))


def _status(given: Any) -> int:
    try:
        status = int(given) if not isinstance(given, bool) else 0
    except (TypeError, ValueError):
        status = 0
    if not 200 <= status <= 599:
        raise broken("The response from the Lambda function has no valid statusCode.")
    return status


def _headers(given: Any) -> list[Header]:
    headers: list[Header] = []
    if given is not None and not isinstance(given, dict):
        raise broken("The headers of the response from the Lambda function are no object.")
    for name, value in (given or {}).items():
        _add(headers, name, value)
    return headers


def _add(headers: list[Header], name: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str | int | float):
        text = str(value)
    else:
        raise broken("A header of the response from the Lambda function is no text.")
    found = passed_on(name, text)
    if found is not None:
        headers.append(found)


def _body(told: dict[str, Any]) -> bytes:
    body = told.get("body")
    if body is None:
        return b""
    if isinstance(body, int | float):
        body = orjson.dumps(body).decode()
    if not isinstance(body, str):
        raise broken("The body of the response from the Lambda function is no text.")
    if told.get("isBase64Encoded") is True:
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            raise broken("The body of the response from the Lambda function is not base64.") from None
    return body.encode("utf-8", "surrogatepass")
