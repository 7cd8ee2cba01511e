"""Interpreters found on the machine, and the runtime client and boto3 that each of them needs.

Python 3.9 to 3.13 are looked for where they are usually installed; each candidate is asked about itself by running it,
once per path and modification time. What functions import besides their own code is installed per minor version into
`<data>/runtimes/python3.X`, from wheels only, so that no compiler is needed.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

MINORS = range(9, 14)
PACKAGES = ("awslambdaric", "boto3")
Progress = Callable[[str, str], None]
"""Told (runtime, what is being done) while something is installed."""

_QUESTIONS = """
import json, sys, sysconfig
print(json.dumps({"version": "%d.%d.%d" % sys.version_info[:3], "prefix": sys.base_prefix,
 "executable": getattr(sys, "_base_executable", "") or sys.executable,
 "implementation": sys.implementation.name, "final": sys.version_info[3] == "final"}))
"""
_PROBE_TIMEOUT_S = 10
_INSTALL_TIMEOUT_S = 600


class RuntimeUnavailable(Exception):
    """No interpreter for a runtime, or what it needs cannot be installed; the message says why."""


class Interpreter(msgspec.Struct, frozen=True):
    """One Python: `runtime` is Lambda's name for it, `prefix` the folder that holds it, all of it."""

    runtime: str
    version: str
    prefix: str
    executable: str


class _Answer(msgspec.Struct):
    version: str
    prefix: str
    executable: str
    implementation: str
    final: bool


class _Cached(msgspec.Struct):
    mtime_ns: int
    answer: _Answer | None


def candidates(environ: dict[str, str]) -> Iterator[Path]:
    """Places where a python3.X may be, nearest first; shims, which are scripts, are left out."""
    home = Path(environ.get("HOME", "/nonexistent"))
    folders = [Path(part) for part in environ.get("PATH", "").split(":") if part.startswith("/")]
    folders += [Path("/usr/bin"), Path("/usr/local/bin"), Path("/opt/homebrew/bin")]
    pyenv = Path(environ.get("PYENV_ROOT", str(home / ".pyenv")))
    uv = Path(environ.get("UV_PYTHON_INSTALL_DIR", str(home / ".local/share/uv/python")))
    for root in (pyenv / "versions", uv, Path("/opt/python")):
        with contextlib.suppress(OSError):  # not there, or not ours to read
            folders += [folder / "bin" for folder in sorted(root.iterdir())]
    seen: set[Path] = set()
    for folder in folders:
        if folder.name == "shims":
            continue
        for minor in MINORS:
            path = Path(os.path.realpath(folder / f"python3.{minor}"))
            if path not in seen and os.path.isfile(path) and os.access(path, os.X_OK):
                seen.add(path)
                yield path


def _ask(path: Path) -> _Answer | None:
    try:
        done = subprocess.run(
            [str(path), "-I", "-S", "-c", _QUESTIONS],
            capture_output=True,
            timeout=_PROBE_TIMEOUT_S,
            check=True,
            env={"LANG": "C.UTF-8"},
        )
        return msgspec.json.decode(done.stdout, type=_Answer)
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError):
        return None


def _version_key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


