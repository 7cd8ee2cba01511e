"""Mails of pools to a mail server, where the node has one."""

from __future__ import annotations

import asyncio
from email.message import EmailMessage

import pytest
from msgspec.structs import replace

from lambent.bus.relay import Relay
from lambent.mail import smtp

from .support import PASSWORD, PoolCloud


def test_a_mail_leaves_by_the_server_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[EmailMessage] = []
    away = [True]

    async def send(server: str, mail: EmailMessage) -> None:
        assert server == "mail.example.com:25"
        if away and away.pop():
            raise smtp.MailUnreachable("away")
        sent.append(mail)

    async def scenario() -> None:
        monkeypatch.setattr(smtp, "send", send)
        cloud = await PoolCloud.begin()
        cloud.settings = replace(cloud.settings, smtp="mail.example.com:25")
        relay = Relay(cloud, cloud.store.node)
        await relay.start()
        given = [{"Name": "email", "Value": "anna@example.com"}]
        await cloud.app("SignUp", Username="anna", Password=PASSWORD, UserAttributes=given)
        for _ in range(3):
            await relay.settled()
            cloud.advance(5)
        await relay.settled()
        assert await cloud.mails() == []
        (mail,) = sent
        assert (mail["To"], mail["Subject"]) == ("anna@example.com", "Your verification code")
        code = mail.get_content().split()[-1]
        await cloud.app("ConfirmSignUp", Username="anna", ConfirmationCode=code)
        await relay.stop(0)

    asyncio.run(scenario())
