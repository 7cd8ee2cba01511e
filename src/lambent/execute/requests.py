"""What REST and HTTP APIs read from a request in the same way."""

from __future__ import annotations

import base64
from urllib.parse import unquote_to_bytes

from lambent.contracts.http import Request
from lambent.contracts.ports import Settings
from lambent.services.apigateway.common.addresses import PATH_PREFIX, api_host

from .addresses import Found


def asked_domain(settings: Settings, request: Request, found: Found) -> str:
    """The domain name of the API that was asked, without a port."""
    if request.path.startswith(PATH_PREFIX) or not found.domain:
        return api_host(settings, found.api, found.region).partition(":")[0]
    return found.domain


def short_id(request_id: str) -> str:
    """The other id of a request, made from the node's: 15 characters and `=`. HTTP APIs know no longer one, REST APIs
    call it the extended id."""
    try:
        raw = bytes.fromhex(request_id.replace("-", "")[:22].ljust(22, "0"))
    except ValueError:
        raw = request_id.encode("utf-8", "replace")[:11].ljust(11, b"0")
    return base64.b64encode(raw).decode()


def parse_query(query: str) -> dict[str, list[str]]:
    """The decoded values of each query parameter, in the order in which they were sent."""
    found: dict[str, list[str]] = {}
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            found.setdefault(_decoded(name), []).append(_decoded(value))
    return found


def _decoded(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace")
