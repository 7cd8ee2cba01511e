"""`lambent doctor`: what this machine has, and what follows for functions."""

from __future__ import annotations

import shutil
from pathlib import Path

import typer

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
        *report.rows(),
    ):
        table.add_row("[green]ok[/]" if good else "[red]no[/]", name, detail)
    Console(highlight=False).print(table)
    if not report.runs_functions:
        raise typer.Exit(1)


def _existing(folder: Path) -> Path:
    """The nearest folder that exists, for asking about the disk."""
    while not folder.exists():
        folder = folder.parent
    return folder
