"""What a driver does: starts a program in a sandbox of its kind, with its doors open and its orders awaited."""

from __future__ import annotations

import array
import contextlib
import fcntl
import json
import os
import resource
import select
import signal
import socket
import struct
import subprocess
from pathlib import Path
from typing import Protocol

import msgspec

from .cgroups import PROCESSES_MAX, Group
from .runtimes import Interpreter

ENTRY = Path(__file__).parent / "inside" / "entry.py"
_START_TIMEOUT_S = 20
_END_TIMEOUT_S = 20
_PIPE_BYTES = 256 * 1024
_FILES_MAX = 1024
_SCM_CREDENTIALS = 2


class SandboxFailed(Exception):
    """The sandbox did not come up; the message holds what the driver said."""


class Layout(msgspec.Struct, frozen=True):
    """Where an environment finds its parts, by the names it sees itself."""

    task: str
    opt: str
    runtime: str
    lang: str
    tmp: str
    endpoint: str
    authority: str = ""
    """The certificate by which the endpoint is known where it is asked over TLS; empty: there is none."""


class Plan(msgspec.Struct, frozen=True):
    """What an environment is made of: folders on the host, /tmp and memory in MiB."""

    interpreter: Interpreter
    packages: Path
    task: Path
    opt: Path | None
    tmp_mb: int
    memory_mb: int


class Started(msgspec.Struct):
    """A sandbox that waits for its orders: `process` is our child, `pid` the runtime's number on the host,
    `log` the read end of its output, `listeners` its doors (the Runtime API first), `keeper` a pidfd of the first
    process of its namespace, with which all others end."""

    process: subprocess.Popen[bytes]
    pid: int
    log: int
    control: socket.socket
    listeners: list[socket.socket]
    layout: Layout
    keeper: int | None = None

    def order(self, orders: dict[str, object]) -> None:
        """Send the one message that the entry program waits for, and close the control socket."""
        data = json.dumps(orders).encode()
        with self.control:
            self.control.sendall(struct.pack(">I", len(data)) + data)

    def processes(self) -> list[int]:
        """Every process in the sandbox, found without a control group: those of its process namespace, or of its
        session where it has none. Reads all of /proc; a last resort."""
        mine, own = _namespace(self.pid), _namespace(os.getpid())
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError):
                    pid = int(name)
                    if os.getsid(pid) == self.process.pid if mine == own else _namespace(pid) == mine:
                        found.append(pid)
        return found

    def kill(self) -> None:
        """Kill the sandbox; returns at once."""
        if self.keeper is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.keeper, signal.SIGKILL)
        else:
            for pid in self.processes():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    def discard(self) -> None:
        """Kill everything in the sandbox and wait until it is gone (blocking)."""
        self.kill()
        self.process.wait()
        if self.keeper is not None:
            # The first process of a namespace ends after all others in it have.
            select.select([self.keeper], [], [], _END_TIMEOUT_S)
            os.close(self.keeper)
            self.keeper = None


def _namespace(pid: int) -> str:
    """The process namespace of `pid`; empty when it cannot be read."""
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/pid")
    return ""


class Driver(Protocol):
    """A kind of sandbox."""

    name: str

    def start(self, plan: Plan, group: Group) -> Started:
        """Start a sandbox (blocking, milliseconds); the calling thread must live as long as the sandbox."""
        ...


class Channels:
    """The file descriptors between Lambent and a sandbox that is being started."""

    def __init__(self) -> None:
        self.control, self.control_inside = socket.socketpair()
        self.control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.control.settimeout(_START_TIMEOUT_S)
        self.log, self.log_inside = os.pipe()
        with contextlib.suppress(OSError):
            fcntl.fcntl(self.log_inside, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        os.set_blocking(self.log, False)
        # An empty pipe rather than the host's /dev/null, whose mode a function could change through the descriptor.
        self.nothing, write_end = os.pipe()
        os.close(write_end)

    def close_inside(self) -> None:
        """Close the sandbox's ends, once it has them."""
        self.control_inside.close()
        os.close(self.log_inside)
        os.close(self.nothing)

    def close(self) -> None:
        """Close our ends, when the start failed."""
        self.control.close()
        os.close(self.log)

    def said(self) -> str:
        """What has been written to the log so far."""
        with contextlib.suppress(OSError):
            return os.read(self.log, 4096).decode(errors="replace").strip()
        return ""

    def doors(self) -> tuple[int, list[socket.socket], list[int]]:
        """Wait for the entry program's message: its process number on the host, its listening sockets, their ports."""
        try:
            data, ancillary, _, _ = self.control.recvmsg(4096, socket.CMSG_SPACE(64) + socket.CMSG_SPACE(12))
        except TimeoutError:
            raise SandboxFailed(f"The sandbox did not start within {_START_TIMEOUT_S} seconds") from None
        if not data:
            raise SandboxFailed(f"The sandbox ended at its start: {self.said()}")
        pid, listeners = 0, []
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers = array.array("i", content[: len(content) - len(content) % 4])
                listeners = [socket.socket(fileno=number) for number in numbers]
            elif level == socket.SOL_SOCKET and kind == _SCM_CREDENTIALS:
                pid = struct.unpack("3i", content[:12])[0]
        for listener in listeners:
            listener.setblocking(False)
        return pid, listeners, json.loads(data)


def limit(pid: int, group: Group, memory_mb: int) -> None:
    """Set resource limits on a process that is about to start: those AWS sets, and stand-ins for absent groups."""
    resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (_FILES_MAX, _FILES_MAX))
    if not group.limits("pids"):
        resource.prlimit(pid, resource.RLIMIT_NPROC, (PROCESSES_MAX, PROCESSES_MAX))
    if not group.limits("memory"):
        # Counts address space, not use: room is left for stacks and maps; the watch in environment.py does the rest.
        bytes_max = (memory_mb + 512) << 20
        resource.prlimit(pid, resource.RLIMIT_DATA, (bytes_max, bytes_max))
