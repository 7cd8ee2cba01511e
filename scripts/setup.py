"""Set up the virtual environment for the Makefile, with a progress bar; the standard library only.

usage: setup.py venv FOLDER | install FOLDER | install-dev FOLDER
"""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import time
import venv
from pathlib import Path

_STEP = re.compile(r"^(Collecting|Downloading|Installing|Building|Preparing|Obtaining)\b ?(.*)")
_WIDTH = 30


def show(text: str, fraction: float) -> None:
    """Draw the bar at `fraction` (0 to 1) with `text` behind it; a single line where the output is no terminal."""
    if not sys.stdout.isatty():
        return
    done = int(_WIDTH * fraction)
    print(f"\r  [{'#' * done}{'.' * (_WIDTH - done)}] {text[:70]:<70}", end="", flush=True)


def run_pip(folder: Path, target: str) -> None:
    """Install `target` (editable) with pip, moving the bar on as pip names packages."""
    log = folder / "install.log"
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "-e", target]
    print(f"Installing Lambent into {folder} ...", flush=True)
    started = time.monotonic()
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert process.stdout is not None
        steps = itertools.count(1)
        for line in process.stdout:
            out.write(line)
            match = _STEP.match(line.strip())
            if match:
                # The number of steps is not known beforehand: the bar approaches its end without reaching it.
                count = next(steps)
                show(f"{match[1]} {match[2].split(' (')[0]}", count / (count + 60))
    if process.wait() != 0:
        print(f"\npip failed; its output is in {log}:", file=sys.stderr)
        print("".join(log.read_text().splitlines(keepends=True)[-15:]), file=sys.stderr)
        sys.exit(1)
    show("done", 1.0)
    if sys.stdout.isatty():
        print()
    print(f"Installed in {time.monotonic() - started:.0f} s.", flush=True)


def main(arguments: list[str]) -> None:
    """Do what the Makefile asks."""
    what, folder = arguments[0], Path(arguments[1])
    if what == "venv":
        print(f"Making the virtual environment {folder} with Python {sys.version.split()[0]} ...", flush=True)
        venv.create(folder, with_pip=True)
    elif what == "install":
        run_pip(folder, ".")
        (folder / ".installed").touch()
    elif what == "install-dev":
        run_pip(folder, ".[dev]")
        (folder / ".installed").touch()
        (folder / ".installed-dev").touch()
    else:
        sys.exit(f"unknown step {what!r}")


if __name__ == "__main__":
    main(sys.argv[1:])
