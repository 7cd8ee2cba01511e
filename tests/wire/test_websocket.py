"""The WebSocket protocol, against wsproto's client: whatever way the bytes fall, the same events."""

from __future__ import annotations

import base64
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto import events
from wsproto.connection import CLIENT, Connection
from wsproto.frame_protocol import FrameProtocol, Opcode

from lambent.contracts.http import Request
from lambent.wire import websocket
from lambent.wire.websocket import Broken, Closed, HandshakeRefused, Limits, Message, Ping, Pong, Receiver

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HEADERS = {
    "host": "localhost",
    "upgrade": "websocket",
    "connection": "keep-alive, Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": KEY,
}
SMALL = Limits(message_bytes=200, frame_bytes=130)


def received(data: bytes, limits: Limits = websocket.LIMITS, cuts: list[int] | None = None) -> list[websocket.Event]:
    """The events of `data`, put in in pieces that end at `cuts`."""
    receiver = Receiver(limits)
    found: list[websocket.Event] = []
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts or []), len(data)]
    for begin, end in pairwise(edges):
        found += receiver.receive(data[begin:end])
    return found


def masked(opcode: Opcode, payload: bytes, fin: bool = True) -> bytes:
    """One frame as a client sends it."""
    return bytes(FrameProtocol(client=True, extensions=[])._serialize_frame(opcode, payload, fin))


def test_the_handshake_of_the_rfc() -> None:
    headers = dict(websocket.handshake(Request("GET", "/", headers=HEADERS)))
    assert headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert headers["Upgrade"] == "websocket"


@pytest.mark.parametrize(
    ("method", "changed", "status"),
    [
        ("POST", {}, 405),
        ("GET", {"upgrade": "h2c"}, 426),
        ("GET", {"connection": "keep-alive"}, 426),
        ("GET", {"sec-websocket-version": "8"}, 426),
        ("GET", {"sec-websocket-key": "short"}, 400),
        ("GET", {"sec-websocket-key": ""}, 400),
        ("GET", {"sec-websocket-key": base64.b64encode(b"fifteen bytes..").decode()}, 400),
    ],
)
def test_bad_handshakes(method: str, changed: dict[str, str], status: int) -> None:
    with pytest.raises(HandshakeRefused) as refused:
        websocket.handshake(Request(method, "/", headers={**HEADERS, **changed}))
    assert refused.value.status == status


def test_subprotocols_in_their_order() -> None:
    request = Request("GET", "/", headers={**HEADERS, "sec-websocket-protocol": "chat, superchat,,v2"})
    assert websocket.subprotocols(request) == ["chat", "superchat", "v2"]


texts = st.builds(events.TextMessage, st.text(max_size=40))
binaries = st.builds(events.BytesMessage, st.binary(max_size=300))
pings = st.builds(events.Ping, st.binary(max_size=125))
pongs = st.builds(events.Pong, st.binary(max_size=125))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(texts, binaries, pings, pongs), max_size=8), st.lists(st.integers(0, 5000), max_size=12))
def test_what_a_client_sends_comes_whole(sent: list[events.Event], cuts: list[int]) -> None:
    client = Connection(CLIENT)
    data = b"".join(client.send(event) for event in sent)
    expected: list[websocket.Event] = []
    for event in sent:
        match event:
            case events.TextMessage(data=text):
                expected.append(Message(text.encode(), True))
            case events.BytesMessage(data=binary):
                expected.append(Message(bytes(binary), False))
            case events.Ping(payload=payload):
                expected.append(Ping(bytes(payload)))
            case events.Pong(payload=payload):
                expected.append(Pong(bytes(payload)))
    assert received(data, cuts=cuts) == expected


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=8))
def test_any_bytes_end_alike_however_they_are_cut(data: bytes, cuts: list[int]) -> None:
    def kinds(found: list[websocket.Event]) -> list[websocket.Event]:
        return [event if not isinstance(event, Broken) else Broken(event.code, "") for event in found]

    whole = kinds(received(data, SMALL))
    assert all(not isinstance(event, (Closed, Broken)) for event in whole[:-1])
    parts = kinds(received(data, SMALL, cuts))
    # A frame that is too long and whole is told from its payload, else from its header: the same code either way.
    assert parts == whole


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=300), st.integers(1, 20), st.lists(st.integers(0, 5000), max_size=12))
def test_fragments_join(text: str, size: int, cuts: list[int]) -> None:
    raw = text.encode()
    pieces = [raw[at : at + size] for at in range(0, len(raw), size)] or [b""]
    frames = []
    for number, piece in enumerate(pieces):
        opcode = Opcode.CONTINUATION if number else Opcode.TEXT
        frames.append(masked(opcode, piece, number == len(pieces) - 1))
        if number == 0:
            frames.append(masked(Opcode.PING, b"between"))
    messages = [event for event in received(b"".join(frames), cuts=cuts) if isinstance(event, Message)]
    assert messages == [Message(raw, True)]


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=400), st.integers(4, 150))
def test_a_client_understands_what_is_sent(text: str, frame_bytes: int) -> None:
    client = Connection(CLIENT)
    # wsproto's client decodes text piece by piece, so a character may be cut by a frame's end.
    client.receive_data(websocket.message(text.encode(), True, frame_bytes) + websocket.ping(b"x"))
    got = list(client.events())
    assert "".join(event.data for event in got if isinstance(event, events.TextMessage)) == text
    assert isinstance(got[-1], events.Ping)


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536, 131_072])
def test_lengths_of_binary_messages(length: int) -> None:
    client = Connection(CLIENT)
    client.receive_data(websocket.message(b"\xff" * length, False, 1 << 20))
    got = [event for event in client.events() if isinstance(event, events.BytesMessage)]
    assert sum(len(event.data) for event in got) == length
    assert got[-1].message_finished


