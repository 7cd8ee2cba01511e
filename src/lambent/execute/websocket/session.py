"""One open WebSocket: the edge's successor on one side, an outlet of the switchboard on the other.

Messages of one client are handled at the same time, as API Gateway does, and answered in whatever order they are done;
while `IN_FLIGHT_MAX` of them are under way, or the client does not read its answers, no more are read from it.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final, Protocol

from lambent.contracts.clock import Alarm, Clock
from lambent.contracts.http import Line
from lambent.services.apigateway.connections.model import CLIENT_BYTES_MAX, GOING_AWAY
from lambent.wire import websocket
from lambent.wire.websocket import Broken, Closed, Message, Ping, Receiver

IDLE_NS: Final = 600 * 1_000_000_000
LIFE_NS: Final = 7200 * 1_000_000_000
IN_FLIGHT_MAX: Final = 32
CLAIM_NS: Final = 60 * 1_000_000_000
"""How long after the handshake the edge has handed the connection over."""
GOODBYE_S: Final = 3
"""How long a client has to answer a close frame."""
_REASONS: Final = {
    1000: "Connection Closed Normally",
    1001: "Going away",
    1003: "Binary frames are not supported",
    1005: "Client-side close frame status not set",
    1006: "Connection Closed Abnormally",
    1009: "Message too big",
}


class Keeper(Protocol):
    """Who handles what clients do."""

    clock: Clock

    def start(self, work: Awaitable[None]) -> None:
        """Run something in the background."""
        ...

    async def message(self, session: Session, message: bytes) -> None:
        """A client sent a text."""
        ...

    async def gone(self, session: Session, code: int, reason: str) -> None:
        """A client is gone: once for each that came."""
        ...

    def relieved(self) -> None:
        """A client has room for what waits for it."""
        ...


class Session:
    """See the module; `about` is the keeper's."""

    __slots__ = (
        "_alarm",
        "_answered",
        "_began_ns",
        "_code",
        "_early",
        "_in_flight",
        "_keeper",
        "_leaving",
        "_line",
        "_over",
        "_reason",
        "_receiver",
        "about",
        "active_ms",
        "ending",
    )

    def __init__(self, keeper: Keeper, about: object) -> None:
        self._keeper = keeper
        self.about = about
        self._began_ns = keeper.clock.now_ns()
        self.active_ms = self._began_ns // 1_000_000
        self.ending = False
        self._line: Line | None = None
        self._receiver = Receiver()
        self._early: list[bytes] = []
        self._in_flight = 0
        self._code = 0
        self._reason = ""
        self._over = False
        self._leaving = False
        self._answered = False
        self._alarm: Alarm | None = keeper.clock.call_at(self._began_ns + CLAIM_NS, self._unclaimed)

    # -- what the edge calls ---------------------------------------------------------------------------------------

    def begin(self, line: Line) -> None:
        """See `contracts.http.Successor`."""
        self._line = line
        if self._alarm is not None:
            self._alarm.cancel()
        early, self._early = self._early, []
        for data in early:
            line.write(data)
        if self.ending:
            line.expire(GOODBYE_S)
        self._tick()

    def received(self, data: bytes) -> None:
        """See `contracts.http.Successor`."""
        line = self._line
        assert line is not None
        self._touch()
        for event in self._receiver.receive(data):
            match event:
                case Message(data=message, text=text):
                    self._message(message, text)
                case Ping(data=payload):
                    if not self.ending and line.unsent <= CLIENT_BYTES_MAX:
                        line.write(websocket.pong(payload))
                case Closed(code=code, reason=reason):
                    if not self._code:
                        self._code, self._reason = code, reason
                    if not self.ending:
                        self.ending = True
                        line.write(websocket.close(code))
                    self._answered = True
                    if not self._leaving:
                        line.close()
                case Broken(code=code, reason=reason):
                    self.end(code, reason)
                case _:
                    pass

    def relieved(self) -> None:
        """See `contracts.http.Successor`."""
        self._flow()
        self._keeper.relieved()

    def shut(self) -> None:
        """See `contracts.http.Successor`. The connection stays until $disconnect has run, or the client's time to say
        goodbye is over: the server waits for its connections, not for what runs behind them."""
        if self._over:
            return
        self.end(GOING_AWAY, _REASONS[GOING_AWAY])
        self._forget()
        self._leaving = True
        self._keeper.start(self._leave())

    async def _leave(self) -> None:
        try:
            await self._keeper.gone(self, self._code, self._why(self._code))
        finally:
            self._leaving = False
            if self._line is not None and self._answered:
                self._line.close()

    def lost(self) -> None:
        """See `contracts.http.Successor`."""
        if not self._over:
            code = self._code or websocket.ABNORMAL
            self._forget()
            self._keeper.start(self._keeper.gone(self, code, self._why(code)))

    def _why(self, code: int) -> str:
        """What $disconnect is told: what the client gave as its reason, or what the code says."""
        return self._reason or _REASONS.get(code, "")

    def _forget(self) -> None:
        """Nothing more happens here; who keeps it is told once."""
        self._over = self.ending = True
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    # -- what others call ------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> bool:
        """Send a message, as a text if it is one; False when the client has too much to read already."""
        if self.ending:
            return True
        line = self._line
        if line is not None and line.unsent > CLIENT_BYTES_MAX:
            return False
        if line is None and len(self._early) >= IN_FLIGHT_MAX:
            return False
        self._touch()
        self._write(websocket.message(data, _is_text(data)))
        return True

    def end(self, code: int, reason: str = "") -> None:
        """Say goodbye, and give the client a little time to do so too."""
        if self.ending:
            return
        self.ending = True
        self._code = code
        self._write(websocket.close(code, reason))
        if self._line is not None:
            self._line.resume()
            self._line.expire(GOODBYE_S)

    def done(self, reply: bytes) -> None:
        """A message has been handled; `reply` goes back, unless it is empty. There is room for it however slowly the
        client reads: no more messages are read from it then."""
        self._in_flight -= 1
        if reply and not self.ending:
            self._touch()
            self._write(websocket.message(reply, _is_text(reply)))
        self._flow()

    # ----------------------------------------------------------------------------------------------------------------

    def _message(self, message: bytes, text: bool) -> None:
        if self.ending:
            return
        if not text:
            self.end(websocket.UNSUPPORTED_DATA, _REASONS[websocket.UNSUPPORTED_DATA])
            return
        self._in_flight += 1
        self._keeper.start(self._keeper.message(self, message))
        self._flow()

    def _flow(self) -> None:
        """Read from the client, or hold it up."""
        line = self._line
        if line is None:
            return
        if not self.ending and (self._in_flight >= IN_FLIGHT_MAX or line.unsent > CLIENT_BYTES_MAX):
            line.pause()
        else:
            line.resume()

    def _write(self, data: bytes) -> None:
        if self._line is None:
            self._early.append(data)
        else:
            self._line.write(data)

    def _touch(self) -> None:
        self.active_ms = self._keeper.clock.now_ns() // 1_000_000

    def _unclaimed(self) -> None:
        """The 101 went nowhere: it was no edge that asked for it."""
        self._alarm = None
        if self._line is None:
            self.lost()

    def _tick(self) -> None:
        """Send away who has been idle for too long, or here for too long; look again when the next of both is due."""
        if self.ending:
            return
        now_ns = self._keeper.clock.now_ns()
        due_ns = min(self.active_ms * 1_000_000 + IDLE_NS, self._began_ns + LIFE_NS)
        if due_ns <= now_ns:
            self.end(GOING_AWAY, "Going away")
        else:
            self._alarm = self._keeper.clock.call_at(due_ns, self._tick)


def _is_text(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