class Runtimes:
    """The interpreters of this machine and their installed packages, under `folder`, which nodes of one machine may
    share. For any thread."""

    def __init__(self, folder: Path, progress: Progress | None = None) -> None:
        self._folder = folder
        self._progress = progress or (lambda runtime, text: None)
        self._found: dict[str, Interpreter] | None = None
        self._finding = threading.Lock()

    def found(self) -> dict[str, Interpreter]:
        """The best (newest) interpreter of each runtime by its name; probes what is not in the cache."""
        if self._found is None:
            with self._finding:
                if self._found is None:
                    self._found = self._discover()
        return self._found

    def _discover(self) -> dict[str, Interpreter]:
        self._folder.mkdir(parents=True, exist_ok=True)
        notes = self._folder / "interpreters.json"
        try:
            cache = msgspec.json.decode(notes.read_bytes(), type=dict[str, _Cached])
        except (OSError, msgspec.DecodeError):
            cache = {}
        fresh: dict[str, _Cached] = {}
        best: dict[str, Interpreter] = {}
        for path in candidates(dict(os.environ)):
            mtime_ns = path.stat().st_mtime_ns
            known = cache.get(str(path))
            if known is None or known.mtime_ns != mtime_ns:
                known = _Cached(mtime_ns, _ask(path))
            fresh[str(path)] = known
            answer = known.answer
            if answer is None or answer.implementation != "cpython" or not answer.final:
                continue
            runtime = "python" + answer.version.rpartition(".")[0]
            old = best.get(runtime)
            if old is None or _version_key(answer.version) > _version_key(old.version):
                best[runtime] = Interpreter(
                    runtime, answer.version, os.path.realpath(answer.prefix), os.path.realpath(answer.executable)
                )
        if fresh != cache:
            draft = notes.with_suffix(f".{os.getpid()}")
            draft.write_bytes(msgspec.json.encode(fresh))
            draft.replace(notes)
        return dict(sorted(best.items(), key=lambda item: _version_key(item[1].version)))

    def interpreter(self, runtime: str) -> Interpreter:
        """The interpreter of `runtime`; `RuntimeUnavailable` when this machine has none."""
        found = self.found().get(runtime)
        if found is None:
            have = ", ".join(self.found()) or "none"
            raise RuntimeUnavailable(f"This machine has no interpreter for the runtime {runtime} (found: {have}).")
        return found

    def packages(self, runtime: str) -> Path:
        """The folder with the runtime client and boto3 for `runtime`; installs it at first use (blocking, seconds).
        Of several processes, or threads, one installs and the others wait."""
        target = self._folder / runtime
        if (target / ".complete").exists():
            return target
        interpreter = self.interpreter(runtime)
        with (self._folder / f".{runtime}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another Lambent may be installing the same
            if not (target / ".complete").exists():
                self._install(interpreter, target)
        return target

    def _install(self, interpreter: Interpreter, target: Path) -> None:
        # Ours is the lock, so who left a draft was killed. Its installer may still be writing: ours has another name.
        for abandoned in self._folder.glob(f".{target.name}.*.draft"):
            shutil.rmtree(abandoned, ignore_errors=True)
        draft = target.with_name(f".{target.name}.{os.getpid()}.draft")
        self._progress(interpreter.runtime, "installing the runtime client and boto3")
        self._run(interpreter.runtime, [*_installer(interpreter), "--target", str(draft), *PACKAGES])
        self._progress(interpreter.runtime, "compiling")
        self._run(interpreter.runtime, [interpreter.executable, "-I", "-m", "compileall", "-q", str(draft)])
        for folder in (draft / "bin",):
            shutil.rmtree(folder, ignore_errors=True)
        (draft / ".complete").write_text(interpreter.version)
        shutil.rmtree(target, ignore_errors=True)
        draft.rename(target)
        self._progress(interpreter.runtime, "ready")

    def _run(self, runtime: str, command: list[str]) -> None:
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout is not None
            said: list[str] = []
            for line in process.stdout:
                said = [*said[-20:], line.rstrip()]
                self._progress(runtime, line.strip())
            code = process.wait(_INSTALL_TIMEOUT_S)
        if code:
            raise RuntimeUnavailable(f"Cannot set up {runtime}: {' '.join(command)} failed: " + "\n".join(said))


def _installer(interpreter: Interpreter) -> list[str]:
    """The command that installs wheels for `interpreter`: our pip, its own pip, or uv, whichever there is."""
    minor = interpreter.version.rpartition(".")[0]
    wheels = ["--only-binary", ":all:", "--no-compile", "--disable-pip-version-check", "--no-input"]
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--python-version", minor, "--implementation", "cp", *wheels]
    try:
        subprocess.run([interpreter.executable, "-I", "-m", "pip", "--version"], capture_output=True, check=True)
        return [interpreter.executable, "-I", "-m", "pip", "install", *wheels]
    except (OSError, subprocess.SubprocessError):
        pass
    uv = shutil.which("uv")
    if uv is not None:
        return [uv, "pip", "install", "--python", interpreter.executable, "--only-binary", ":all:"]
    raise RuntimeUnavailable(f"Neither pip nor uv is here to set up {interpreter.runtime}.")
