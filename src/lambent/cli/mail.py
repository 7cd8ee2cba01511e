"""`lambent mail`: what the cloud wrote to people and nobody carried off: mails, text messages, push notifications."""

from __future__ import annotations

import html
import json
import time
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from .asking import ask
from .common import EndpointOption, RegionOption, find_endpoint

_SHOWN = 50
_TITLE_MAX = 80
_SAME = {"Confirm": "SubscribeURL", "Unsubscribe": "UnsubscribeURL"}
"""Links of letters, and what those are called in letters that are JSON which do the same."""

app = typer.Typer(
    name="mail", help="The built-in mailbox: mails, text messages, push notifications.", rich_markup_mode=None
)
JsonOption = Annotated[bool, typer.Option("--json", help="JSON, for programs.")]


@app.callback(invoke_without_command=True)
def mail(
    context: typer.Context,
    as_json: JsonOption = False,
    endpoint: EndpointOption = None,
    region: RegionOption = "us-east-1",
) -> None:
    """The newest letters; the same as `lambent mail list`."""
    if context.invoked_subcommand is None:
        list_letters(as_json=as_json, endpoint=endpoint, region=region)
    else:
        # What stands before the command is meant for it.
        given = {"as_json": as_json, "endpoint": endpoint, "region": region}
        context.default_map = {context.invoked_subcommand: given}


@app.command("list")
def list_letters(
    as_json: JsonOption = False,
    endpoint: EndpointOption = None,
    region: RegionOption = "us-east-1",
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = _SHOWN,
) -> None:
    """List the newest letters, newest first."""
    letters = _ask(find_endpoint(endpoint), f"?limit={limit}", region)["letters"]
    if as_json:
        print(json.dumps(letters, indent=2))
        return
    if not letters:
        print("no letters")
        return
    rows = [("NO", "WHEN", "KIND", "TO", "SUBJECT")]
    rows += [(str(one["number"]), _when(one), one["kind"], _plain(one["to"]), _title(one)) for one in letters]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join([*cells, row[-1]]).rstrip())


def _title(letter: dict[str, Any]) -> str:
    """What a letter is about: its subject, or how it begins."""
    return _plain(letter["subject"] or " ".join(letter["body"].split())[:_TITLE_MAX])


@app.command("show")
def show(
    number: Annotated[int, typer.Argument(help="The letter's number.", min=1)],
    as_json: JsonOption = False,
    endpoint: EndpointOption = None,
    region: RegionOption = "us-east-1",
) -> None:
    """Show a letter, whole."""
    letter = _ask(find_endpoint(endpoint), f"/{number}", region)
    if as_json:
        print(json.dumps(letter, indent=2))
        return
    print("\n".join(written(letter)))


def written(letter: dict[str, Any]) -> list[str]:
    """A letter's lines: its head, what else is known of it, its body. A link stands there once, so that it can be
    copied: in the body where that has it, which in HTML writes it otherwise, or has another that does the same."""
    body: str = letter["body"]
    head = {"From": letter["sender"], "To": letter["to"], "Date": _when(letter), "Subject": letter["subject"]}
    for name, value in letter["details"].items():
        if value.startswith(("http://", "https://")):
            body = body.replace(html.escape(value), value)
            if value in body or (name in _SAME and f'"{_SAME[name]}": "http' in body):
                continue
        if name not in ("From", "Token"):
            head.setdefault(name, value)
    return [*(f"{name}: {_plain(value)}" for name, value in head.items() if value), "", _plain(body)]


@app.command("opt-out")
def opt_out(
    number: Annotated[str, typer.Argument(help="The phone number, as in +15551234567.")],
    endpoint: EndpointOption = None,
    region: RegionOption = "us-east-1",
) -> None:
    """Answer text messages as a phone does by STOP: the number gets none any more (until OptInPhoneNumber)."""
    query = urlencode({"number": number, "region": region})
    print(_ask(find_endpoint(endpoint), f"/opt-out?{query}", region, "POST")["message"])


def _when(letter: dict[str, Any]) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(letter["sent_ms"] / 1000))


def _plain(text: str) -> str:
    """The text without what a terminal would obey."""
    return "".join(
        character if character.isprintable() or character in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )


def _ask(endpoint: str, path: str, region: str, method: str = "GET") -> dict[str, Any]:
    return ask(endpoint, f"/_lambent/mail{path}", region, method)
