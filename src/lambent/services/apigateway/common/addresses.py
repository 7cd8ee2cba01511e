"""Where the APIs of this cloud are reached: one place, for the control planes, CloudFormation and documentation.

`http://{api}.execute-api.localhost:4566/{stage}/...`, for browsers and most resolvers send every name below `localhost`
to this machine; and `{endpoint}/_aws/execute-api/{api}/{stage}/...`, which needs no name resolution.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

from lambent.contracts.ports import Settings

PATH_PREFIX = "/_aws/execute-api/"
LABEL = "execute-api"


def base_host(settings: Settings) -> str:
    """The host and port below which hosts of APIs and sites lie: the endpoint's, `localhost` where that is an IP."""
    return _base_host(settings.endpoint)


@lru_cache(16)
def _base_host(endpoint: str) -> str:
    """As `base_host`. Every event of an API's function names its host."""
    parts = urlsplit(endpoint)
    host = parts.hostname or "localhost"
    try:
        ipaddress.ip_address(host)
        host = "localhost"
    except ValueError:
        pass
    return f"{host}:{parts.port}" if parts.port is not None else host


def api_host(settings: Settings, api: str, region: str) -> str:
    """The host and port of an API, without scheme. `region` is not in it: ids are unique in the whole cloud."""
    return f"{api}.{LABEL}.{base_host(settings)}"


def api_url(settings: Settings, api: str, region: str) -> str:
    """The base URL of an API, without a slash at its end: what HTTP APIs show as ApiEndpoint."""
    return f"{urlsplit(settings.endpoint).scheme}://{api_host(settings, api, region)}"


def websocket_url(settings: Settings, api: str, region: str) -> str:
    """The base URL of a WebSocket API, without a slash at its end."""
    scheme = "wss" if urlsplit(settings.endpoint).scheme == "https" else "ws"
    return f"{scheme}://{api_host(settings, api, region)}"


def path_url(settings: Settings, api: str, stage: str = "") -> str:
    """The URL of an API, or of a stage of it, that needs no name resolution; without a slash at its end."""
    url = f"{settings.endpoint.rstrip('/')}{PATH_PREFIX}{api}"
    return f"{url}/{stage}" if stage else url