def test_a_frame_too_long_is_refused_before_it_has_come() -> None:
    whole = masked(Opcode.TEXT, b"x" * 32_769)
    assert received(whole) == [Broken(1009, "Frame too long")]
    assert received(whole[:8]) == [Broken(1009, "Frame too long")]
    assert received(masked(Opcode.TEXT, b"x" * 32_768)) == [Message(b"x" * 32_768, True)]


def test_a_message_too_long_is_refused() -> None:
    frames = [masked(Opcode.TEXT if n == 0 else Opcode.CONTINUATION, b"x" * 32_768, n == 3) for n in range(4)]
    assert received(b"".join(frames)) == [Message(b"x" * 131_072, True)]
    frames[3] = masked(Opcode.CONTINUATION, b"x" * 32_768, False)
    assert received(b"".join(frames) + masked(Opcode.CONTINUATION, b"x")) == [Broken(1009, "Message too long")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (masked(Opcode.CONTINUATION, b"x"), 1002),
        (masked(Opcode.TEXT, b"a", False) + masked(Opcode.TEXT, b"b"), 1002),
        (masked(Opcode.TEXT, b"\xff\xfe"), 1007),
        (masked(Opcode.TEXT, "ü".encode()[:1]), 1007),
        (masked(Opcode.CLOSE, b"\x03"), 1002),
        (masked(Opcode.CLOSE, (1005).to_bytes(2, "big")), 1002),
        (masked(Opcode.CLOSE, (999).to_bytes(2, "big")), 1002),
        (masked(Opcode.CLOSE, (5000).to_bytes(2, "big")), 1002),
        (masked(Opcode.CLOSE, (1000).to_bytes(2, "big") + b"\xff"), 1007),
        (websocket.message(b"unmasked", True), 1002),
        (b"\xc1\x80\0\0\0\0", 1002),  # a reserved bit: compression was not agreed on
        (b"\x83\x80\0\0\0\0", 1002),  # an opcode that nobody knows
        (b"\x09\x80\0\0\0\0", 1002),  # a ping in pieces
        (b"\x89\xfe\x00\x7e", 1002),  # a ping too long
    ],
)
def test_violations_and_their_codes(data: bytes, code: int) -> None:
    found = received(data + masked(Opcode.TEXT, b"never read"))
    assert isinstance(found[-1], Broken)
    assert found[-1].code == code


def test_goodbyes() -> None:
    assert received(masked(Opcode.CLOSE, b"")) == [Closed(1005, "")]
    assert received(masked(Opcode.CLOSE, (4001).to_bytes(2, "big") + b"bye")) == [Closed(4001, "bye")]
    client = Connection(CLIENT)
    client.receive_data(websocket.close(1001, "é" * 100))
    (event,) = client.events()
    assert isinstance(event, events.CloseConnection)
    assert event.code == 1001
    assert event.reason == "é" * 61
    assert websocket.close(1006) == b"\x88\x00"
