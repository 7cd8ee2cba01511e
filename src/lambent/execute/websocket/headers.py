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
    included: `{address}:{port}/_aws/execute-api/{api}`, at this node, by loopback. It is not the host by which the
    client came, unless that is a custom domain name: from where functions run nothing leads to load balancers, to
    other addresses of the machine, or to names below `localhost` (there is no resolver)."""
    host = host_of(cloud, request, found)
    if found.custom:
        return host
    port = urlsplit(cloud.settings.node_endpoint or cloud.settings.endpoint).port
    own = f":{port}" if port else ""
    if not request.path.startswith(PATH_PREFIX) or host not in (f"127.0.0.1{own}", f"localhost{own}"):
        host = f"127.0.0.1{own}"
    return f"{host}{PATH_PREFIX}{found.api}"


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
