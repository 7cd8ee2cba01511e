"""What events show of a handshake."""

from __future__ import annotations

from urllib.parse import parse_qsl

from lambent.contracts.http import Request
from lambent.contracts.ports import Cloud
from lambent.services.apigateway.common.addresses import PATH_PREFIX, api_host

from ..addresses import Found

_HIDDEN = frozenset(("connection", "upgrade", "host", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"))


def domain_of(cloud: Cloud, request: Request, found: Found) -> str:
    """What stands between `://` and `/{stage}` in the URL by which a client came, the port included: a function that
    puts a scheme before it and the stage behind it has the address of the management API. For the form without name
    resolution that is `{host}:{port}/_aws/execute-api/{api}`."""
    host = request.headers.get("host", "") or api_host(cloud.settings, found.api, found.region)
    if request.path.startswith(PATH_PREFIX):
        return f"{host}{PATH_PREFIX}{found.api}"
    return host


def headers_of(request: Request, domain: str) -> dict[str, list[str]]:
    """The headers of a handshake with their values, as AWS writes the names; those of the connection are not shown."""
    found = {"Host": [domain.partition("/")[0]]}
    for name, text in request.headers.items():
        if name not in _HIDDEN:
            found[_shown(name)] = [text]
    before = request.headers.get("x-forwarded-for", "")
    found["X-Forwarded-For"] = [f"{before}, {request.peer}" if before else request.peer]
    found["X-Forwarded-Port"] = [domain.partition("/")[0].rpartition(":")[2] if ":" in domain else "80"]
    found["X-Forwarded-Proto"] = ["https" if request.secure else "http"]
    return found


def _shown(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-")).replace("Websocket", "WebSocket")


def query_of(request: Request) -> dict[str, list[str]]:
    """The parameters of a handshake's query string, decoded, with their values."""
    found: dict[str, list[str]] = {}
    for name, text in parse_qsl(request.query, keep_blank_values=True):
        found.setdefault(name, []).append(text)
    return found
