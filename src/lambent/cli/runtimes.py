"""Preparing a Lambda runtime before its first use, with a progress bar: the runtime client and boto3 are installed."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from .common import Failure

SUPPORTED = ("python3.13", "python3.12", "python3.11", "python3.10", "python3.9")


def choose(found: list[str]) -> str:
    """The runtime to show things with: the Python that runs Lambent, else the newest there is."""
    own = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    usable = [name for name in SUPPORTED if name in found]
    if not usable:
        raise Failure("this machine has no Python from 3.9 to 3.13 to run functions with")
    return own if own in usable else usable[0]


def prepare(folder: Path) -> str:
    """Make sure that one runtime is ready in the data folder, and return its name."""
    # Deferred: compute is loaded only by the commands that run or look at runtimes.
    from lambent.compute.runtimes import Runtimes, RuntimeUnavailable

    target = folder / "runtimes"
    name = choose(list(Runtimes(target).found()))
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(), transient=True) as progress:
        task = progress.add_task(f"preparing the {name} runtime", total=None)

        def show(runtime: str, text: str) -> None:
            progress.update(task, description=f"{runtime}: {text[:60]}")

        try:
            Runtimes(target, show).packages(name)
        except RuntimeUnavailable as error:
            raise Failure(str(error)) from None
    return name
