"""What users are told by mail and text message: the pool's templates, its CustomMessage function, the mailbox."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import msgspec

from lambent import mail
from lambent.contracts.events import Event
from lambent.contracts.ports import Cloud, Transaction
from lambent.mail import Letter

from . import triggers
from .addresses import base_url
from .model import PRINCIPAL, Pool, User

SENDER: Final = "no-reply@verificationemail.com"
CODE: Final = "{####}"
USERNAME: Final = "{username}"
_LINK: Final = "{##"
_encode: Final = msgspec.msgpack.Encoder().encode

SIGN_UP: Final = "CustomMessage_SignUp"
RESEND: Final = "CustomMessage_ResendCode"
FORGOT: Final = "CustomMessage_ForgotPassword"
INVITE: Final = "CustomMessage_AdminCreateUser"
UPDATE: Final = "CustomMessage_UpdateUserAttribute"
VERIFY: Final = "CustomMessage_VerifyUserAttribute"
SIGN_IN: Final = "CustomMessage_Authentication"


class Wording(NamedTuple):
    """What a message says; `{####}` stands for the code."""

    sms: str
    email: str
    subject: str


def _plain(pool: Pool, source: str) -> Wording:
    """The pool's own texts for an occasion, or Cognito's."""
    settings: dict[str, Any] = pool.settings
    template = settings.get("VerificationMessageTemplate", {})
    if source == INVITE:
        own = settings.get("AdminCreateUserConfig", {}).get("InviteMessageTemplate", {})
        text = f"Your username is {USERNAME} and temporary password is {CODE}."
        return Wording(
            own.get("SMSMessage", text),
            own.get("EmailMessage", text),
            own.get("EmailSubject", "Your temporary password"),
        )
    if source == SIGN_IN:
        emails = settings.get("EmailMfaConfiguration", {})
        own = settings.get("SmsMfaConfiguration", {}).get("SmsAuthenticationMessage")
        sms = own or settings.get("SmsAuthenticationMessage", f"Your authentication code is {CODE}.")
        return Wording(sms, emails.get("Message", sms), emails.get("Subject", "Your authentication code"))
    sms = template.get("SmsMessage") or settings.get("SmsVerificationMessage") or f"Your verification code is {CODE}"
    if source == FORGOT:
        code = "Your password reset code is {####}"
        return Wording(sms if sms.find(CODE) >= 0 else code, code, "Your password reset code")
    email = template.get("EmailMessage") or settings.get("EmailVerificationMessage")
    subject = template.get("EmailSubject") or settings.get("EmailVerificationSubject")
    if template.get("DefaultEmailOption") == "CONFIRM_WITH_LINK" and source in (SIGN_UP, RESEND):
        email = template.get("EmailMessageByLink") or (
            "Please click the link below to verify your email address. {##Verify Email##}"
        )
        subject = template.get("EmailSubjectByLink") or "Your verification link"
    return Wording(sms, email or f"Your confirmation code is {CODE}", subject or "Your verification code")


async def wording(
    cloud: Cloud, pool: Pool, client: str, user: User, source: str, metadata: Mapping[str, str] | None
) -> Wording:
    """What a message says, after the pool's function was asked."""
    plain = _plain(pool, source)
    request = {
        "userAttributes": triggers.user_attributes(user),
        "codeParameter": CODE,
        "linkParameter": "{##Click Here##}",
        "usernameParameter": USERNAME if source == INVITE else None,
        "clientMetadata": dict(metadata or {}),
    }
    empty = {"smsMessage": None, "emailMessage": None, "emailSubject": None}
    own = await triggers.call(
        cloud, pool, "CustomMessage", source, user=user.name, client=client, request=request, response=empty
    )
    if own is None:
        return plain
    # A text without the place for the code would be useless; Cognito ignores it too.
    sms, email = own.get("smsMessage"), own.get("emailMessage")
    return Wording(
        sms if isinstance(sms, str) and CODE in sms else plain.sms,
        email if isinstance(email, str) and (CODE in email or _LINK in email) else plain.email,
        own["emailSubject"] if isinstance(own.get("emailSubject"), str) else plain.subject,
    )


def send(
    cloud: Cloud,
    tx: Transaction,
    pool: Pool,
    user: User,
    attribute: str,
    to: str,
    words: Wording,
    code: str,
    client: str,
) -> None:
    """Write to a user's address or number, in the transaction that made the code."""
    text = words.sms if attribute == "phone_number" else words.email
    # A mail is HTML, and a user chose the name.
    name = user.name if attribute == "phone_number" else html.escape(user.name)
    text = text.replace(USERNAME, name).replace(CODE, code)
    details = {"UserPoolId": pool.id, "Username": user.name, "Code": code}
    head, opened, rest = text.partition(_LINK)
    if opened:
        label, _, tail = rest.partition("##}")
        fields = {"client_id": client, "user_name": user.name, "confirmation_code": code}
        link = f"{base_url(cloud.settings.endpoint, pool)}/confirmUser?{urlencode(fields)}"
        text = f'{head}<a href="{html.escape(link)}">{label}</a>{tail}'
        details["Link"] = link
    own = pool.settings.get("EmailConfiguration", {}).get("From", "")
    letter = Letter(
        kind="sms" if attribute == "phone_number" else "email",
        to=to,
        sender="NOTICE" if attribute == "phone_number" else (own.rpartition("<")[2].rstrip(">") or SENDER),
        subject="" if attribute == "phone_number" else words.subject,
        body=text,
        sent_ms=cloud.clock.now_ns() // 1_000_000,
        account=pool.account,
        region=pool.region,
        content_type="text/plain" if attribute == "phone_number" else "text/html",
        details=details,
    )
    if letter.kind == "sms" or not cloud.settings.smtp:
        mail.keep(tx, letter)
        return
    tx.emit(
        Event(
            target=pool.arn,
            payload=_encode(letter),
            source=pool.arn,
            principal=PRINCIPAL,
            account=pool.account,
            region=pool.region,
        )
    )
