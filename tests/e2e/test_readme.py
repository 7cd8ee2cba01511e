"""What the README says, done."""

from __future__ import annotations

import re

import pytest

from .node import ROOT, Node

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


def test_every_link_leads_somewhere() -> None:
    for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / name).read_text()):
            assert (ROOT / target).exists(), f"{name} links to {target}"
