"""Newman, which runs Postman collections: installed once from npm, outside the checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(sys.prefix) / "share" / "lambent-test-newman"
VERSION = "6.2.1"


def newman() -> Path:
    """The program; skips the test, in one line, where there is no npm or it cannot install."""
    program = FOLDER / "node_modules" / ".bin" / "newman"
    if program.exists():
        return program
    if shutil.which("npm") is None:
        pytest.skip("newman needs npm (Debian: apt-get install npm)")
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(FOLDER), f"newman@{VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"newman could not be installed: {done.stderr.strip()[-200:]}")
    return program


def run_collection(collection: Path, **variables: str) -> None:
    """Run all requests of a collection with these variables; every test in it must pass."""
    given = [option for name, value in variables.items() for option in ("--env-var", f"{name}={value}")]
    command = [str(newman()), "run", str(collection), *given, "--color", "off", "--timeout-request", "30000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
