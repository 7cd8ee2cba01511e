"""`lambent mail show`: every link stands in a letter once, in a form that can be copied."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from lambent.cli import mail
from lambent.cli.mail import written

LINK = "http://127.0.0.1:4566/confirmUser?client_id=c&user_name=me"
OTHER = "http://127.0.0.1:4566/_lambent/sns/?Action=ConfirmSubscription&Token=abc"


def letter(body: str, **details: str) -> dict[str, Any]:
    known = {"From": "AWS Notifications", "Token": "abc", "TopicArn": "arn:aws:sns:us-east-1:000000000000:t"}
    return {
        "sender": "a@b.example",
        "to": "c@d.example",
        "subject": "Hello",
        "sent_ms": 0,
        "body": body,
        "details": {**known, **details},
    }


@pytest.mark.parametrize(
    ("body", "name", "link"),
    [
        (f"Visit\n{LINK}\n", "Confirm", LINK),
        (f'<a href="{LINK.replace("&", "&amp;")}">Verify</a>', "Link", LINK),
        (json.dumps({"SubscribeURL": OTHER}, indent=2), "Confirm", OTHER),
        (json.dumps({"UnsubscribeURL": OTHER}, indent=2), "Unsubscribe", OTHER),
        ("Your code is 1.", "Link", LINK),
    ],
)
def test_a_link_stands_once(body: str, name: str, link: str) -> None:
    lines = written(letter(body, **{name: LINK}))
    assert lines[:2] == ["From: a@b.example", "To: c@d.example"]
    assert [line for line in lines if line.startswith("TopicArn: ")]
    text = "\n".join(lines)
    assert text.count("http") == text.count(link) == 1
    assert "Token: " not in text


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("command", [["list"], ["show", "7"]])
def test_options_may_stand_before_the_command(
    monkeypatch: pytest.MonkeyPatch, command: list[str], before: bool
) -> None:
    asked: list[tuple[str, str]] = []

    def ask(endpoint: str, path: str, region: str, method: str = "GET") -> dict[str, Any]:
        asked.append((endpoint, region))
        return {"letters": []} if path.startswith("?") else letter("Hello")

    monkeypatch.setattr(mail, "_ask", ask)
    options = ["--endpoint", "http://127.0.0.1:1", "--region", "eu-west-1", "--json"]
    done = CliRunner().invoke(mail.app, [*options, *command] if before else [*command, *options])
    assert done.exit_code == 0, done.output
    assert asked == [("http://127.0.0.1:1", "eu-west-1")]
    json.loads(done.output)
