"""Mails, text messages and push notifications: what is written to people, and where it goes."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import orjson

from lambent import mail
from lambent.contracts.ports import Cloud, Reader, Transaction
from lambent.mail import Letter

from . import envelopes, keys
from .envelopes import Envelopes
from .model import Message, Subscription, Topic

SENDER: Final = "no-reply@sns.amazonaws.com"
_SUBJECT: Final = "AWS Notification Message"
_CONFIRM_SUBJECT: Final = "AWS Notification - Subscription Confirmation"
_JSON_CONFIRM_SUBJECT: Final = "AWS Notifications - Subscription Confirmation"
_PUSH: Final = {
    "APNS": "APNS",
    "APNS_SANDBOX": "APNS_SANDBOX",
    "GCM": "GCM",
    "FCM": "GCM",
    "ADM": "ADM",
    "BAIDU": "BAIDU",
}
_SMS_BYTES_MAX: Final = 1600


def _page(cloud: Cloud, page: str, **fields: str) -> str:
    query = "&".join(f"{name}={quote(value, safe=':/@')}" for name, value in fields.items())
    return f"{envelopes.door(cloud)}/{page}?{query}"


def confirmation(
    cloud: Cloud, topic: Topic, subscription: Subscription, token: str, body: bytes, now_ms: int
) -> Letter:
    """The mail that asks whether the receiver wants to hear; `body` is the request as JSON, for email-json."""
    link = _page(cloud, "confirmation.html", TopicArn=topic.arn, Token=token, Endpoint=subscription.endpoint)
    if subscription.protocol == "email-json":
        subject, text = _JSON_CONFIRM_SUBJECT, orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    else:
        subject = _CONFIRM_SUBJECT
        text = (
            f"You have chosen to subscribe to the topic:\n{topic.arn}\n\n"
            "To confirm this subscription, click or visit the link below (If this was in error no action is "
            f"necessary):\n{link}\n\n"
            "Please do not reply directly to this email.\n"
        )
    return _mail(topic, subscription, subject, text, now_ms, {"Confirm": link, "Token": token})


def notification(cloud: Cloud, topic: Topic, subscription: Subscription, made: Envelopes, now_ms: int) -> Letter:
    """The mail with a message."""
    message = made.message
    link = _page(cloud, "unsubscribe.html", SubscriptionArn=subscription.arn, Endpoint=subscription.endpoint)
    details = {"MessageId": message.id, "Unsubscribe": link}
    if subscription.protocol == "email-json":
        text = orjson.dumps(orjson.loads(made.json(subscription)), option=orjson.OPT_INDENT_2).decode()
    else:
        text = (
            f"{message.text_for('email')}\n\n--\n"
            "If you wish to stop receiving notifications from this topic, please click or visit the link below to "
            f"unsubscribe:\n{link}\n\nPlease do not reply directly to this email.\n"
        )
    return _mail(topic, subscription, message.subject or _SUBJECT, text, now_ms, details)


def _mail(
    topic: Topic, subscription: Subscription, subject: str, text: str, now_ms: int, details: dict[str, str]
) -> Letter:
    return Letter(
        kind="email",
        to=subscription.endpoint,
        sender=SENDER,
        subject=subject,
        body=text,
        sent_ms=now_ms,
        account=topic.account,
        region=topic.region,
        details={"From": topic.attributes.get("DisplayName") or "AWS Notifications", "TopicArn": topic.arn, **details},
    )


def can_text(tx: Reader, account: str, region: str, number: str) -> bool:
    """Whether the owner of a number has not asked to be left alone."""
    return keys.opted_out.get(tx, account, region, number) is None


def text_message(tx: Transaction, account: str, region: str, number: str, message: Message, source: str = "") -> bool:
    """Put a text message into the mailbox, and drop it when its receiver opted out; says whether it was sent."""
    if not can_text(tx, account, region, number):
        return False
    settings = keys.sms.get(tx, account, region)
    defaults = settings.attributes if settings is not None else {}
    given = {
        name: str(value) for name, _, value in message.attributes if name.startswith(("AWS.SNS.SMS.", "AWS.MM.SMS."))
    }
    kind = given.get("AWS.SNS.SMS.SMSType") or defaults.get("DefaultSMSType") or "Promotional"
    sender = given.get("AWS.SNS.SMS.SenderID") or given.get("AWS.MM.SMS.OriginationNumber")
    sender = sender or defaults.get("DefaultSenderID") or source or "NOTICE"
    mail.keep(
        tx,
        Letter(
            kind="sms",
            to=number,
            sender=sender,
            body=message.text_for("sms").encode()[:_SMS_BYTES_MAX].decode(errors="ignore"),
            sent_ms=message.published_ms,
            account=account,
            region=region,
            details={"MessageId": message.id, "SMSType": kind, **given},
        ),
    )
    return True


def push(tx: Transaction, account: str, region: str, endpoint: str, message: Message) -> bool:
    """Put a push notification into the mailbox; False when the device is gone or does not want it."""
    application_arn, _, id = endpoint.replace(":endpoint/", ":app/", 1).rpartition("/")
    device = keys.devices.get(tx, application_arn, id)
    if device is None or device.attributes.get("Enabled") == "false":
        return False
    platform = application_arn.split("/")[1]
    mail.keep(
        tx,
        Letter(
            kind="push",
            to=device.attributes.get("Token", ""),
            sender=application_arn,
            subject=message.subject or "",
            body=message.text_for(_PUSH.get(platform, platform)),
            sent_ms=message.published_ms,
            account=account,
            region=region,
            details={"MessageId": message.id, "EndpointArn": endpoint, "Platform": platform},
        ),
    )
    return True
