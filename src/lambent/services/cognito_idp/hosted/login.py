"""The sign-in page: name and password, and whatever else is asked for until it is known who is there."""

from __future__ import annotations

import json
from typing import Any, Final

from lambent.contracts.caller import ANONYMOUS
from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Response
from lambent.contracts.ports import Transaction

from .. import challenges, clients, factors, keys, sessions, signing_in, totp
from ..attempt import Attempt, proven
from ..errors import EnableSoftwareTokenMFAException, PasswordResetRequiredException, UserNotConfirmedException
from ..model import Browser, User
from . import account, authorize, pages
from .authorize import Asked
from .pages import Field, Link
from .site import BROWSER_MS, SIGNED_IN, Site, form_is_ours, form_token, redirect

_STALE: Final = "This page was open for too long. Please try again."
_AGAIN: Final = ("CodeMismatchException", "InvalidPasswordException", "EnableSoftwareTokenMFAException")
"""The refusals after which the same page may be answered again."""
_CODES: Final = {
    factors.TOTP: "Enter the code that your authenticator app shows.",
    factors.SMS: "Enter the code that we sent to your phone.",
    factors.EMAIL: "Enter the code that we sent to your email address.",
}
_FACTORS: Final = {
    factors.TOTP: "An authenticator app",
    factors.SMS: "A text message to your phone",
    factors.EMAIL: "An email message",
}
_NOTES: Final = {
    "confirmed": "You are confirmed. Please sign in.",
    "reset": "Your password is changed. Please sign in.",
}


async def login(site: Site) -> Response:
    """GET and POST /login."""
    asked = await authorize.read(site)
    if isinstance(asked, Response):
        return asked
    if site.request.method == "GET":
        return await show(site, note=_NOTES.get(site.query.get("done", ""), ""))
    fields = await site.form()
    if not await form_is_ours(site, fields):
        return await show(site, error=_STALE, name=fields.get("username", ""))
    try:
        if "challenge" in fields:
            found = await _answer(site, asked, fields)
        else:
            found = await _password(site, asked, fields)
    except UserNotConfirmedException:
        return redirect(
            site.link("/confirm", {**site.query, "username": fields.get("username", ""), "done": "waiting"})
        )
    except PasswordResetRequiredException:
        return redirect(site.link("/forgotPassword"))
    except ServiceError as error:
        if "challenge" in fields and error.code in _AGAIN:
            return await _challenge(site, fields["challenge"], fields, fields.get("name", ""), error.message)
        return await show(site, error=error.message, name=fields.get("username", ""))
    if "ChallengeName" in found:
        name = found["ChallengeParameters"].get("USER_ID_FOR_SRP", fields.get("username", ""))
        typed = fields.get("username", "")
        fields = {**_needed(found), "session": found["Session"], "username": typed}
        return await _challenge(site, found["ChallengeName"], fields, name)
    return await _in(site, asked, found["User"])


async def show(site: Site, *, error: str = "", note: str = "", name: str = "") -> Response:
    """The page with name and password."""
    token, headers = await form_token(site)
    query = {key: value for key, value in site.query.items() if key != "done"}
    links = [Link("Forgot your password?", site.link("/forgotPassword", query))]
    if not site.pool.settings.get("AdminCreateUserConfig", {}).get("AllowAdminCreateUserOnly"):
        links.append(Link("Create an account", site.link("/signup", query)))
    return pages.form(
        site,
        "Sign in",
        token=token,
        headers=headers,
        action=site.link("/login", query),
        fields=[
            Field("username", pages.name_label(site), value=name or query.get("login_hint", ""), complete="username"),
            Field("password", "Password", "password", complete="current-password"),
        ],
        button="Sign in",
        error=error,
        note=note,
        links=tuple(links),
    )


def _attempt(site: Site, asked: Asked, name: str) -> Attempt:
    return Attempt(site.cloud, site.pool, asked.client, name, {}, site.at, True)


async def _password(site: Site, asked: Asked, fields: dict[str, str]) -> dict[str, Any]:
    name, password = fields.get("username", "").strip(), fields.get("password", "")
    attempt = _attempt(site, asked, name)
    user = await signing_in.check_password(attempt, password)
    return await proven(attempt, user)


def _needed(found: dict[str, Any]) -> dict[str, str]:
    """What a challenge has to say for its page."""
    params = found["ChallengeParameters"]
    return {name: params[name] for name in ("requiredAttributes", "MFAS_CAN_CHOOSE") if name in params}


