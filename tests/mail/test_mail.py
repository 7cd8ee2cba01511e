"""The mailbox, and mail by SMTP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
from aiosmtpd.controller import Controller

from lambent import mail
from lambent.contracts.http import Request
from lambent.contracts.ports import Settings
from lambent.doors import mailbox
from lambent.mail import Letter, smtp
from lambent.mail import box as box_module
from tests.support import TestCloud


def _letter(number: int, to: str = "a@b.example") -> Letter:
    return Letter(kind="email", to=to, sender="s@x.example", subject=f"n{number}", body="text", sent_ms=number)


def test_letters_are_numbered_and_the_oldest_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box_module, "KEPT_MAX", 3)

    async def run() -> None:
        cloud = TestCloud()
        for number in range(1, 6):
            assert await cloud.store.write(lambda tx, n=number: mail.keep(tx, _letter(n))) == number
        found = await cloud.store.read(lambda tx: mail.letters(tx, 10))
        assert [letter.number for letter in found] == [5, 4, 3]
        assert await cloud.store.read(lambda tx: mail.letter(tx, 1)) is None
        one = await cloud.store.read(lambda tx: mail.letter(tx, 4))
        assert one is not None
        assert one.subject == "n4"
        assert await cloud.store.read(lambda tx: mail.letters(tx, 10, to="nobody")) == []

    asyncio.run(run())


def test_the_door_is_for_root_alone() -> None:
    async def run() -> None:
        cloud = TestCloud()
        await cloud.store.write(lambda tx: mail.keep(tx, _letter(1)))
        path = "/_lambent/mail"
        assert (await mailbox(cloud, Request("GET", path))).status == 200
        assert (await mailbox(cloud, Request("GET", f"{path}/1"))).status == 200
        assert (await mailbox(cloud, Request("GET", f"{path}/2"))).status == 404
        assert (await mailbox(cloud, Request("GET", path, peer="10.0.0.5"))).status == 403
        cloud.settings = Settings(auth="strict")
        assert (await mailbox(cloud, Request("GET", path))).status == 403
        forged = {"authorization": "AWS4-HMAC-SHA256 Credential=x/20200101/us-east-1/sns/aws4_request"}
        assert (await mailbox(cloud, Request("GET", path, headers=forged))).status == 403

    asyncio.run(run())


def _mail(**more: str) -> smtp.EmailMessage:
    given = {"sender": "s@x.example", "name": "Shop", "to": "a@b.example", "subject": "Hi", "body": "text", "id": "1"}
    return smtp.compose(**{**given, **more}, sent_ms=0)  # type: ignore[arg-type]  # headers are not among them


def test_headers_hold_one_line() -> None:
    made = _mail(subject="Hi\r\nBcc: all@x.example", name='Sh"o\\p\n', body="Grüße")
    assert made["Subject"] == "Hi Bcc: all@x.example"
    assert made["Bcc"] is None
    assert made["From"].addresses[0].display_name == 'Sh"o\\p'
    assert made["Date"] == "Thu, 01 Jan 1970 00:00:00 +0000"
    assert made.get_content() == "Grüße\n"


class _Moody:
    """Refuses by what the subject asks for."""

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        content = envelope.content  # type: ignore[attr-defined]
        if b"Subject: later" in content:
            return "451 later"
        return "550 never" if b"Subject: never" in content else "250 OK"


@pytest.fixture
def server() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(_Moody(), hostname="127.0.0.1", port=port)
    controller.start()
    yield f"127.0.0.1:{port}"
    controller.stop()


def test_answers_of_a_server(server: str) -> None:
    asyncio.run(smtp.send(server, _mail()))
    with pytest.raises(smtp.MailUnreachable, match="451"):
        asyncio.run(smtp.send(server, _mail(subject="later")))
    with pytest.raises(smtp.MailRefused, match="550"):
        asyncio.run(smtp.send(server, _mail(subject="never")))


def test_nobody_answers() -> None:
    with pytest.raises(smtp.MailUnreachable):
        asyncio.run(smtp.send("127.0.0.1:1", _mail()))
