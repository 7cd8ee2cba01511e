"""One live row per resource of a stack, on a terminal; one line per event elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

_COLOURS = {"COMPLETE": "green", "FAILED": "red", "PROGRESS": "yellow"}


class ResourceRows:
    """A context manager; `say` names the step under way, `show` takes a stack event as DescribeStackEvents has it.

    `failure` is the first reason that a resource gave for failing, or empty.
    """

    def __init__(self, stack: str) -> None:
        self.failure = ""
        self._stack = stack
        self._step = ""
        self._console = Console()
        self._rows: dict[str, tuple[str, str, str, float, float]] = {}
        self._live = Live(console=self._console, refresh_per_second=12, get_renderable=self._draw, transient=False)
        self._started = time.monotonic()

    def __enter__(self) -> ResourceRows:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._step = ""
        if self._console.is_terminal:
            self._live.stop()

    def say(self, step: str) -> None:
        """Name the step that is under way."""
        self._step = step
        if not self._console.is_terminal:
            print(f"{self._stack}: {step}", flush=True)

    def show(self, event: dict[str, Any]) -> None:
        """Take one stack event into its resource's row."""
        name, status = event["LogicalResourceId"], event["ResourceStatus"]
        reason = event.get("ResourceStatusReason", "")
        if status.endswith("_FAILED") and not self.failure and "cancelled" not in reason:
            self.failure = f"{name} ({event['ResourceType']}): {reason}"
        now = time.monotonic()
        began = self._rows[name][3] if name in self._rows else now
        self._rows[name] = (event["ResourceType"], status, reason, began, now)
        if not self._console.is_terminal:
            print(f"  {status:<24} {name:<28} {event['ResourceType']:<28} {reason}".rstrip(), flush=True)

    def _draw(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left")
        for title in ("resource", "type", "status", "time"):
            table.add_column(title)
        now = time.monotonic()
        for name, (kind, status, reason, began, last) in self._rows.items():
            colour = next((colour for end, colour in _COLOURS.items() if status.endswith(end)), "white")
            running = status.endswith("PROGRESS")
            text = f"[{colour}]{status}[/]" + (f"  {reason}" if status.endswith("FAILED") else "")
            table.add_row(name, kind, text, f"{(now if running else last) - began:.1f} s")
        if self._step:
            table.add_row(Spinner("dots", f"{self._step} ..."), "", "", f"{now - self._started:.1f} s")
        return table
