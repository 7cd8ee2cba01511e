"""The one HTTP client for addresses that users gave: endpoints of topics, API destinations, HTTP integrations.

Connections are kept alive, certificates are verified, redirects are not followed, the node's own doors are refused
(`outward.address`), times are the injected clock's, and sizes have limits. It is aiohttp inside, which is imported
with the first call. A cloud has one `Caller`: `calling.of(cloud)`; it ends by `calling.close(cloud)`, or with the
event loop.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
import re
import ssl
import tempfile
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote, urlunsplit

from lambent.contracts.clock import Clock
from lambent.contracts.ports import Cloud

from . import outward

if TYPE_CHECKING:
    import aiohttp

BODY_BYTES_MAX: Final = 10 * 1024 * 1024
"""Of an answer, unless the caller says otherwise."""
_IDLE_S: Final = 4.0
"""A connection is kept for less than servers keep theirs (5 s is a common least), so none ends under a request."""
_CONNECTIONS_MAX: Final = 512
_CONTEXTS_MAX: Final = 64
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BROKEN: Final = re.compile(r"[\r\n\x00]")
_NEVER: Final = frozenset(("CONNECT", "TRACE"))
"""Methods that make a tunnel of a connection, which others would be given next, or that show what only the backend is
told."""
_OWN: Final = frozenset(
    (
        *("connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer"),
        *("transfer-encoding", "upgrade"),
    )
)
"""Headers of the connection, which are the client's own."""
_SENT: Final = frozenset(("host", "trailer", "upgrade"))
"""Those of them that a caller may set, for they change nothing of how this client speaks."""


class Unreachable(Exception):
    """No answer came; another time one may.

    Unreachable
    +-- TooLate     none within the time
    +-- TooLarge    the answer is longer than the caller accepts
    """


class TooLate(Unreachable):
    """No answer came in time."""


class TooLarge(Unreachable):
    """The answer's body is longer than the caller accepts."""


class Identity(NamedTuple):
    """What a client shows to a server that asks who it is: a certificate and its private key, both in PEM."""

    certificate: str
    private_key: str


class Request(NamedTuple):
    """What is asked. `headers` may repeat a name; those of the connection (Host, Content-Length, ...) are left out. A
    URL may carry `user:password@`. `verified` False accepts any certificate, for integrations that say so;
    `says_keep_alive` sends the header that only says what HTTP/1.1 does anyway, for senders that are known for it;
    `identity` is shown to servers that ask for a certificate; `own` are headers of the connection that are sent all the
    same (Host, Trailer, Upgrade): a Host stands in place of the URL's, whose host is still the one that is asked."""

    method: str
    url: str
    headers: Iterable[tuple[str, str]] = ()
    body: bytes = b""
    verified: bool = True
    says_keep_alive: bool = False
    identity: Identity | None = None
    own: Iterable[tuple[str, str]] = ()


