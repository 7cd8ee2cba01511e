"""Control groups: memory, number of processes, share of the processor, and the freezer.

Each of the four is taken from cgroup v2 where the controller is there and delegated, else from a mounted v1 hierarchy;
what neither offers is left out and `Cgroups.missing` names it. The freezer is only taken from v2: there a frozen
process can still be killed, so that nothing survives Lambent; without it the processes are stopped by signal.

Groups live under Lambent's own group and are named `lambent-<pid>-<token>-<number>`; those of a Lambent that is gone
are removed at the next start.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import time
from pathlib import Path

PROCESSES_MAX = 1024
"""Processes and threads that one environment may have, as on AWS."""
_CLOSE_TIMEOUT_S = 20
_KINDS = ("memory", "pids", "cpu", "freezer")
_NAME = re.compile(r"lambent-(\d+)-")


def _own_groups() -> dict[str, str]:
    """This process's group by v1 controller name; the empty name is v2's."""
    found: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for controller in controllers.split(","):
                found[controller] = path
    return found


def _mounts() -> tuple[str, dict[str, str]]:
    """Where cgroup v2 is mounted (or an empty string), and v1 hierarchies by controller."""
    unified = ""
    legacy: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mounts").read_text().splitlines():
            _, where, kind, options, *_ = line.split(" ")
            if kind == "cgroup2" and not unified:
                unified = where
            elif kind == "cgroup":
                for option in options.split(","):
                    legacy.setdefault(option, where)
    return unified, legacy


def _try_write(path: Path, text: str) -> bool:
    try:
        path.write_text(text)
    except OSError:
        return False
    return True


def _usable(parent: Path) -> bool:
    """Whether a group can be made in `parent`."""
    probe = parent / f"lambent-{os.getpid()}-probe"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError:
        return False
    return True


def _enable(parent: Path, controllers: list[str]) -> list[str]:
    """Hand v2 controllers down from `parent`; a group with processes of its own cannot, so ours moves to a leaf when
    it holds nothing but this process."""
    wanted = [c for c in controllers if c in (parent / "cgroup.controllers").read_text().split()]
    control = parent / "cgroup.subtree_control"
    if wanted and not _try_write(control, " ".join(f"+{c}" for c in wanted)):
        with contextlib.suppress(OSError):
            if (parent / "cgroup.procs").read_text().split() == [str(os.getpid())]:
                leaf = parent / "lambent-node"
                leaf.mkdir(exist_ok=True)
                _try_write(leaf / "cgroup.procs", str(os.getpid()))
                _try_write(control, " ".join(f"+{c}" for c in wanted))
    return [c for c in wanted if c in control.read_text().split()]


class Cgroups:
    """What this machine lets Lambent do; makes `Group`s."""

    def __init__(self) -> None:
        self.parents: dict[str, Path] = {}
        self._made = 0
        self._token = f"{id(self):x}"  # a process may hold several, one after another
        own, (unified, legacy) = _own_groups(), _mounts()
        if unified and "" in own:
            parent = Path(unified + own[""])
            if parent.name == "lambent-node":
                parent = parent.parent
            with contextlib.suppress(OSError):
                if _usable(parent):
                    self.parents["freezer"] = parent
                    self.parents.update(dict.fromkeys(_enable(parent, ["memory", "pids", "cpu"]), parent))
        self._unified = Path(unified) if unified else None
        for kind in ("memory", "pids", "cpu"):
            if kind not in self.parents and kind in legacy and kind in own:
                parent = Path(legacy[kind] + own[kind])
                if _usable(parent):
                    self.parents[kind] = parent
        self._sweep()

    @property
    def missing(self) -> tuple[str, ...]:
        """The limits that cannot be set by control group here."""
        return tuple(kind for kind in _KINDS if kind not in self.parents)

    def is_v2(self, kind: str) -> bool:
        """Whether `kind` is taken from cgroup v2."""
        return self._unified is not None and self.parents[kind].is_relative_to(self._unified)

    def _sweep(self) -> None:
        """Remove the groups of processes that are gone."""
        for parent in set(self.parents.values()):
            for entry in parent.glob("lambent-*-*"):
                named = _NAME.match(entry.name)
                if named and not os.path.exists(f"/proc/{named[1]}"):
                    _try_write(entry / "cgroup.kill", "1")
                    with contextlib.suppress(OSError):
                        entry.rmdir()

    def create(self, memory_bytes: int, vcpus: float) -> Group:
        """A new, empty group. `vcpus` is the processor's share in AWS's measure."""
        self._made += 1
        return Group(self, f"lambent-{os.getpid()}-{self._token}-{self._made}", memory_bytes, vcpus)


class Group:
    """The limits of one environment. Methods do nothing, and figures are 0, where the machine has no such group."""

    def __init__(self, groups: Cgroups, name: str, memory_bytes: int, vcpus: float) -> None:
        self._folders = {kind: parent / name for kind, parent in groups.parents.items()}
        self._memory_v2 = "memory" in self._folders and groups.is_v2("memory")
        self._files: dict[str, int] = {}
        for folder in set(self._folders.values()):
            folder.mkdir()
        if "memory" in self._folders:
            if self._memory_v2:
                settings = [("memory.max", memory_bytes), ("memory.swap.max", 0), ("memory.oom.group", 1)]
            else:
                settings = [("memory.limit_in_bytes", memory_bytes), ("memory.memsw.limit_in_bytes", memory_bytes)]
            for file, value in settings:
                _try_write(self._folders["memory"] / file, str(value))
        if "pids" in self._folders:
            (self._folders["pids"] / "pids.max").write_text(str(PROCESSES_MAX))
        if "cpu" in self._folders:
            # At least the weight of one ordinary process: a function must not starve on a busy machine, and one that is
            # killed must get the time to end.
            file, usual = ("cpu.weight", 100) if groups.is_v2("cpu") else ("cpu.shares", 1024)
            _try_write(self._folders["cpu"] / file, str(max(usual, int(4 * usual * vcpus))))

    def limits(self, kind: str) -> bool:
        """Whether the group limits `kind` (memory, pids, cpu, freezer)."""
        return kind in self._folders

    def add(self, pid: int) -> None:
        """Put a process, and all it will start, into the group."""
        for folder in set(self._folders.values()):
            (folder / "cgroup.procs").write_text(str(pid))

    def _file(self, kind: str, name: str, flags: int) -> int:
        if name not in self._files:
            self._files[name] = os.open(self._folders[kind] / name, flags | os.O_CLOEXEC)
        return self._files[name]

    def freeze(self, frozen: bool) -> bool:
        """Stop every process of the group, or let them go on; False when there is no freezer."""
        if "freezer" not in self._folders:
            return False
        os.write(self._file("freezer", "cgroup.freeze", os.O_WRONLY), b"1" if frozen else b"0")
        return True

    def anonymous_bytes(self) -> int:
        """Memory that is neither cache nor /tmp: what counts against the function's memory."""
        if "memory" not in self._folders:
            return 0
        text = os.pread(self._file("memory", "memory.stat", os.O_RDONLY), 8192, 0)
        found = re.search(rb"^(?:total_rss|anon) (\d+)$", text, re.MULTILINE)
        return int(found[1]) if found else 0

    def out_of_memory(self) -> bool:
        """Whether the kernel has killed a process of the group for want of memory."""
        if "memory" not in self._folders:
            return False
        name = "memory.events" if self._memory_v2 else "memory.oom_control"
        found = re.search(
            rb"^oom_kill (\d+)$", os.pread(self._file("memory", name, os.O_RDONLY), 4096, 0), re.MULTILINE
        )
        return bool(found and int(found[1]))

    def processes(self) -> list[int]:
        """The processes in the group, by the host's numbers."""
        for kind in ("pids", "memory", "freezer"):
            if kind in self._folders:
                with contextlib.suppress(OSError):
                    return [int(pid) for pid in (self._folders[kind] / "cgroup.procs").read_text().split()]
        return []

    def close(self) -> None:
        """Kill what is left in the group, wait until it is gone (blocking: a fork bomb takes seconds), remove it."""
        if "freezer" in self._folders:
            _try_write(self._folders["freezer"] / "cgroup.kill", "1")
        for fd in self._files.values():
            os.close(fd)
        self._files.clear()
        deadline_s = time.monotonic() + _CLOSE_TIMEOUT_S
        for folder in set(self._folders.values()):
            while time.monotonic() < deadline_s and not _removed(folder):
                _await_end(self.processes())


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:  # processes are still in it
        return False
    return True


def _await_end(pids: list[int]) -> None:
    """Wait until one of the processes has ended, or for a moment when none is left to wait for."""
    pidfds = []
    for pid in pids[:100]:
        with contextlib.suppress(OSError):
            pidfds.append(os.pidfd_open(pid))
    select.select(pidfds, [], [], 0.05 if pidfds else 0.005)
    for pidfd in pidfds:
        os.close(pidfd)
