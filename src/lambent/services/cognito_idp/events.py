"""What the service does outside of requests: it hands mails to the mail server, where the node has one."""

from __future__ import annotations

import msgspec

from lambent.contracts.events import Delivery, TryAgain, Undeliverable
from lambent.contracts.ports import Cloud
from lambent.mail import Letter


class CognitoTarget:
    """Takes the mails that pools emit to themselves."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def deliver(self, delivery: Delivery) -> None:
        """Hand a mail over; a server that is away is tried again."""
        # Deferred: mail's machinery loads slowly, and without --smtp nobody needs it.
        from lambent.mail import smtp

        letter = msgspec.msgpack.decode(delivery.event.payload, type=Letter)
        composed = smtp.compose(
            sender=letter.sender,
            name=letter.sender,
            to=letter.to,
            subject=letter.subject,
            body=letter.body,
            id=delivery.id,
            sent_ms=letter.sent_ms,
            content_type=letter.content_type,
        )
        try:
            await smtp.send(self._cloud.settings.smtp, composed)
        except smtp.MailUnreachable as error:
            raise TryAgain(str(error)) from None
        except smtp.MailRefused as error:
            raise Undeliverable(str(error)) from None

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Nobody sends to a pool but the pool itself."""
        if source != target:
            raise Undeliverable(f"{target} takes no events.")
