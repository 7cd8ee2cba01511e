"""Requests to an S3-compatible store: signed, repeated when that may help, and over within some seconds in any case.

Silence, not slowness, is what counts: as long as bytes move, a request goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple
from urllib.parse import quote

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from lambent.blobs.background import Background
from lambent.blobs.errors import BlobsRefused, BlobsUnreachable
from lambent.blobs.urls import S3Location
from lambent.contracts.clock import SystemClock, sleep_until
from lambent.contracts.ids import Ids

from . import answers
from .answers import Answer
from .signing import Signer, region_of

PAUSE_S: Final = 0.05
PAUSE_S_MAX: Final = 1.0
PIECE_BYTES_MAX: Final = 256 * 1024
"""Larger pieces are sent in several, so that progress shows."""
READ_BUFFER_BYTES: Final = 256 * 1024
AGAIN_CODES: Final = frozenset({"SlowDown", "RequestTimeout", "RequestTimeTooSkewed", "Throttling", "InternalError"})
_SKIPPED = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")

LOST = (aiohttp.ClientError, OSError, TimeoutError)
"""What a connection that fails raises."""


class Limits(NamedTuple):
    """How long things may take without any progress, in seconds: a request with all its attempts (`patience_s`), an
    attempt, after which another connection is tried (`silence_s`), a connection (`connect_s`)."""

    patience_s: float = 10.0
    silence_s: float = 5.0
    connect_s: float = 3.0


LIMITS: Final = Limits()


class _Pool:
    """Connections, and how many requests use them. One that went silent is given up with all it holds: where packets
    were dropped, others hang too, and each would cost a request its time."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.users = 0
        self.retired = False


class Patience:
    """The time of one attempt, prolonged whenever bytes move, and that of all attempts together."""

    def __init__(self, patience_s: float, spent_s: float = 0.0) -> None:
        self._loop = asyncio.get_running_loop()
        self._patience_s = patience_s
        self._last_s = self._loop.time() - spent_s
        self._limit: asyncio.Timeout | None = None
        self._silence_s = patience_s
        self._sent_bytes = 0

    @property
    def left_s(self) -> float:
        """Seconds until the request is given up."""
        return self._last_s + self._patience_s - self._loop.time()

    def progress(self, sent_bytes: int = 0) -> None:
        """Bytes have moved. The attempt goes on; the request as a whole has got further only when it has sent more
        than any attempt before, for a store that hangs still takes the first bytes of each."""
        now_s = self._loop.time()
        if sent_bytes > self._sent_bytes:
            self._sent_bytes, self._last_s = sent_bytes, now_s
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(now_s + self._silence_s)

    @asynccontextmanager
    async def attempt(self, silence_s: float) -> AsyncIterator[None]:
        """One attempt; `TimeoutError` when nothing moved for so long."""
        self._silence_s = min(silence_s, max(self.left_s, 0.1))
        async with asyncio.timeout(self._silence_s) as limit:
            self._limit = limit
            try:
                yield
            finally:
                self._limit = None


