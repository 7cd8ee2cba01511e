"""The house's conventions, as failing tests; there is no list of exceptions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "lambent"
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 500
FOLDERS = ("src", "tests", "apps", "bench", "scripts")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if ".aws-sam" not in path.parts)
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


def room(path: Path) -> Path:
    """The folder whose files are looked at together: a test for each file would be a third of all tests."""
    parts = path.relative_to(ROOT).parts
    depth = 4 if parts[:3] == ("src", "lambent", "services") else 3 if parts[0] in ("src", "apps") else 2
    return ROOT.joinpath(*parts[: min(depth, len(parts) - 1)])


ROOMS = {folder: sorted(files) for folder, files in groupby(sorted(FILES, key=room), room)}
SOURCE_ROOMS = [folder for folder in ROOMS if folder.is_relative_to(SOURCE)]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


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


class Read(NamedTuple):
    """What is wrong with a file, which is parsed once for it."""

    long: list[str]
    undocumented: list[str]


@lru_cache(None)
def read(path: Path) -> Read:
    tree = ast.parse(path.read_text())
    lengths = ((node.name, (node.end_lineno or 0) - node.lineno + 1) for node in functions(tree))
    long = [f"{name(path)}: {each}: {lines} lines" for each, lines in lengths if lines > FUNCTION_LINES_MAX]
    undocumented = [] if ast.get_docstring(tree) else [name(path)]
    return Read(long, [*undocumented, *_undocumented(tree.body, f"{name(path)}: ")])


@pytest.mark.parametrize("folder", ROOMS, ids=name)
def test_a_file_has_a_readable_size(folder: Path) -> None:
    lines = {name(path): len(path.read_text().splitlines()) for path in ROOMS[folder]}
    assert not {path: count for path, count in lines.items() if count > FILE_LINES_MAX}


@pytest.mark.parametrize("folder", ROOMS, ids=name)
def test_a_function_fits_a_screen(folder: Path) -> None:
    assert not [fault for path in ROOMS[folder] for fault in read(path).long]


@pytest.mark.parametrize("folder", SOURCE_ROOMS, ids=name)
def test_public_names_are_documented(folder: Path) -> None:
    missing = []
    for path in ROOMS[folder]:
        if not any(part.startswith("_") and part != "__init__.py" for part in path.relative_to(SOURCE).parts):
            missing += read(path).undocumented
    assert not missing, "these have no docstring"


@pytest.mark.parametrize("folder", SOURCE_ROOMS, ids=name)
def test_time_and_randomness_are_injected(folder: Path) -> None:
    found = []
    for path in ROOMS[folder]:
        relative = str(path.relative_to(SOURCE))
        if relative in WALL_CLOCK_HOMES or relative.startswith(OUTSIDE_THE_CLOUD):
            continue
        found += [
            f"{name(path)}:{number}: {line.strip()}"
            for number, line in enumerate(path.read_text().splitlines(), 1)
            if (CLOCK_CALLS.search(line) or RANDOM_CALLS.search(line)) and not line.strip().startswith("#")
        ]
    assert not found, "ask the Clock for the time, and Ids for randomness"


@pytest.mark.parametrize("service", sorted(p for p in (SOURCE / "services").iterdir() if p.is_dir()), ids=name)
def test_a_service_has_the_one_shape(service: Path) -> None:
    if service.name.startswith("__"):
        return
    for part in ("__init__.py", "DESIGN.md", "keys.py", "errors.py", "api"):
        assert (service / part).exists(), f"{service.name} has no {part}"


@pytest.mark.parametrize("folder", sorted(p for p in SOURCE.iterdir() if (p / "__init__.py").exists()), ids=name)
def test_a_room_has_its_page(folder: Path) -> None:
    """Contracts are their own page, and a service has one in its folder."""
    if folder.name not in {"contracts", "services"}:
        assert (folder / "DESIGN.md").exists()


def test_nothing_names_a_machine() -> None:
    home = re.compile(r"/root/|/home/(?!user|you|sbx)[a-z]+/")
    for path in FILES:
        if path != Path(__file__):
            assert not home.search(path.read_text()), name(path)
