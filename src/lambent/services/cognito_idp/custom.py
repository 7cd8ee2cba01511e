"""Sign-ins of a pool's own making: three functions say what is asked, with what, and whether the answer is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader

from . import guarding, signing_in, triggers, users
from .attempt import AUTHENTICATION, Attempt, ask, before, check_status, complete
from .errors import InvalidLambdaResponseException, InvalidParameterException, bad_login, no_user
from .model import User

CHALLENGE = "CUSTOM_CHALLENGE"
_ROUNDS_MAX = 20
Step = dict[str, Any]


async def start(attempt: Attempt, params: Mapping[str, str]) -> dict[str, Any]:
    """Begin one. With SRP_A, the password is part of it."""
    if not attempt.pool.trigger("DefineAuthChallenge"):
        raise InvalidParameterException("Custom auth lambda trigger is not configured for the user pool.")

    def look(tx: Reader) -> User | None:
        guarding.check(tx, attempt.pool, attempt.name, attempt.now_ms)
        return users.find(tx, attempt.pool, attempt.name)

    user = await attempt.cloud.store.read(look)
    if user is None and not attempt.client.hides_users:
        raise no_user()
    await before(attempt, user)
    if user is not None:
        check_status(user, attempt.now_ms)
    steps: list[Step] = []
    if params.get("CHALLENGE_NAME") == "SRP_A" or "SRP_A" in params:
        steps.append({"challengeName": "SRP_A", "challengeResult": True, "challengeMetadata": None})
    return await onward(attempt, user, steps, params.get("SRP_A", ""))


async def onward(attempt: Attempt, user: User | None, steps: list[Step], srp_a: str = "") -> dict[str, Any]:
    """Ask the pool what comes next: tokens, a refusal, or another challenge."""
    about = {"session": steps, "clientMetadata": dict(attempt.metadata)}
    empty = {"challengeName": None, "issueTokens": None, "failAuthentication": None}
    verdict = await attempt.call("DefineAuthChallenge", user, about, empty) or {}
    if triggers.flag(verdict, "failAuthentication"):
        raise bad_login()
    if triggers.flag(verdict, "issueTokens"):
        if user is None:
            raise bad_login()
        return await complete(attempt, user, AUTHENTICATION)
    name = verdict.get("challengeName")
    if name == "PASSWORD_VERIFIER" and srp_a:
        return await signing_in.offer_proof(attempt, srp_a, {"steps": steps})
    if name in ("SMS_MFA", "SOFTWARE_TOKEN_MFA", "DEVICE_SRP_AUTH"):
        raise NotBuilt(f"Lambent has not built the challenge {name} in custom sign-ins yet.")
    if name != CHALLENGE or len(steps) >= _ROUNDS_MAX:
        raise InvalidLambdaResponseException("Unrecognizable lambda output")
    return await _create(attempt, user, steps)


async def _create(attempt: Attempt, user: User | None, steps: list[Step]) -> dict[str, Any]:
    about = {"challengeName": CHALLENGE, "session": steps, "clientMetadata": dict(attempt.metadata)}
    empty = {"publicChallengeParameters": None, "privateChallengeParameters": None, "challengeMetadata": None}
    made = await attempt.call("CreateAuthChallenge", user, about, empty) or {}
    public = triggers.texts(made, "publicChallengeParameters")
    private = triggers.texts(made, "privateChallengeParameters")
    metadata = made.get("challengeMetadata")
    data = {"steps": steps, "private": private, "metadata": metadata if isinstance(metadata, str) else None}
    if user is None:
        # Somebody who does not exist is asked, too; no answer of theirs will do.
        user = User(pool=attempt.pool.id, name=attempt.name, sub="", status="UNKNOWN", created_ms=0, modified_ms=0)
    return await ask(attempt, user, CHALLENGE, {"USERNAME": user.name, **public}, data)


async def answered(attempt: Attempt, user: User | None, data: dict[str, Any], answer: str) -> dict[str, Any]:
    """Have an answer looked at, and go on."""
    about = {
        "privateChallengeParameters": data.get("private", {}),
        "challengeAnswer": answer,
        "clientMetadata": dict(attempt.metadata),
    }
    verdict = await attempt.call("VerifyAuthChallengeResponse", user, about, {"answerCorrect": None}) or {}
    right = triggers.flag(verdict, "answerCorrect") and user is not None
    step = {"challengeName": CHALLENGE, "challengeResult": right, "challengeMetadata": data.get("metadata")}
    return await onward(attempt, user, [*data["steps"], step])
