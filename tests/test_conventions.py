"""The house's conventions, as failing tests; there is no list of exceptions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "lambent"
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 500
FOLDERS = ("src", "tests", "apps", "bench", "scripts")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if ".aws-sam" not in path.parts)
MODULES = [path for path in FILES if path.is_relative_to(SOURCE)]
CLOCK_CALLS = re.compile(r"\btime\.(time|time_ns|sleep)\(|\bdatetime\.(now|utcnow|today)\(|\basyncio\.sleep\((?!0\))")
RANDOM_CALLS = re.compile(
    r"\buuid\.uuid[14]\(|(?<![\w.])random\.(random|randint|choice|getrandbits)\(|\bsecrets\.|\bos\.urandom\("
)
WALL_CLOCK_HOMES = ("contracts/clock.py", "contracts/ids.py")
"""The clock and the source of ids themselves."""
OUTSIDE_THE_CLOUD = ("cli/",)
"""A command waits for other processes, which have no share in the cloud's clock."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_has_a_readable_size(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= FILE_LINES_MAX


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_function_fits_a_screen(path: Path) -> None:
    long = {
        f"{node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines"
        for node in functions(ast.parse(path.read_text()))
        if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES_MAX
    }
    assert not long


def _undocumented(body: list[ast.stmt], owner: str = "") -> Iterator[str]:
    for node in body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or node.name.startswith("_"):
            continue
        # An operation's documentation is AWS's API reference: a handler carries the operation's name.
        decorated = any("operation(" in ast.unparse(d) or "overload" in ast.unparse(d) for d in node.decorator_list)
        # An override is documented where it was declared.
        inherited = any("override" in ast.unparse(d) for d in node.decorator_list)
        if not decorated and not inherited and ast.get_docstring(node) is None:
            yield owner + node.name
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(node.body, f"{owner}{node.name}.")


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_public_names_are_documented(path: Path) -> None:
    if any(part.startswith("_") and part != "__init__.py" for part in path.relative_to(SOURCE).parts):
        return
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "the module has no docstring"
    assert not list(_undocumented(tree.body))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_time_and_randomness_are_injected(path: Path) -> None:
    relative = str(path.relative_to(SOURCE))
    if relative in WALL_CLOCK_HOMES or relative.startswith(OUTSIDE_THE_CLOUD):
        return
    found = [
        f"{number}: {line.strip()}"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (CLOCK_CALLS.search(line) or RANDOM_CALLS.search(line)) and not line.strip().startswith("#")
    ]
    assert not found, "ask the Clock for the time, and Ids for randomness"


@pytest.mark.parametrize("room", sorted(p for p in (SOURCE / "services").iterdir() if p.is_dir()), ids=name)
def test_a_service_has_the_one_shape(room: Path) -> None:
    if room.name.startswith("__"):
        return
    for part in ("__init__.py", "DESIGN.md", "keys.py", "errors.py", "api"):
        assert (room / part).exists(), f"{room.name} has no {part}"


@pytest.mark.parametrize("room", sorted(p for p in SOURCE.iterdir() if (p / "__init__.py").exists()), ids=name)
def test_a_room_has_its_page(room: Path) -> None:
    """Contracts are their own page, and a service has one in its folder."""
    if room.name not in {"contracts", "services"}:
        assert (room / "DESIGN.md").exists()


def test_nothing_names_a_machine() -> None:
    home = re.compile(r"/root/|/home/(?!user|you|sbx)[a-z]+/")
    for path in FILES:
        if path != Path(__file__):
            assert not home.search(path.read_text()), name(path)
