"""What the README says, done."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from .node import ROOT, Node
from .pages import run

pytestmark = pytest.mark.e2e
README = (ROOT / "README.md").read_text()


def test_every_command_of_the_table_exists(node: Node) -> None:
    table = re.findall(r"^\| (`lambent .*?) \|[^|]*\|$", README.replace("\\|", "/"), re.MULTILINE)
    names = {name for row in table for name in re.findall(r"`(?:lambent )?([a-z]+)", row)}
    assert names >= {"up", "down", "status", "doctor", "env", "deploy", "destroy", "invoke", "logs", "demo"}
    for name in names:
        assert "Usage" in node.run("lambent", name, "--help").stdout


def test_the_options_of_up_exist(node: Node) -> None:
    row = next(line for line in README.splitlines() if line.startswith("| `lambent up"))
    shown = node.run("lambent", "up", "--help").stdout
    for option in re.findall(r"--[a-z]+", row):
        assert option in shown


def test_both_make_targets_exist() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert target in targets


def test_the_python_lines_work(node: Node) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    exec(block.replace("http://127.0.0.1:4566", node.url), names)
    assert names["s3"].list_buckets()["Buckets"] is not None  # type: ignore[attr-defined]


@pytest.mark.slow
def test_the_shell_lines_work_after_the_two_commands(tmp_path: Path, sam: str) -> None:
    try:
        run("README.md", tmp_path, sam, after=1)
    finally:
        shutil.rmtree(ROOT / ".aws-sam", ignore_errors=True)


def test_every_link_leads_somewhere() -> None:
    pages = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")]
    for page in (*pages, *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page} links to {target}"


def test_every_room_and_tool_is_in_the_architecture() -> None:
    tree = (ROOT / "ARCHITECTURE.md").read_text()
    for room in (ROOT / "src" / "lambent").iterdir():
        if (room.is_dir() and (room / "__init__.py").exists()) or (room.suffix == ".py" and "__" not in room.name):
            assert re.search(rf"\b{room.name}\b", tree), f"{room.name} is not in ARCHITECTURE.md"
    for folder in ROOT.iterdir():
        if folder.is_dir() and not folder.name.startswith("."):
            assert f"{folder.name}/" in tree, f"{folder.name} is not in ARCHITECTURE.md"
