"""Records of the connections of WebSocket APIs. Times are milliseconds since the epoch."""

from __future__ import annotations

import base64
import re
from typing import Final

import msgspec

from lambent.contracts.ids import Ids

MESSAGE_BYTES_MAX: Final = 128 * 1024
QUEUED_MAX: Final = 64
"""Messages that may wait, in the store, for another node to send them to one client."""
CLIENT_BYTES_MAX: Final = 1024 * 1024
"""Bytes that may wait for a client to read them."""
NORMAL: Final = 1000
GOING_AWAY: Final = 1001


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """A client that is connected to `node`. `active_ms` may lag some seconds behind; `closing` when it was deleted and
    its node has not yet said goodbye."""

    id: str
    api: str
    stage: str
    account: str
    region: str
    node: str
    connected_ms: int
    active_ms: int
    source_ip: str
    user_agent: str
    closing: bool = False


class Held(msgspec.Struct, frozen=True):
    """That a node holds a connection."""


class Queued(msgspec.Struct, frozen=True, kw_only=True):
    """What a node is to send to a client: a message, or, with a `code`, goodbye."""

    data: bytes = b""
    code: int = 0


ID: Final = re.compile(r"[A-Za-z0-9_-]{15}=")
"""What connection ids look like."""


def new_id(ids: Ids) -> str:
    """A connection id in AWS's form: `L0SM9cOFvHcCIhw=`. It is a secret of sorts, so it is drawn from good entropy."""
    return base64.urlsafe_b64encode(ids.bytes(11)).decode()
