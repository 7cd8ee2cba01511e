"""What this machine lets the compute room do: for `lambent doctor`, and to choose a driver."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec

from . import seccomp
from .bubblewrap import Bubblewrap, binary
from .cgroups import Cgroups
from .process import Process
from .runtimes import Runtimes
from .sandbox import Driver, SandboxFailed

_PROBE_TIMEOUT_S = 10
Authority = Callable[[], Path]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The machine, as the compute room finds it. Empty reasons mean that all is well; `groups` says for each control
    group (memory, pids, cpu, freezer) whether it comes from v2, v1 or is missing."""

    driver: str
    sandbox: bool
    sandbox_reason: str
    seccomp: bool
    groups: dict[str, str]
    runtimes: dict[str, str]
    installed: list[str]


def sandbox_reason() -> str:
    """Why bubblewrap does not work here; empty when it does."""
    try:
        command = [binary(), "--ro-bind", "/", "/", "--unshare-all", "--unshare-user", "--uid", "993", "--gid", "990"]
        done = subprocess.run([*command, "/bin/true"], capture_output=True, timeout=_PROBE_TIMEOUT_S, check=False)
    except (SandboxFailed, OSError, subprocess.SubprocessError) as error:
        return str(error)
    if done.returncode:
        return done.stderr.decode(errors="replace").strip() or f"bubblewrap exited with {done.returncode}"
    return ""


def choose_driver(
    kind: str, folder: Path, endpoint: str, endpoint_port: int, network: str, authority: Authority | None = None
) -> Driver:
    """The driver `kind`; `auto` is bubblewrap where it works, else plain processes. `authority` finds (or makes) the
    certificate that functions are told to trust."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "process" or (kind == "auto" and sandbox_reason()):
        return Process(folder, endpoint)
    if kind not in {"auto", "bubblewrap"}:
        raise SandboxFailed(f"There is no sandbox driver {kind!r}: auto, bubblewrap, process.")
    return Bubblewrap(folder, endpoint, endpoint_port, network, authority() if authority is not None else None)


def probe(folder: str | Path, runtimes_folder: str | Path | None = None) -> Report:
    """Examine the machine; `folder` is the data folder, `runtimes_folder` where runtimes are installed if not in it
    (blocking, well under a second once interpreters are known)."""
    installed = Path(runtimes_folder or Path(folder) / "runtimes")
    runtimes = Runtimes(installed)
    found = runtimes.found()
    reason = sandbox_reason()
    cgroups = Cgroups()
    groups = {kind: "v2" if cgroups.is_v2(kind) else "v1" for kind in cgroups.parents}
    groups.update(dict.fromkeys(cgroups.missing, "missing"))
    return Report(
        driver="process" if reason else "bubblewrap",
        sandbox=not reason,
        sandbox_reason=reason,
        seccomp=seccomp.program() is not None,
        groups=groups,
        runtimes={name: f"{each.version} at {each.executable}" for name, each in found.items()},
        installed=[name for name in found if (installed / name / ".complete").exists()],
    )
