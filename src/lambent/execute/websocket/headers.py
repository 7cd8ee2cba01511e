"""What events show of a handshake."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from lambent.contracts.http import Request
from lambent.contracts.ports import Cloud
from lambent.services.apigateway.common.addresses import PATH_PREFIX, api_host

from ..addresses import Found

_HIDDEN = frozenset(("connection", "upgrade", "host", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"))


def domain_of(cloud: Cloud, request: Request, found: Found) -> str:
    """What a function puts between a scheme and `/{stage}` to have the address of the management API, the port
    included. It is the host by which the client came; but names below `localhost` are found by browsers, not where
    functions run (there is no resolver), so for them, and for the form without name resolution, it is
    `{address}:{port}/_aws/execute-api/{api}`."""
    host = host_of(cloud, request, found)
    if request.path.startswith(PATH_PREFIX):
        return f"{host}{PATH_PREFIX}{found.api}"
    if request.host.endswith(".localhost") or not request.host:
        port = urlsplit(cloud.settings.endpoint).port
        return f"127.0.0.1{f':{port}' if port else ''}{PATH_PREFIX}{found.api}"
    return host


def host_of(cloud: Cloud, request: Request, found: Found) -> str:
    """The host and port that a client asked for."""
    return request.headers.get("host", "") or api_host(cloud.settings, found.api, found.region)


def headers_of(request: Request, host: str) -> dict[str, list[str]]:
    """The headers of a handshake with their values, as AWS writes the names; those of the connection are not shown."""
    shown = {"Host": [host]}
    for name, text in request.headers.items():
        if name not in _HIDDEN:
            shown[_shown(name)] = [text]
    before = request.headers.get("x-forwarded-for", "")
    shown["X-Forwarded-For"] = [f"{before}, {request.peer}" if before else request.peer]
    shown["X-Forwarded-Port"] = [host.rpartition(":")[2] if ":" in host else "80"]
    shown["X-Forwarded-Proto"] = ["https" if request.secure else "http"]
    return shown


def _shown(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-")).replace("Websocket", "WebSocket")


def query_of(request: Request) -> dict[str, list[str]]:
    """The parameters of a handshake's query string, decoded, with their values."""
    found: dict[str, list[str]] = {}
    for name, text in parse_qsl(request.query, keep_blank_values=True):
        found.setdefault(name, []).append(text)
    return found
