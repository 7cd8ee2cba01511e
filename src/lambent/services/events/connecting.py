"""Connections at work: what a call of an API destination carries, and how a token is got."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import orjson
from msgspec.structs import replace

from lambent.contracts.arn import parse
from lambent.contracts.ports import Cloud, Reader, Transaction

from . import http, keys, tasks
from .http import Request, Unreachable
from .model import Connection, Destination, Token
from .tasks import Task

MEMBERS: Final = {
    "API_KEY": "ApiKeyAuthParameters",
    "BASIC": "BasicAuthParameters",
    "OAUTH_CLIENT_CREDENTIALS": "OAuthParameters",
}
"""The member of AuthParameters that each kind of authorization wants."""
_KINDS: Final = ("HeaderParameters", "QueryStringParameters", "BodyParameters")
_MARGIN_MS: Final = 60_000
"""How long before its end a token is not used any more."""
_TOKEN_S: Final = 3600
"""How long a token is good of which its server does not say."""
_DEFAULTS: Final = {"Content-Type": "application/json; charset=utf-8"}
_ALWAYS: Final = {"Range": "bytes=0-1048575"}
"""What AWS reads of an answer."""
_REMOVED: Final = frozenset((
    "a-im", "accept-charset", "accept-datetime", "accept-encoding", "cache-control", "connection", "content-encoding",
    "content-length", "content-md5", "date", "expect", "forwarded", "from", "host", "http2-settings", "if-match",
    "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "max-forwards", "origin", "pragma",
    "proxy-authorization", "range", "referer", "te", "trailer", "transfer-encoding", "user-agent", "upgrade", "via",
    "warning",
))  # fmt: skip
"""Headers that neither a target nor a connection may set."""


class Refused(Exception):
    """The server gives no token. `again`: it may another time."""

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.again = again


def at(tx: Reader, connection_arn: str) -> Connection | None:
    """The connection of an ARN; None when there is none, or only another of the same name."""
    place = parse(connection_arn)
    found = keys.connections.get(tx, place.account, place.region, place.resource.split("/")[1])
    return found if found is not None and found.arn == connection_arn else None


def store(tx: Transaction, connection: Connection) -> None:
    """Store a connection; one that wants a token gets it later."""
    keys.connections.put(tx, connection, connection.account, connection.region, connection.name)
    if connection.state == "AUTHORIZING":
        tasks.emit(tx, connection.arn, Task(kind="authorize", version=connection.version))


def _extras(given: Mapping[str, Any] | None) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Headers, query and body fields that a connection adds."""
    found = ({p["Key"]: p.get("Value", "") for p in (given or {}).get(kind, ())} for kind in _KINDS)
    headers, query, body = found
    return headers, query, body


def _with_query(url: str, fields: Mapping[str, str]) -> str:
    if not fields:
        return url
    parts = urlsplit(url)
    more = urlencode(dict(fields), quote_via=quote)
    return urlunsplit(parts._replace(query=f"{parts.query}&{more}" if parts.query else more))


async def token(cloud: Cloud, connection: Connection, *, fresh: bool = False) -> Token:
    """A good access token of a connection, from the store or its server; `fresh`: from the server in any case."""
    now_ms = cloud.clock.now_ns() // 1_000_000
    known = await cloud.store.read(lambda tx: keys.tokens.get(tx, connection.arn))
    good = known is not None and known.version == connection.version and known.until_ms - _MARGIN_MS > now_ms
    if known is not None and good and not fresh:
        return known
    try:
        answer = await http.ask(cloud, _token_request(connection.auth["OAuthParameters"]))
    except Unreachable as error:
        raise Refused(str(error), again=True) from None
    except ValueError as error:
        raise Refused(str(error), again=False) from None
    if not 200 <= answer.status < 300:
        again = answer.status >= 500 or answer.status in (408, 409, 425, 429)
        raise Refused(f"The authorization endpoint answered {answer.status}.", again=again)
    try:
        given = orjson.loads(answer.body)
        until_ms = now_ms + int(given.get("expires_in", _TOKEN_S)) * 1000
        kind = "Bearer" if str(given.get("token_type", "bearer")).lower() == "bearer" else str(given["token_type"])
        found = Token(connection.version, kind, str(given["access_token"]), until_ms)
    except (orjson.JSONDecodeError, AttributeError, KeyError, ValueError, TypeError):
        raise Refused("The answer of the authorization endpoint has no access token.", again=False) from None
    await cloud.store.write(lambda tx: _keep(tx, connection, found))
    return found