class Client:
    """Requests about one bucket. Keys are given whole and are made of harmless characters."""

    def __init__(self, location: S3Location, ids: Ids, limits: Limits) -> None:
        self.location = location
        self.limits = limits
        self.region = region_of(location)
        self._endpoint = location.endpoint or f"https://s3.{self.region}.amazonaws.com"
        self._host = self._endpoint.partition("://")[2]
        self._signer = Signer(location)
        self._random = ids.random
        # Pauses wait for other machines, which have no share in a manual clock.
        self._machine = SystemClock()
        self._pool: _Pool | None = None
        self._closing = Background("connections to the store of blobs")

    async def call(
        self,
        method: str,
        key: str = "",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Sequence[bytes] = (),
        *,
        silence_s: float = 0.0,
        patience_s: float = 0.0,
        repeated: Callable[[], None] | None = None,
    ) -> Answer:
        """Send a request that may be repeated, and take in its answer. `BlobsRefused` for an error,
        `BlobsUnreachable` when there is no answer in time. `silence_s` and
        `patience_s` stand in for the usual limits. `repeated` is called before each repetition."""
        silence_s = silence_s or self.limits.silence_s
        patience = Patience(patience_s or self.limits.patience_s)
        pause_s = PAUSE_S
        while True:
            failure: Exception
            try:
                answer = await self._once(method, key, query or {}, headers or {}, body, patience, silence_s)
            except LOST as error:
                failure = self.unreachable(error)
            else:
                if not answers.is_error(answer):
                    return answer
                failure = self.refusal(method, key, answer)
                if not self.is_passing(failure):
                    raise failure
            if patience.left_s <= pause_s:
                raise failure
            await self.pause(pause_s)
            pause_s = min(pause_s * 2, PAUSE_S_MAX)
            if repeated is not None:
                repeated()

    @asynccontextmanager
    async def get(
        self, key: str, headers: Mapping[str, str], patience: Patience
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One attempt to get an object, its body still to be read; `BlobsRefused`, or one of LOST."""
        await self._signer.ready()
        async with self._session() as session:
            async with patience.attempt(self.limits.silence_s):
                response = await session.get(
                    self._url(key, {}), headers=self._signed("GET", key, {}, headers), allow_redirects=False
                )
            try:
                if response.status >= 300:
                    async with patience.attempt(self.limits.silence_s):
                        answer = Answer(response.status, _lower(response), await response.read())
                    raise self.refusal("GET", key, answer)
                yield response
            finally:
                response.close() if not response.content.at_eof() else response.release()

    async def pause(self, longest_s: float) -> None:
        """Wait a while that is random, so that many do not come back at the same moment."""
        pause_ns = int(longest_s * (0.5 + self._random.random() / 2) * 1e9)
        await sleep_until(self._machine, self._machine.now_ns() + pause_ns)

    def is_passing(self, failure: BlobsRefused) -> bool:
        """Whether the same request may be answered differently a little later."""
        return failure.status >= 500 or failure.status == 429 or failure.code in AGAIN_CODES

    def unreachable(self, error: BaseException) -> BlobsUnreachable:
        """The one clear line for a connection that fails."""
        if isinstance(error, TimeoutError):
            reason = "no answer"
        elif isinstance(error, aiohttp.ClientConnectorDNSError):
            reason = f"the name {self._host.partition(':')[0]} is unknown"
        elif isinstance(error, aiohttp.ClientConnectorError):
            refused = isinstance(error.os_error, ConnectionRefusedError)
            reason = "connection refused" if refused else str(error.os_error)
        elif isinstance(error, aiohttp.ClientPayloadError):
            reason = "the connection broke off"
        else:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        failure = BlobsUnreachable(f"the store of blobs at {self._endpoint} does not answer: {reason}")
        failure.__cause__ = error
        return failure

    def refusal(self, method: str, key: str, answer: Answer) -> BlobsRefused:
        """The one clear line for an error of the store."""
        code, message = answers.error_of(answer)
        if code == "RequestTimeTooSkewed" and "date" in answer.headers:
            self._signer.correct(answers.date_of(answer))
        what = f"{method} {self.location.bucket}/{key}".rstrip("/")
        text = f"the store of blobs at {self._endpoint} refuses {what}: {code}" + (f": {message}" if message else "")
        return BlobsRefused(text, code, answer.status)

    async def close(self) -> None:
        """Hang up."""
        if self._pool is not None:
            await self._pool.session.close()
            self._pool = None
        await self._closing.wait(self.limits.patience_s)

    async def _once(
        self,
        method: str,
        key: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: Sequence[bytes],
        patience: Patience,
        silence_s: float,
    ) -> Answer:
        await self._signer.ready()
        signed = self._signed(method, key, query, headers)
        if method in ("PUT", "POST"):
            signed["Content-Length"] = str(sum(map(len, body)))
        async with (
            self._session() as session,
            patience.attempt(silence_s),
            session.request(
                method,
                self._url(key, query),
                headers=signed,
                data=_Sent(body, patience) if body else None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(sock_connect=self.limits.connect_s, sock_read=silence_s),
            ) as response,
        ):
            patience.progress()
            pieces = []
            async for piece in response.content.iter_any():
                patience.progress()
                pieces.append(piece)
            return Answer(response.status, _lower(response), b"".join(pieces))

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Connections for one request; new ones after a silence."""
        pool = self._pool
        if pool is None:
            pool = self._pool = _Pool(_new_session(self.limits))
        pool.users += 1
        try:
            yield pool.session
        except TimeoutError:
            pool.retired = True
            if self._pool is pool:
                self._pool = None
            raise
        finally:
            pool.users -= 1
            if pool.retired and not pool.users:
                self._closing.spawn(pool.session.close())

    def _signed(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
        return self._signer.sign(method, self._target(key, query), {"host": self._host, **headers})

    def _url(self, key: str, query: Mapping[str, str]) -> URL:
        return URL(self._endpoint + self._target(key, query), encoded=True)

    def _target(self, key: str, query: Mapping[str, str]) -> str:
        # By path, not by host name: it works everywhere, with any bucket's name and without wildcard certificates.
        path = f"/{self.location.bucket}/{key}" if key else f"/{self.location.bucket}"
        if not query:
            return path
        return path + "?" + "&".join(f"{name}={quote(query[name], safe='')}" for name in sorted(query))


def _new_session(limits: Limits) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # Each reader holds a connection as long as its client takes, so their number is not limited here.
        connector=aiohttp.TCPConnector(limit=0, limit_per_host=0, keepalive_timeout=20),
        timeout=aiohttp.ClientTimeout(sock_connect=limits.connect_s, sock_read=limits.silence_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=_SKIPPED,
        read_bufsize=READ_BUFFER_BYTES,
    )


class _Sent(aiohttp.Payload):
    """A request's body, with a sign of progress for every piece that the connection takes. It can be sent again from
    its beginning, as the library does by itself when a connection turns out to be dead."""

    def __init__(self, pieces: Sequence[bytes], patience: Patience) -> None:
        super().__init__(pieces, content_type="application/octet-stream")
        self._pieces = pieces
        self._patience = patience
        self._size = sum(map(len, pieces))

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send everything, no faster than it is taken."""
        sent = 0
        for piece in self._pieces:
            view = memoryview(piece)
            for start in range(0, len(piece), PIECE_BYTES_MAX):
                part = view[start : start + PIECE_BYTES_MAX]
                await writer.write(part)
                sent += len(part)
                self._patience.progress(sent)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The body as text, which nobody asks for."""
        return b"".join(self._pieces).decode(encoding, errors)


def _lower(response: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}
