"""Sign-ins under way: what was asked, kept until it is answered. Clients have the secret, the store its digest."""

from __future__ import annotations

import base64
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader, Transaction

from . import clients, keys
from .errors import NotAuthorizedException, bad_session
from .model import Client, Pool, Session

TRIES_MAX: Final = 3
_TOKEN_BYTES: Final = 96


def token(ids: Ids) -> str:
    """A new secret, of the letters that tokens have."""
    return base64.urlsafe_b64encode(ids.bytes(_TOKEN_BYTES)).decode()


def begin(
    tx: Transaction,
    secret: str,
    pool: Pool,
    client: Client,
    *,
    challenge: str,
    user: str,
    name: str,
    now_ms: int,
    data: dict[str, Any],
) -> None:
    """Keep a challenge until it is answered with `secret`."""
    until_ms = now_ms + clients.session_ms(client)
    made = Session(
        challenge=challenge, pool=pool.id, client=client.id, user=user, name=name, until_ms=until_ms, data=data
    )
    digest = keys.digest(secret)
    keys.sessions.put(tx, made, digest)
    keys.expire(tx, keys.sessions.key(digest), until_ms, now_ms)


def get(tx: Reader, secret: str | None, client: str, challenges: tuple[str, ...], now_ms: int) -> Session:
    """The session of a secret; refuses one that is over, of another client, or waits for something else."""
    found = keys.sessions.get(tx, keys.digest(secret or ""))
    if found is None or (client and found.client != client) or found.challenge not in challenges:
        raise bad_session()
    if found.until_ms <= now_ms:
        raise NotAuthorizedException("Invalid session for the user, session is expired.")
    return found


def end(tx: Transaction, secret: str) -> None:
    """It is answered: nobody answers it again."""
    keys.sessions.delete(tx, keys.digest(secret))


def miss(tx: Transaction, secret: str, session: Session) -> None:
    """A wrong answer: three of them end the session."""
    if session.tries + 1 >= TRIES_MAX:
        end(tx, secret)
    else:
        keys.sessions.put(tx, replace(session, tries=session.tries + 1), keys.digest(secret))