async def _challenge(site: Site, challenge: str, given: dict[str, str], name: str, error: str = "") -> Response:
    """The page of a challenge."""
    token, headers = await form_token(site)
    fields, text, button = [Field("answer", "Code", complete="one-time-code")], _CODES.get(challenge, ""), "Continue"
    title = "One more step"
    hidden = {"challenge": challenge, "session": given.get("session", ""), "name": name}
    typed = hidden["username"] = given.get("username", "")
    key = whose = ""
    if challenge == "NEW_PASSWORD_REQUIRED":
        title, text, button, whose = "Choose a new password", "", "Change password", typed
        fields = [account.new_password(site, "New password", "answer")]
        for one in _names(given.get("requiredAttributes", "[]")):
            fields.append(Field(one, one.removeprefix("userAttributes.").replace("_", " ").capitalize()))
        hidden["requiredAttributes"] = given.get("requiredAttributes", "[]")
    elif challenge == "MFA_SETUP":
        title = "Set up an authenticator"
        hidden |= await _new_key(site, given)
        key, whose = hidden["key"], typed
        text = "Add this key to your authenticator app, then enter the code that it shows."
    elif challenge == "SELECT_MFA_TYPE":
        choices = tuple((one, _FACTORS.get(one, one)) for one in _names(given.get("MFAS_CAN_CHOOSE", "")))
        fields = [Field("answer", "Where do you want your code from?", choices=choices)]
        hidden["MFAS_CAN_CHOOSE"] = given.get("MFAS_CAN_CHOOSE", "")
    elif challenge not in _CODES:
        return pages.message(site, title, f"This page cannot ask for {challenge} yet. Use the application's own form.")
    return pages.form(
        site, title, token=token, headers=headers, action=site.link("/login"), fields=fields, button=button,
        hidden=hidden, error=error, text=text, key=key, whose=whose,
    )  # fmt: skip


def _names(text: str) -> list[str]:
    """The names in a form's hidden field; what somebody else wrote there is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


async def _new_key(site: Site, given: dict[str, str]) -> dict[str, str]:
    """The key for an authenticator, and the session that goes on with it; the same one when the page is shown again."""
    if given.get("key"):
        return {"key": given["key"]}
    made = await _anyone(site, "AssociateSoftwareToken", Session=given.get("session", ""))
    return {"key": made["SecretCode"], "session": made["Session"]}


async def _anyone(site: Site, operation: str, **params: str) -> dict[str, Any]:
    """An operation that is open to everybody."""
    return await site.cloud.api.call(ANONYMOUS, site.pool.region, "cognito-idp", operation, params)


async def _answer(site: Site, asked: Asked, fields: dict[str, str]) -> dict[str, Any]:
    challenge, name, answer = fields["challenge"], fields.get("name", ""), fields.get("answer", "").strip()
    client = asked.client
    session = fields.get("session", "")
    if challenge == "MFA_SETUP":
        if len(answer) != totp.DIGITS or not answer.isdigit():
            raise EnableSoftwareTokenMFAException("Code mismatch")
        session = (await _anyone(site, "VerifySoftwareToken", Session=session, UserCode=answer))["Session"]
    answers = {"USERNAME": name}
    if client.secrets:
        answers["SECRET_HASH"] = clients.hash_of(client.secrets[0][1], name, client.id)
    field = {
        "NEW_PASSWORD_REQUIRED": "NEW_PASSWORD",
        "SELECT_MFA_TYPE": "ANSWER",
        factors.TOTP: "SOFTWARE_TOKEN_MFA_CODE",
    }.get(challenge, f"{challenge}_CODE")
    answers[field] = fields.get("answer", "") if challenge == "NEW_PASSWORD_REQUIRED" else answer
    answers |= {key: value for key, value in fields.items() if key.startswith("userAttributes.")}
    request = {"ChallengeName": challenge, "Session": session, "ChallengeResponses": answers}
    return await challenges.respond(site.cloud, site.pool, client, request, at=site.at, hosted=True)


async def _in(site: Site, asked: Asked, user: User) -> Response:
    """Somebody is signed in: remember the browser, and give the application its answer."""
    secret = sessions.token(site.cloud.ids)
    now_ms = site.now_ms
    made = Browser(
        pool=site.pool.id, user=site.pool.fold(user.name), sub=user.sub, auth_ms=now_ms, until_ms=now_ms + BROWSER_MS
    )

    def keep(tx: Transaction) -> None:
        digest = keys.digest(secret)
        keys.browsers.put(tx, made, digest)
        keys.expire(tx, keys.browsers.key(digest), made.until_ms, now_ms)

    await site.cloud.store.write(keep)
    response = await authorize.answer(site, asked, user, now_ms)
    response.headers.append(site.set_cookie(SIGNED_IN, secret, BROWSER_MS // 1000))
    return response
