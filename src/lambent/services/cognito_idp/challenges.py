"""Answers to challenges: RespondToAuthChallenge and its twin for administrators."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Cloud, Reader, Transaction

from . import attributes, clients, custom, factors, guarding, keys, passwords, sessions, srp, totp, users
from .attempt import (
    AUTHENTICATION,
    NEW_PASSWORD,
    Attempt,
    ask_factor,
    before,
    complete,
    proven,
    second,
    with_password,
)
from .errors import (
    CodeMismatchException,
    ExpiredCodeException,
    InvalidParameterException,
    Refusal,
    bad_login,
    bad_session,
)
from .model import Client, Pool, Session, User
from .service import write

_ATTRIBUTE: Final = "userAttributes."
Answers = Mapping[str, str]


async def respond(
    cloud: Cloud, pool: Pool, client: Client, req: Mapping[str, Any], *, at: str, hosted: bool = False
) -> dict[str, Any]:
    """Look at an answer; the answer to it is the next challenge, or tokens (the user, at a pool's own pages)."""
    challenge, answers = req["ChallengeName"], req.get("ChallengeResponses", {})
    handler = _HANDLERS.get(challenge)
    if handler is None:
        raise NotBuilt(f"Lambent has not built the challenge {challenge} yet.")
    secret = answers.get("PASSWORD_CLAIM_SECRET_BLOCK") if challenge == "PASSWORD_VERIFIER" else req.get("Session")
    name = answers.get("USERNAME")
    if not name:
        raise InvalidParameterException("Missing required parameter USERNAME")

    def look(tx: Reader) -> tuple[Session, User | None]:
        session = sessions.get(tx, secret, client.id, (challenge,), cloud.clock.now_ns() // 1_000_000)
        user = keys.users.get(tx, pool.id, session.user) if session.user else None
        meant = users.find(tx, pool, name)
        if session.pool != pool.id or (user is not None and (meant is None or meant.sub != user.sub)):
            raise bad_session()
        clients.check_hash(client, answers.get("SECRET_HASH"), name, *([user.name] if user else []))
        return session, user

    session, user = await cloud.store.read(look)
    attempt = Attempt(cloud, pool, client, session.name, req.get("ClientMetadata", {}), at, hosted)
    return await handler(attempt, user, session, secret or "", answers)


async def _end(attempt: Attempt, secret: str) -> None:
    """Take the session, before anything comes of it; only one of two answers at once gets it."""

    def take(tx: Transaction) -> None:
        if keys.sessions.get(tx, keys.digest(secret)) is None:
            raise bad_session()
        sessions.end(tx, secret)

    await attempt.cloud.store.write(take)


async def _password_verifier(
    attempt: Attempt, user: User | None, session: Session, secret: str, answers: Answers
) -> dict[str, Any]:
    for name in ("PASSWORD_CLAIM_SIGNATURE", "TIMESTAMP"):
        if not answers.get(name):
            raise InvalidParameterException(f"Missing required parameter {name}")
    await _end(attempt, secret)
    await attempt.cloud.store.read(lambda tx: guarding.check(tx, attempt.pool, attempt.name, attempt.now_ms))
    await before(attempt, user)
    # Somebody unknown is computed for, too, so that nobody can tell by the time.
    kept = user.verifier if user is not None and user.verifier else b"\x05" * 384
    name = user.name if user is not None else attempt.name
    wanted = srp.signature(
        attempt.pool.short, name, kept, srp.public_of(session.data["A"]), session.data["b"],
        base64.b64decode(secret), answers["TIMESTAMP"],
    )  # fmt: skip
    try:
        given = base64.b64decode(answers["PASSWORD_CLAIM_SIGNATURE"])
    except (binascii.Error, ValueError):
        given = b""
    right = hmac.compare_digest(wanted, given) and user is not None and bool(user.verifier)
    await attempt.cloud.store.write(
        lambda tx: guarding.settle(tx, attempt.pool, attempt.name, attempt.now_ms, right=right)
    )
    if not right or user is None:
        raise bad_login()
    if "steps" in session.data:
        step = {"challengeName": "PASSWORD_VERIFIER", "challengeResult": True, "challengeMetadata": None}
        return await custom.onward(attempt, user, [*session.data["steps"], step])
    return await proven(attempt, user)


async def _new_password(
    attempt: Attempt, user: User | None, session: Session, secret: str, answers: Answers
) -> dict[str, Any]:
    pool, password = attempt.pool, answers.get("NEW_PASSWORD")
    if user is None:
        raise bad_session()
    if not password:
        raise InvalidParameterException("Missing required parameter NEW_PASSWORD")
    passwords.check(pool, password)
    given = {name.removeprefix(_ATTRIBUTE): value for name, value in answers.items() if name.startswith(_ATTRIBUTE)}
    attributes.check_writable(attempt.client, given)
    # What never changes can be said once.
    attributes.check(pool, {name: value for name, value in given.items() if name in user.attributes}, new=False)
    attributes.check(pool, {**user.attributes, **given}, new=True, complete=True)
    salt = passwords.secured(attempt.cloud.ids)
    made = srp.verifier(pool.short, user.name, password, salt)
    earlier = passwords.earlier(pool, user, password)

    def change(tx: Transaction) -> User:
        current = keys.users.get(tx, pool.id, session.user)
        if keys.sessions.get(tx, keys.digest(secret)) is None or current is None:
            raise bad_session()
        sessions.end(tx, secret)
        changed = users.changed(current, attempt.now_ms, given)
        changed = with_password(changed, pool, salt, made, attempt.now_ms)
        changed = replace(changed, earlier=earlier)
        users.put(tx, pool, current, changed)
        return changed

    return await second(attempt, await attempt.cloud.store.write(change), NEW_PASSWORD)


async def _authenticator(
    attempt: Attempt, user: User | None, session: Session, secret: str, answers: Answers
) -> dict[str, Any]:
    code = answers.get("SOFTWARE_TOKEN_MFA_CODE")
    if not code:
        raise InvalidParameterException("Missing required parameter SOFTWARE_TOKEN_MFA_CODE")

    def take(tx: Transaction) -> User | Refusal:
        guarding.check(tx, attempt.pool, attempt.name, attempt.now_ms)
        current = keys.users.get(tx, attempt.pool.id, session.user)
        now = keys.sessions.get(tx, keys.digest(secret))
        if current is None or now is None:
            raise bad_session()
        step = totp.step_of(current.totp, code, attempt.now_ms, current.totp_step) if current.totp else None
        if step is None:
            sessions.miss(tx, secret, now)
            guarding.failed(tx, attempt.pool, attempt.name, attempt.now_ms)
            if current.totp and totp.step_of(current.totp, code, attempt.now_ms) is not None:
                return ExpiredCodeException("Your software token has already been used once.")
            return CodeMismatchException("Invalid code received for user")
        sessions.end(tx, secret)
        used = replace(current, totp_step=step)
        keys.users.put(tx, used, attempt.pool.id, session.user)
        return used

    return await complete(attempt, await write(attempt.cloud, take), session.data.get("source", AUTHENTICATION))


async def _sent_code(
    attempt: Attempt, user: User | None, session: Session, secret: str, answers: Answers
) -> dict[str, Any]:
    code = answers.get(f"{session.challenge}_CODE")
    if not code:
        raise InvalidParameterException(f"Missing required parameter {session.challenge}_CODE")

    def take(tx: Transaction) -> User | Refusal:
        guarding.check(tx, attempt.pool, attempt.name, attempt.now_ms)
        current = keys.users.get(tx, attempt.pool.id, session.user)
        now = keys.sessions.get(tx, keys.digest(secret))
        if current is None or now is None:
            raise bad_session()
        if not hmac.compare_digest(keys.digest(code), now.data["code"]):
            sessions.miss(tx, secret, now)
            guarding.failed(tx, attempt.pool, attempt.name, attempt.now_ms)
            return CodeMismatchException("Invalid code or auth state for the user.")
        sessions.end(tx, secret)
        return current

    return await complete(attempt, await write(attempt.cloud, take), session.data.get("source", AUTHENTICATION))


async def _choice(
    attempt: Attempt, user: User | None, session: Session, secret: str, answers: Answers
) -> dict[str, Any]:
    answer = answers.get("ANSWER", "")
    if user is None or answer not in factors.owned(attempt.pool, user):
        raise InvalidParameterException("Invalid ANSWER for SELECT_MFA_TYPE.")
    await _end(attempt, secret)
    return await ask_factor(attempt, user, answer, session.data.get("source", AUTHENTICATION))


async def _set_up(
    attempt: Attempt, user: User | None, session: Session, secret: str, answers: Answers
) -> dict[str, Any]:
    if user is None or not session.data.get("verified"):
        raise InvalidParameterException("The software token was not verified in this session.")
    await _end(attempt, secret)
    return await complete(attempt, user, session.data.get("source", AUTHENTICATION))


async def _custom(
    attempt: Attempt, user: User | None, session: Session, secret: str, answers: Answers
) -> dict[str, Any]:
    if "ANSWER" not in answers:
        raise InvalidParameterException("Missing required parameter ANSWER")
    await _end(attempt, secret)
    return await custom.answered(attempt, user, session.data, answers["ANSWER"])


Handler = Callable[[Attempt, User | None, Session, str, Answers], Awaitable[dict[str, Any]]]
_HANDLERS: Final[Mapping[str, Handler]] = {
    "PASSWORD_VERIFIER": _password_verifier,
    "NEW_PASSWORD_REQUIRED": _new_password,
    "SOFTWARE_TOKEN_MFA": _authenticator,
    "SMS_MFA": _sent_code,
    "EMAIL_OTP": _sent_code,
    "SELECT_MFA_TYPE": _choice,
    "MFA_SETUP": _set_up,
    "CUSTOM_CHALLENGE": _custom,
}
