"""The checked-in pages are those that the sources make."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from ..node import ROOT

FRONTEND = ROOT / "apps" / "bookstore" / "frontend"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_the_bundle_is_not_stale(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not on this machine")
    copy = tmp_path / "frontend"
    shutil.copytree(FRONTEND, copy, ignore=shutil.ignore_patterns("node_modules", "dist"))
    install = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund"], cwd=copy, capture_output=True, text=True, check=False
    )
    if install.returncode != 0:
        pytest.skip(f"npm cannot install: {install.stderr.strip().splitlines()[-1:]}")
    built = subprocess.run([npm, "run", "build"], cwd=copy, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    assert files(copy / "dist") == files(FRONTEND / "dist"), (
        "run `npm run build` in apps/bookstore/frontend, and commit"
    )


def test_the_bundle_is_there_and_asks_nobody_else_for_anything() -> None:
    names = files(FRONTEND / "dist")
    assert {"index.html", "error.html", "licenses.md"} <= names.keys()
    page = names["index.html"].decode()
    assert "http://" not in page
    assert "https://" not in page
    for name in ("src", "href"):
        for address in page.split(f'{name}="')[1:]:
            assert address.startswith("./"), "the pages work below a path, too"
