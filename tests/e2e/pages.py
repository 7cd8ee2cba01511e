"""Pages of documentation, done: their shell lines run one after the other, and print what the page says."""

from __future__ import annotations

import fnmatch
import re
import socket
import subprocess
from pathlib import Path

from .node import BIN, ROOT, RUNTIME, Node

SAYS = "#> "
"""Begins a line of a page that says what the lines above it print; `...` stands for anything."""
PORT = "4566"
"""The port of the pages; here they are done on another."""
_TIMEOUT_S = 300


def blocks(page: str) -> list[str]:
    """The shell blocks of a page, named from the root of the repository."""
    return re.findall(r"^```sh\n(.*?)^```$", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)


def expected(block: str) -> list[str]:
    """What a block is said to print, line by line."""
    return [line.removeprefix(SAYS) for line in block.splitlines() if line.startswith(SAYS)]


def run(page: str, folder: Path, *programs: str, after: int = 0) -> None:
    """Do a page in one shell, on a cloud of its own and a free port, without its first `after` blocks; every line that
    it says is printed, in order. `programs` are files of further commands."""
    found = blocks(page)[after:]
    assert found, f"{page} has no shell blocks"
    port = free_port()
    script = ["set -euo pipefail"]
    for number, block in enumerate(found):
        script += [f"echo '#### {number}'", _here(block, port)]
    node = Node(folder / "cloud")
    environment = node.environment()
    del environment["AWS_ENDPOINT_URL"], environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
    folders = [str(BIN), *(str(Path(program).parent) for program in programs), environment["PATH"]]
    environment["PATH"] = ":".join(folders)
    command = ["bash", "-c", "\n".join(script)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    finally:
        subprocess.run([str(BIN / "lambent"), "down"], env=environment, capture_output=True, check=False)
    printed = re.split(r"^#### \d+\n", done.stdout, flags=re.MULTILINE)[1:]
    assert done.returncode == 0, f"{page} fails in block {len(printed)}:\n{printed[-1]}\n{done.stderr}"
    for block, text in zip(found, printed, strict=True):
        check(page, block, text.replace(str(port), PORT))


def check(page: str, block: str, text: str) -> None:
    """Every line that a block is said to print is there, in the page's order."""
    lines = iter(text.splitlines())
    for wanted in expected(block):
        pattern = re.sub(r"([\[*?])", r"[\1]", wanted).replace("...", "*")
        assert any(fnmatch.fnmatchcase(line, pattern) for line in lines), (
            f"{page} says `{wanted}`, and this was printed:\n{text}\nby\n{block}"
        )


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _here(block: str, port: int) -> str:
    """A block for this machine: its Python, and a port that is free."""
    text = re.sub(rf"^{SAYS}.*\n", "", block, flags=re.MULTILINE)
    text = text.replace("lambent up ", f"lambent up --port {port} ").replace(PORT, str(port))
    return text.replace("Runtime=python3.12", f"Runtime={RUNTIME}")