class Answer(NamedTuple):
    """What came. `headers` are as they came, repeated ones too; the body is as it was sent, not decompressed."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        """All values of a header."""
        lower = name.lower()
        return [value for key, value in self.headers if key.lower() == lower]

    def by_name(self) -> dict[str, list[str]]:
        """The values of every header by lower-case name."""
        found: dict[str, list[str]] = {}
        for name, value in self.headers:
            found.setdefault(name.lower(), []).append(value)
        return found


class Place(NamedTuple):
    """Where a URL leads: without its user, who becomes an Authorization header (empty when there is none)."""

    url: str
    shown: str
    authorization: str


def place(url: str) -> Place:
    """The address of a URL; `ValueError` for one that is none, or that leads to a door of the node. `shown` is the
    host and port, for messages."""
    parts = outward.address(url)
    if parts.port == 0:
        raise ValueError("not a port")
    host = parts.netloc.rpartition("@")[2]
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    return Place(urlunsplit((parts.scheme, host, parts.path or "/", parts.query, "")), host, authorization)


def fields(request: Request, authorization: str) -> list[tuple[str, str]]:
    """The headers to send; `ValueError` for one that is no header, or would become two."""
    found: list[tuple[str, str]] = []
    for name, value in request.headers:
        if not _TOKEN.fullmatch(name) or _BROKEN.search(value):
            raise ValueError(f"{name[:100]!r} is not a header")
        if name.lower() not in _OWN:
            found.append((name, value))
    for name, value in request.own:
        if name.lower() not in _SENT or _BROKEN.search(value):
            raise ValueError(f"{name[:100]!r} is not a header to send")
        found.append((name, value))
    if request.says_keep_alive:
        found.append(("Connection", "Keep-Alive"))
    if authorization and not any(name.lower() == "authorization" for name, _ in found):
        found.append(("Authorization", authorization))
    return found


class Caller:
    """A client with its open connections. It belongs to the event loop that first calls with it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        self._contexts: dict[tuple[Identity, bool], ssl.SSLContext] = {}

    async def call(self, request: Request, timeout_s: float, *, body_bytes_max: int = BODY_BYTES_MAX) -> Answer:
        """Send a request and read the answer, whatever its status; a limit of 0 leaves the body unread.

        `ValueError` for a bad address, method or header, before anything is sent; `Unreachable` when no answer comes.
        """
        where = place(request.url)
        headers = fields(request, where.authorization)
        if not _TOKEN.fullmatch(request.method) or request.method.upper() in _NEVER:
            raise ValueError("not a method of HTTP, or none that is passed on")
        session = self._session
        if session is None or session.closed:
            session = await self._open()
        work = self._exchange(session, request, where.url, headers, body_bytes_max)
        try:
            return await outward.within(self._clock, timeout_s, work)
        except TimeoutError as error:
            raise TooLate(f"{where.shown}: {error or 'no answer'}") from None
        except _errors() as error:
            raise Unreachable(f"{where.shown}: {error or type(error).__name__}") from None

    async def _exchange(
        self, session: aiohttp.ClientSession, request: Request, url: str, headers: list[tuple[str, str]], limit: int
    ) -> Answer:
        from yarl import URL  # comes with aiohttp, which is imported late

        async with session.request(
            request.method,
            URL(url, encoded=True),
            headers=headers,
            data=request.body or None,
            allow_redirects=False,
            ssl=request.verified if request.identity is None else await self._context(request),
        ) as response:
            body = bytearray()
            if limit:
                async for piece in response.content.iter_any():
                    body += piece
                    if len(body) > limit:
                        raise TooLarge(f"{response.url.host}: an answer of more than {limit} bytes")
            given = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers]
            return Answer(response.status, given, bytes(body))

    async def _context(self, request: Request) -> ssl.SSLContext:
        """How a request that shows an identity speaks TLS; one object for each, by which connections are told apart."""
        assert request.identity is not None
        key = (request.identity, request.verified)
        if key not in self._contexts:
            made = await asyncio.to_thread(_shows, *key)
            while len(self._contexts) >= _CONTEXTS_MAX:
                del self._contexts[next(iter(self._contexts))]
            self._contexts.setdefault(key, made)
        return self._contexts[key]

    async def _open(self) -> aiohttp.ClientSession:
        async with self._opening:
            if self._session is None or self._session.closed:
                # 0.2 s of importing, in a thread so that the loop goes on
                library = await asyncio.to_thread(importlib.import_module, "aiohttp")
                self._session = _session(library)
                self._keeper = asyncio.create_task(_keep(self._session), name="outward connections")
            return self._session

    async def close(self) -> None:
        """End all connections; the next call opens new ones."""
        keeper, self._keeper, self._session = self._keeper, None, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)


async def _keep(session: aiohttp.ClientSession) -> None:
    """Hold the session until this task is cancelled: by `close`, or because the loop ends."""
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await session.close()


def _session(library: Any) -> aiohttp.ClientSession:
    connector = library.TCPConnector(limit=_CONNECTIONS_MAX, keepalive_timeout=_IDLE_S)
    session: aiohttp.ClientSession = library.ClientSession(
        connector=connector,
        timeout=library.ClientTimeout(total=None, sock_connect=None),
        auto_decompress=False,
        cookie_jar=library.DummyCookieJar(),
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        max_field_size=65_536,
        max_line_size=65_536,
        trust_env=False,
    )
    return session


def _shows(identity: Identity, verified: bool) -> ssl.SSLContext:
    made = ssl.create_default_context()
    if not verified:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    # The library reads both from one file, which only this user may read, and no other way.
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(f"{identity.private_key}\n{identity.certificate}")
        file.flush()
        made.load_cert_chain(file.name)
    return made


def _errors() -> tuple[type[Exception], ...]:
    import aiohttp

    return (OSError, aiohttp.ClientError, asyncio.IncompleteReadError, UnicodeError)


def of(cloud: Cloud) -> Caller:
    """The cloud's client, made at first use."""
    if not isinstance(cloud.caller, Caller):
        cloud.caller = Caller(cloud.clock)
    return cloud.caller


async def close(cloud: Cloud) -> None:
    """End the cloud's outward connections, when its node stops."""
    if isinstance(cloud.caller, Caller):
        await cloud.caller.close()
