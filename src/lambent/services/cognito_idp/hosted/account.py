"""The pages around sign-in: making an account, confirming it, and getting a forgotten password back."""

from __future__ import annotations

from typing import Any, Final

from lambent.contracts.caller import ANONYMOUS
from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Response

from .. import clients, passwords
from ..model import Client
from . import authorize, pages
from .pages import Field, Link
from .site import Site, client_of, form_is_ours, form_token, redirect

_STALE: Final = "This page was open for too long. Please try again."
_KINDS: Final = {"email": "email", "phone_number": "tel", "birthdate": "date"}
_HINTS: Final = {"phone_number": "With the country's code, as in +15551234567."}
_NOTES: Final = {
    "": "Enter the code that we sent you.",
    "sent": "We sent you a code.",
    "waiting": "Your account is not confirmed yet. Enter the code that we sent you, or ask for another.",
}
_COMPLETE: Final = {"email": "email", "phone_number": "tel", "birthdate": "bday", "given_name": "given-name",
                    "family_name": "family-name", "name": "name"}  # fmt: skip


async def _call(site: Site, client: Client, operation: str, name: str, **params: Any) -> dict[str, Any]:
    """One of the operations that are open to everybody, through the client."""
    if client.secrets:
        params["SecretHash"] = clients.hash_of(client.secrets[0][1], name, client.id)
    params |= {"ClientId": client.id, "Username": name}
    return await site.cloud.api.call(ANONYMOUS, site.pool.region, "cognito-idp", operation, params)


async def _page(site: Site, title: str, path: str, fields: list[Field], button: str, **more: Any) -> Response:
    token, headers = await form_token(site)
    query = {key: value for key, value in site.query.items() if key not in ("username", "done")}
    back = (Link("Back to sign-in", site.link("/login", query)),)
    return pages.form(
        site, title, token=token, headers=headers, action=site.link(path, query), fields=fields, button=button,
        links=back, **more,
    )  # fmt: skip


async def _posted(site: Site) -> tuple[Client, dict[str, str], str] | Response:
    """The client, the posted fields, and what is wrong with the form; a page when nothing can be done."""
    asked = await authorize.read(site)
    if isinstance(asked, Response):
        return asked
    if site.request.method == "GET":
        return asked.client, {}, ""
    fields = await site.form()
    return asked.client, fields, "" if await form_is_ours(site, fields) else _STALE


# -- making an account ------------------------------------------------------------------------------------------------


def _asked_for(site: Site) -> list[str]:
    """The attributes that a new user is asked for, besides the name."""
    pool = site.pool
    required = [one.name for one in pool.schema if one.required and one.name != "sub"]
    wanted = [*required, *(name for name in pool.auto_verified if name not in required)]
    return [name for name in wanted if name not in pool.signs_in_by or len(pool.signs_in_by) > 1]


def _sign_up_fields(site: Site, given: dict[str, str]) -> list[Field]:
    kinds = site.pool.signs_in_by
    label = "Username" if not kinds else " or ".join(kind.replace("_number", " number") for kind in kinds).capitalize()
    found = [
        Field(
            "username", label, "email" if tuple(kinds) == ("email",) else "text", given.get("username", ""), "username"
        )
    ]
    for name in _asked_for(site):
        text = name.replace("_", " ").capitalize()
        found.append(
            Field(
                name, text, _KINDS.get(name, "text"), given.get(name, ""), _COMPLETE.get(name, ""), not kinds,
                hint=_HINTS.get(name, ""),
            )
        )  # fmt: skip
    return [*found, new_password(site, "Password", "password")]


def new_password(site: Site, label: str, name: str) -> Field:
    """A field for a password that is chosen here, with what the pool wants of it."""
    return Field(name, label, "password", complete="new-password", hint=passwords.rules_told(site.pool))


async def sign_up(site: Site) -> Response:
    """GET and POST /signup."""
    found = await _posted(site)
    if isinstance(found, Response):
        return found
    client, fields, error = found
    if fields and not error:
        given = [{"Name": name, "Value": fields[name]} for name in _asked_for(site) if fields.get(name)]
        name = fields.get("username", "").strip()
        try:
            password = fields.get("password", "")
            answer = await _call(site, client, "SignUp", name, Password=password, UserAttributes=given)
        except ServiceError as refused:
            error = refused.message
        else:
            done = answer["UserConfirmed"]
            query = {**site.query, **({"done": "confirmed"} if done else {"username": name, "done": "sent"})}
            return redirect(site.link("/login" if done else "/confirm", query))
    return await _page(site, "Create an account", "/signup", _sign_up_fields(site, fields), "Sign up", error=error)


