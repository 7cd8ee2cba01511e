"""`lambent clock`: the cloud's time, and setting it forward, so that what takes weeks is seen in a minute."""

from __future__ import annotations

import re
import time
from typing import Annotated

import typer

from .asking import ask
from .common import EndpointOption, Failure, RegionOption, find_endpoint

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_PART = re.compile(r"(\d{1,9})([smhdw])")

app = typer.Typer(name="clock", help="The cloud's time; `forward` sets it ahead.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def clock(context: typer.Context, endpoint: EndpointOption = None, region: RegionOption = "us-east-1") -> None:
    """The cloud's time, and how far it is ahead of the machine's."""
    if context.invoked_subcommand is None:
        _show(ask(find_endpoint(endpoint), "/_lambent/clock", region))
    else:
        # What stands before the command is meant for it.
        context.default_map = {context.invoked_subcommand: {"endpoint": endpoint, "region": region}}


@app.command("forward")
def forward(
    by: Annotated[str, typer.Argument(help="How far: 30s, 15m, 2h, 1d12h, 4w.")],
    endpoint: EndpointOption = None,
    region: RegionOption = "us-east-1",
) -> None:
    """Set the cloud's clock forward; it does not go back. Delays, visibility, retention, schedules, alarms, tokens and
    expiry follow."""
    path = f"/_lambent/clock?forward={seconds(by)}"
    _show(ask(find_endpoint(endpoint), path, region, "POST"))


def seconds(text: str) -> int:
    """The seconds of `1d12h`; `Failure` for what is no such text."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise Failure(f"{text} is no time to go forward by: 30s, 15m, 2h, 1d12h, 4w")
    return sum(int(number) * _SECONDS[unit] for number, unit in parts)


def written(total_s: int) -> str:
    """Seconds as people write them: `1d 12h`."""
    found = []
    for unit in ("d", "h", "m", "s"):
        number, total_s = divmod(total_s, _SECONDS[unit])
        if number:
            found.append(f"{number}{unit}")
    return " ".join(found) or "0s"


def _show(told: dict[str, int]) -> None:
    now = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(told["now_ms"] / 1000))
    ahead = told["ahead_s"]
    print(f"{now}  {written(ahead)} ahead of this machine" if ahead else f"{now}  as this machine's")
