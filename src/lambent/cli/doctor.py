"""`lambent doctor`: what this machine has, and what follows for functions."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from lambent.compute.probe import Report

from .common import DataOption, data_folder, running_node


def doctor(data: DataOption = None) -> None:
    """Show what the machine has: sandbox, limits, runtimes, disk. Exit code 1 when functions cannot run."""
    # Deferred: drawing tables and probing the machine is of no use to other commands.
    from rich.console import Console
    from rich.table import Table

    from lambent.compute import probe

    folder = data_folder(data)
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    report = probe(folder)
    node = running_node(folder)
    free_gb = shutil.disk_usage(_existing(folder)).free / 1e9
    for name, good, detail in (
        ("cloud", True, f"running at {node['endpoint']}" if node else "not running"),
        ("data", True, str(folder)),
        ("disk", free_gb > 1, f"{free_gb:.0f} GB free"),
        *_rows(report),
    ):
        table.add_row("[green]ok[/]" if good else "[red]no[/]", name, detail)
    Console(highlight=False).print(table)
    if not report.runtimes:
        raise typer.Exit(1)


def _rows(report: Report) -> Iterator[tuple[str, bool, str]]:
    """What the compute room found, as rows: name, whether it is well, detail."""
    sandbox = "bubblewrap" if report.sandbox else f"functions run as plain processes: {report.sandbox_reason}"
    yield "sandbox", report.sandbox, sandbox
    yield "seccomp", report.seccomp, "system calls are filtered" if report.seccomp else "no filter for this processor"
    for kind, version in report.groups.items():
        detail = f"control group {version}" if version != "missing" else "no control group: limits are approximate"
        yield kind, version != "missing", detail
    for name, interpreter in report.runtimes.items():
        yield name, True, interpreter + ("" if name in report.installed else ", set up at first use")
    if not report.runtimes:
        yield "runtimes", False, "no Python from 3.9 to 3.13 was found"


def _existing(folder: Path) -> Path:
    """The nearest folder that exists, for asking about the disk."""
    while not folder.exists():
        folder = folder.parent
    return folder