async def confirm(site: Site) -> Response:
    """GET and POST /confirm: the code of the mail."""
    found = await _posted(site)
    if isinstance(found, Response):
        return found
    client, fields, error = found
    name = fields.get("username") or site.query.get("username", "")
    if fields and not error:
        try:
            await _call(site, client, "ConfirmSignUp", name, ConfirmationCode=fields.get("code", "").strip() or "-")
        except ServiceError as refused:
            error = refused.message
        else:
            query = {key: value for key, value in site.query.items() if key != "username"}
            return redirect(site.link("/login", {**query, "done": "confirmed"}))
    note = "" if error else _NOTES.get(site.query.get("done", ""), "")
    return await _confirm_page(site, name, error=error, note=note)


async def _confirm_page(site: Site, name: str, **more: Any) -> Response:
    fields = [Field("code", "Code", complete="one-time-code")]
    if not name:
        fields.insert(0, _name_field(site, ""))
    hidden = {"username": name} if name else {}
    query = {key: value for key, value in site.query.items() if key not in ("username", "done")}
    again = ("Send another code", site.link("/resend", query))
    return await _page(site, "Confirm your account", "/confirm", fields, "Confirm", hidden=hidden, second=again, **more)


async def resend(site: Site) -> Response:
    """POST /resend: another code."""
    found = await _posted(site)
    if isinstance(found, Response):
        return found
    client, fields, error = found
    name = fields.get("username", "")
    if not error:
        try:
            await _call(site, client, "ResendConfirmationCode", name)
        except ServiceError as refused:
            error = refused.message
    return await _confirm_page(site, name, error=error, note="" if error else "We sent you another code.")


async def confirm_by_link(site: Site) -> Response:
    """GET /confirmUser: the link of a mail."""
    query = site.query
    client = await site.cloud.store.read(lambda tx: client_of(tx, site, query.get("client_id", "")))
    if client is None:
        return pages.message(site, "This did not work", "The link is not complete.")
    code = query.get("confirmation_code") or "-"
    await _call(site, client, "ConfirmSignUp", query.get("user_name") or "-", ConfirmationCode=code)
    return pages.message(site, "Welcome", "Your registration has been confirmed!", status=200)


# -- forgotten passwords ----------------------------------------------------------------------------------------------


def _name_field(site: Site, name: str) -> Field:
    return Field("username", pages.name_label(site), value=name, complete="username")


async def forgot(site: Site) -> Response:
    """GET and POST /forgotPassword: ask for a code."""
    found = await _posted(site)
    if isinstance(found, Response):
        return found
    client, fields, error = found
    name = fields.get("username", "").strip()
    if fields and not error:
        try:
            await _call(site, client, "ForgotPassword", name or "-")
        except ServiceError as refused:
            error = refused.message
        else:
            return redirect(site.link("/confirmForgotPassword", {**site.query, "username": name}))
    fields_shown = [_name_field(site, name)]
    text = "We send a code to the address that we know of you."
    return await _page(
        site, "Forgot your password?", "/forgotPassword", fields_shown, "Send code", text=text, error=error
    )


async def reset(site: Site) -> Response:
    """GET and POST /confirmForgotPassword: the code, and the new password."""
    found = await _posted(site)
    if isinstance(found, Response):
        return found
    client, fields, error = found
    name = fields.get("username") or site.query.get("username", "")
    if fields and not error:
        code, password = fields.get("code", "").strip() or "-", fields.get("password", "")
        try:
            await _call(
                site, client, "ConfirmForgotPassword", name or "-", ConfirmationCode=code, Password=password or " "
            )
        except ServiceError as refused:
            error = refused.message
        else:
            query = {key: value for key, value in site.query.items() if key != "username"}
            return redirect(site.link("/login", {**query, "done": "reset"}))
    shown = [Field("code", "Code", complete="one-time-code"), new_password(site, "New password", "password")]
    if not name:
        shown.insert(0, _name_field(site, ""))
    note = "" if error else "If we know you, we sent you a code."
    return await _page(
        site, "Choose a new password", "/confirmForgotPassword", shown, "Change password",
        hidden={"username": name} if name else {}, whose=name, error=error, note=note,
    )  # fmt: skip
