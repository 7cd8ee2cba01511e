"""Mail by SMTP: to the server that `--smtp HOST:PORT` names."""

from __future__ import annotations

import asyncio
import datetime
import smtplib
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

TIMEOUT_S: Final = 15.0
_PERMANENT: Final = 500


class MailUnreachable(Exception):
    """The server cannot be reached, or says: later."""


class MailRefused(Exception):
    """The server will never take this mail."""


def compose(
    *,
    sender: str,
    name: str,
    to: str,
    subject: str,
    body: str,
    id: str,
    sent_ms: int,
    content_type: str = "text/plain",
    headers: dict[str, str] | None = None,
) -> EmailMessage:
    """A mail. `name` is the sender's as people read it; `headers` are further ones."""
    mail = EmailMessage()
    mail["Subject"] = _line(subject)
    mail["From"] = Address(_line(name), addr_spec=sender)
    mail["To"] = _line(to)
    mail["Date"] = format_datetime(datetime.datetime.fromtimestamp(sent_ms / 1000, datetime.UTC))
    mail["Message-ID"] = f"<{id}@{sender.rpartition('@')[2]}>"
    for header, value in (headers or {}).items():
        mail[header] = _line(value)
    mail.set_content(body, subtype=content_type.partition("/")[2], cte="8bit" if body.isascii() else "base64")
    return mail


def _line(text: str) -> str:
    """What may stand in a header: no line may end in it."""
    return " ".join(text.split())


async def send(server: str, mail: EmailMessage) -> None:
    """Hand a mail to the server `HOST:PORT`; raises `MailUnreachable` or `MailRefused`."""
    # smtplib waits for its socket, so it has a thread.
    await asyncio.to_thread(_send, server, mail)


def _send(server: str, mail: EmailMessage) -> None:
    host, _, port = server.rpartition(":")
    try:
        with smtplib.SMTP(host.strip("[]"), int(port), timeout=TIMEOUT_S) as connection:
            connection.send_message(mail)
    except smtplib.SMTPResponseException as error:
        told = MailRefused if error.smtp_code >= _PERMANENT else MailUnreachable
        raise told(f"{server}: {error.smtp_code} {error.smtp_error!r}") from None
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        told = MailRefused if min(codes) >= _PERMANENT else MailUnreachable
        raise told(f"{server} refuses {', '.join(error.recipients)}") from None
    except (smtplib.SMTPException, OSError) as error:
        raise MailUnreachable(f"{server}: {error}") from None