def _keep(tx: Transaction, connection: Connection, found: Token) -> None:
    now = at(tx, connection.arn)
    if now is not None and now.version == found.version:
        keys.tokens.put(tx, found, connection.arn)


def _token_request(oauth: Mapping[str, Any]) -> Request:
    client = oauth["ClientParameters"]
    headers, query, body = _extras(oauth.get("OAuthHttpParameters"))
    fields = {
        "grant_type": "client_credentials",
        "client_id": client["ClientID"],
        "client_secret": client["ClientSecret"],
        **body,
    }
    method = oauth["HttpMethod"]
    if method == "GET":
        return Request(method, _with_query(oauth["AuthorizationEndpoint"], {**query, **fields}), headers, b"")
    headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    return Request(method, _with_query(oauth["AuthorizationEndpoint"], query), headers, urlencode(fields).encode())


async def authorize(cloud: Cloud, connection_arn: str, task: Task) -> None:
    """Get the first token of a connection that was made or changed; raises `Refused` when that is to be tried again."""
    connection = await cloud.store.read(lambda tx: at(tx, connection_arn))
    if connection is None or connection.version != task.version or connection.state != "AUTHORIZING":
        return
    state, reason = "AUTHORIZED", ""
    try:
        await token(cloud, connection, fresh=True)
    except Refused as refused:
        if refused.again:
            raise
        state, reason = "DEAUTHORIZED", str(refused)
    now_ms = cloud.clock.now_ns() // 1_000_000

    def settle(tx: Transaction) -> None:
        now = at(tx, connection_arn)
        if now is not None and now.version == task.version:
            authorized_ms = now_ms if state == "AUTHORIZED" else now.authorized_ms
            store(tx, replace(now, state=state, reason=reason, authorized_ms=authorized_ms))

    await cloud.store.write(settle)


def filled(address: str, values: Iterable[str]) -> str:
    """An address with its stars replaced; `ValueError` where a value would be a step to elsewhere: it may be an
    event's, and the call is made with the connection's credentials."""
    for value in values:
        before, star, after = address.partition("*")
        address = f"{before}{quote(value, safe='') if star else ''}{after}"
        step = f"{before.rpartition('/')[2]}{value}{after.partition('/')[0].partition('?')[0]}" if star else ""
        if step in (".", ".."):
            raise ValueError(f"the path parameter {value} leads elsewhere")
    return address


async def request(
    cloud: Cloud, destination: Destination, connection: Connection, given: Mapping[str, Any], payload: bytes
) -> Request:
    """The call of an API destination with an event. What the connection says goes over `given`, the HttpParameters of
    the target; names of headers are the same in any letters."""
    url = filled(destination.endpoint, given.get("PathParameterValues", ()))
    headers, query, body = _extras(connection.auth.get("InvocationHttpParameters"))
    layers = (_DEFAULTS, given.get("HeaderParameters", {}), headers, await _authorization(cloud, connection))
    named = {name.lower(): (name, value) for layer in layers for name, value in layer.items()}
    headers = dict(pair for low, pair in named.items() if low not in _REMOVED) | _ALWAYS
    url = _with_query(url, {**given.get("QueryStringParameters", {}), **query})
    if body:
        try:
            inside = orjson.loads(payload)
        except orjson.JSONDecodeError:
            inside = None
        if isinstance(inside, dict):
            payload = orjson.dumps({**inside, **body})
    sends = destination.method not in ("GET", "HEAD")
    return Request(destination.method, url, headers, payload if sends else b"")


async def refused(cloud: Cloud, connection: Connection, sent: Request) -> None:
    """A server did not accept the token of a request: the next request brings a new one."""

    def forget(tx: Transaction) -> None:
        known = keys.tokens.get(tx, connection.arn)
        if known is not None and sent.headers.get("Authorization") == _bearing(known):
            keys.tokens.delete(tx, connection.arn)

    if connection.kind == "OAUTH_CLIENT_CREDENTIALS":
        await cloud.store.write(forget)


def _bearing(known: Token) -> str:
    return f"{known.kind} {known.value}"


async def _authorization(cloud: Cloud, connection: Connection) -> dict[str, str]:
    auth = connection.auth.get(MEMBERS[connection.kind], {})
    if connection.kind == "API_KEY":
        return {auth["ApiKeyName"]: auth["ApiKeyValue"]}
    if connection.kind == "BASIC":
        pair = f"{auth['Username']}:{auth['Password']}".encode()
        return {"Authorization": "Basic " + base64.b64encode(pair).decode()}
    return {"Authorization": _bearing(await token(cloud, connection))}
