"""What the demonstrations share: the applications that come with Lambent, a running cloud, something to look at."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from .common import Failure, data_folder, find_endpoint, health, running_node
from .up import start_detached


def find_application(name: str) -> Path:
    """The folder of an application that comes with Lambent: beside the source, or inside the installed package."""
    package = Path(__file__).parents[1]
    for folder in (package.parents[1] / "apps" / name, package / "_apps" / name):
        if (folder / "template.yaml").is_file():
            return folder
    raise Failure(f"the application {name} is not part of this installation")


def ensure_running(folder: Path) -> str:
    """The address of the cloud on the data folder, which is started if need be."""
    if running_node(folder) is not None:
        address = find_endpoint(None, folder)
        print(f"running {address}")
        return address
    port = 4566 if health("http://127.0.0.1:4566") is None else 0
    return start_detached(folder, ["up", "--data", str(folder), "--port", str(port)])


def where(folder: Path, address: str) -> tuple[str, str]:
    """What commands need besides their names to find a cloud at `address`, and one on the data folder `folder`: nothing
    where they look by themselves."""
    if folder == data_folder(None):
        return "", ""
    return f" --endpoint {address}", f" --data {folder}"


def program() -> str:
    """How this command is called from here: its name where the path finds it, else its file."""
    found = shutil.which("lambent")
    called = Path(sys.argv[0])
    if found is not None and called.exists() and os.path.samefile(found, called):
        return "lambent"
    return os.path.relpath(called) if called.name == "lambent" else "lambent"


@contextmanager
def waiting(console: Console, text: str) -> Iterator[None]:
    """A bar that moves while something is waited for, gone afterwards."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task(text, total=None)
        yield
