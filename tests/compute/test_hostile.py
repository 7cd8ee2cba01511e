"""A hostile function gets nothing and harms nothing: one test for each thing that it tries."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .support import Room, archive, play

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="sandboxes need Linux")]

HELLO = "def handler(event, context): return 'hello'"
SECRET = "the-crown-jewels"


def _processes(room: Room, known: set[str] | None = None) -> set[int]:
    """Processes in the process namespaces of the room's sandboxes, or in those that are `known`."""
    namespaces = _namespaces(room) if known is None else known
    found = set()
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if name.isdigit() and os.readlink(f"/proc/{name}/ns/pid") in namespaces:
                state = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[0]
                if state not in "ZX":  # ended, and not yet noticed by whoever inherited it
                    found.add(int(name))
    return found


def _namespaces(room: Room) -> set[str]:
    return {os.readlink(f"/proc/{each.started.pid}/ns/pid") for each in room.pool._seats}


def _is_ours(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"entry.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def test_reads_no_other_function(tmp_path: Path) -> None:
    """Neither the code nor the environment of another function can be found, not even while that one runs."""

    async def scene(room: Room) -> None:
        victim = room.spec(
            "victim",
            f"import time\nKEY = '{SECRET}'\ndef handler(event, context): time.sleep(event); return 1",
            environment=(("PASSWORD", SECRET),),
        )
        hostile = room.spec(
            "hostile",
            """
            import os
            def handler(event, context):
                found = []
                for top in os.listdir("/"):
                    if top in ("usr", "sys"): continue
                    for folder, _, files in os.walk("/" + top):
                        if folder.startswith("/var/lang") or folder.startswith("/var/runtime"): continue
                        for name in files:
                            path = folder + "/" + name
                            try:
                                fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                                data = os.read(fd, 1 << 16)
                                os.close(fd)
                            except OSError:
                                continue
                            if event.encode() in data: found.append(path)
                pids = [p for p in os.listdir("/proc") if p.isdigit()]
                return {"found": found, "pids": len(pids)}
            """,
            timeout_s=30,
            memory_mb=512,
        )
        running = asyncio.ensure_future(room.call(victim, 1.0))
        await asyncio.sleep(0.3)
        # The event itself is in the hostile function's own memory and code only as it was sent: split in two.
        answer = await room.value(hostile, SECRET)
        assert answer["found"] == []
        assert answer["pids"] <= 3
        assert (await running).payload == b"1"

    play(tmp_path, scene)


def test_reads_no_host_files(tmp_path: Path) -> None:
    """The data folder, homes and the host's configuration are not there; nor do /proc and mounts lead to them."""

    async def scene(room: Room) -> None:
        (tmp_path / "data" / "secret.txt").write_text(SECRET)
        hostile = room.spec(
            "hostile",
            """
            import os
            def handler(event, context):
                seen = []
                for path in event:
                    for prefix in ("", "/proc/1/root", "/proc/self/root", "/proc/1/cwd/../..", "/proc/self/cwd/../.."):
                        if os.path.lexists(prefix + path): seen.append(prefix + path)
                passwd = open("/etc/passwd").read()
                return [seen, passwd.count(chr(10)), open("/proc/1/cmdline").read()]
            """,
        )
        targets = [str(tmp_path), str(tmp_path / "data" / "secret.txt"), "/etc/shadow", "/root", "/home", "/sys/fs"]
        targets += [str(Path.home()), "/etc/hostname", "/boot", "/run", str(Path(__file__))]
        seen, users, command = await room.value(hostile, targets)
        assert seen == []
        assert users == 2
        assert str(tmp_path) not in command

    play(tmp_path, scene)


def test_writes_nowhere_but_tmp(tmp_path: Path) -> None:
    """Every folder outside /tmp is read-only, and its own code with them."""

    async def scene(room: Room) -> None:
        hostile = room.spec(
            "hostile",
            """
            import contextlib, os, stat
            def handler(event, context):
                written = []
                for folder, _, _ in os.walk("/"):
                    if folder.startswith(("/proc", "/tmp", "/usr/share", "/usr/lib", "/var/lang/lib")): continue
                    try:
                        with open(folder + "/mark", "w") as f: f.write("x")
                        written.append(folder)
                    except OSError: pass
                for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/1/oom_score_adj",
                             "/proc/sys/kernel/modprobe", "/proc/self/oom_score_adj", "/proc/self/uid_map",
                             "/var/task/app.py", "/dev/shm/mark"):
                    try:
                        os.close(os.open(path, os.O_WRONLY))  # opened, never written: it is the machine's
                        written.append(path)
                    except OSError: pass
                for name in ("null", "zero", "full", "random", "urandom", "tty"):
                    try:
                        mode = os.stat("/dev/" + name).st_mode & 0o7777
                        os.chmod("/dev/" + name, mode, follow_symlinks=True)  # to what it is already
                        written.append("/dev/" + name)
                    except OSError: pass
                for fd in range(3):
                    with contextlib.suppress(OSError):
                        if stat.S_ISCHR(os.fstat(fd).st_mode): written.append(f"fd {fd}")
                return written
            """,
            timeout_s=30,
            layers=("layer",),
        )
        room.host.blobs["layer"] = archive({"python/x.py": ""})
        assert await room.value(hostile) == []

    play(tmp_path, scene)


def test_reaches_no_other_runtime_api_and_no_host_service(tmp_path: Path) -> None:
    """Its loopback is its own: of a thousand ports around, and those of the host, it finds only its own two doors."""

    async def scene(room: Room) -> None:
        victim = room.spec("victim", "import time\ndef handler(event, context): time.sleep(event); return 1")
        running = asyncio.ensure_future(room.call(victim, 1.5))
        with socket.socket() as host_service, socket.socket(socket.AF_UNIX) as abstract:
            host_service.bind(("127.0.0.1", 0))
            host_service.listen()
            abstract.bind("\0lambent-test-hostile")
            abstract.listen()
            hostile = room.spec(
                "hostile",
                """
                import socket, urllib.request, urllib.error
                def handler(event, context):
                    open_ports = []
                    for port in [*event, *range(8900, 9100), *range(30000, 30500)]:
                        with socket.socket() as s:
                            s.settimeout(0.2)
                            if s.connect_ex(("127.0.0.1", port)) == 0: open_ports.append(port)
                    with socket.socket(socket.AF_UNIX) as s:
                        abstract = s.connect_ex("\\0lambent-test-hostile") == 0
                    with socket.socket() as s:
                        s.settimeout(0.5)
                        outside = s.connect_ex(("1.1.1.1", 53)) == 0
                    codes = []
                    for path in ("invocation/other/response", "invocation/../next/response", "init/error"):
                        try:
                            urllib.request.urlopen("http://127.0.0.1:9001/2018-06-01/runtime/" + path, data=b"{}")
                        except urllib.error.HTTPError as e: codes.append(e.code)
                    return [open_ports, abstract, outside, codes]
                """,
                timeout_s=30,
            )
            port = host_service.getsockname()[1]
            open_ports, reached, outside, codes = await room.value(hostile, [4566, port, 22, 80])
            assert set(open_ports) == {4566, 9001}
            assert (reached, outside, codes) == (False, False, [400, 404, 403])
        assert (await running).payload == b"1"

    play(tmp_path, scene)


def test_fork_bomb(tmp_path: Path) -> None:
    """Forks without end stop at 1,024 processes; other functions go on; all of them are gone with the call."""

    async def scene(room: Room) -> None:
        other = room.spec("other", HELLO)
        await room.call(other)
        hostile = room.spec(
            "hostile",
            """
            import os, time
            def handler(event, context):
                while True:
                    try: os.fork()
                    except OSError: time.sleep(0.01)
            """,
            timeout_s=2,
            memory_mb=1024,
        )
        running = asyncio.ensure_future(room.call(hostile))
        await asyncio.sleep(1.2)
        namespaces = _namespaces(room)
        assert 10 < len(_processes(room)) < 1100
        assert (await room.call(other)).payload == b'"hello"'
        outcome = await running
        assert b"Task timed out" in outcome.payload or b"killed" in outcome.payload
        await room.pool.retire("arn:")
        assert _processes(room, namespaces) == set()

    play(tmp_path, scene)


def test_fills_tmp(tmp_path: Path) -> None:
    """/tmp ends at its size, in bytes and without harm to memory; a later environment has it whole again."""

    async def scene(room: Room) -> None:
        source = """
            import os
            def handler(event, context):
                written = 0
                try:
                    with open("/tmp/fill", "wb", 0) as f:
                        while True: written += f.write(b"x" * (1 << 20))
                except OSError as error: return [written >> 20, error.errno, len(os.listdir("/tmp"))]
        """
        hostile = room.spec("hostile", source, timeout_s=20, tmp_mb=200)
        written_mb, errno, files = await room.value(hostile)
        assert (written_mb, errno, files) == (200, 28, 1)
        await room.pool.retire("arn:")
        assert (await room.value(hostile))[0] == 200

    play(tmp_path, scene)


def test_allocates_past_its_memory(tmp_path: Path) -> None:
    """In children too: the sum counts, and the machine keeps its memory."""

    async def scene(room: Room) -> None:
        hostile = room.spec(
            "hostile",
            """
            import os, time
            def handler(event, context):
                for _ in range(8):
                    if os.fork() == 0:
                        hoard = bytearray(40 << 20)
                        for at in range(0, len(hoard), 4096): hoard[at] = 1
                        time.sleep(60)
                time.sleep(60)
            """,
            timeout_s=20,
        )
        began = time.monotonic()
        outcome = await room.call(hostile)
        assert b"Runtime.OutOfMemory" in outcome.payload
        assert time.monotonic() - began < 10

    play(tmp_path, scene)


def test_forbidden_system_calls(tmp_path: Path) -> None:
    """No mounts, no new namespaces, no tracing, no kernel interfaces, no capabilities, no new privileges."""

    async def scene(room: Room) -> None:
        hostile = room.spec(
            "hostile",
            """
            import ctypes, os, socket
            libc = ctypes.CDLL(None, use_errno=True)
            def handler(event, context):
                done = []
                for name, number in event.items():
                    ctypes.set_errno(0)
                    if libc.syscall(number, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != 1: done.append(name)
                ctypes.set_errno(0)
                if libc.unshare(0x10000000) == 0: done.append("userns")
                if libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0) != -1: done.append("clone")
                for family in (socket.AF_VSOCK, socket.AF_PACKET, socket.AF_ALG):
                    try: socket.socket(family, socket.SOCK_RAW).close(); done.append(str(family))
                    except OSError: pass
                status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
                return [done, {key: status[key].strip() for key in ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp")}]
            """,
        )
        calls = {"ptrace": 101, "mount": 165, "setns": 308, "bpf": 321, "keyctl": 250, "io_uring": 425, "kexec": 246}
        done, status = await room.value(hostile, calls)
        assert done == []
        assert status == {"CapEff": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}

    if os.uname().machine != "x86_64":
        pytest.skip("numbers of x86_64")
    play(tmp_path, scene)


def test_garbage_to_its_runtime_api(tmp_path: Path) -> None:
    """Nonsense, endless heads and bodies, half-open and too many connections hurt nobody; its own call goes on."""

    async def scene(room: Room) -> None:
        other = room.spec("other", HELLO)
        hostile = room.spec(
            "hostile",
            """
            import os, socket
            def attempt(data, repeat=1):
                s = socket.create_connection(("127.0.0.1", 9001))
                try:
                    for _ in range(repeat): s.sendall(data)
                    s.settimeout(0.2)
                    s.recv(100)
                except OSError: pass
                return s
            def handler(event, context):
                keep = [attempt(os.urandom(1000)) for _ in range(10)]
                keep += [attempt(b"GET / HTTP/1.1\\r\\nA: " + b"a" * 65536, 100)]
                keep += [attempt(b"POST /x HTTP/1.1\\r\\nContent-Length: -5\\r\\n\\r\\n")]
                keep += [attempt(b"POST /x HTTP/1.1\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\nzz\\r\\n")]
                keep += [attempt(b"POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\\r\\n"
                                 b"Content-Length: 99999999999\\r\\n\\r\\n" % context.aws_request_id.encode())]
                keep += [socket.create_connection(("127.0.0.1", 9001)) for _ in range(200)]
                for s in keep: s.close()
                return "still here"
            """,
            timeout_s=20,
        )
        running = asyncio.ensure_future(room.value(hostile))
        await asyncio.sleep(0.2)
        assert await room.value(other) == "hello"
        assert await running == "still here"

    play(tmp_path, scene)


def test_prints_without_end(tmp_path: Path) -> None:
    """A flood of output is read at a bounded rate: other calls stay quick, and the log is cut, not the memory."""

    async def scene(room: Room) -> None:
        other = room.spec("other", HELLO)
        await room.call(other)
        flood = room.spec(
            "flood", "import os\ndef handler(event, context):\n    while True: os.write(1, b'y' * 60000)", timeout_s=2
        )
        running = asyncio.ensure_future(room.call(flood))
        await asyncio.sleep(0.3)
        waits = []
        for _ in range(20):
            began = time.perf_counter()
            await room.call(other)
            waits.append(time.perf_counter() - began)
        assert sorted(waits)[10] < 0.05
        outcome = await running
        assert b"Task timed out" in outcome.payload
        assert len(outcome.log_tail) == 4096

    play(tmp_path, scene)


def test_leaves_nothing_behind(tmp_path: Path) -> None:
    """Daemons that a function starts, and that ignore signals, end with their environment."""

    async def scene(room: Room) -> None:
        hostile = room.spec(
            "hostile",
            """
            import os, signal, subprocess
            def handler(event, context):
                for _ in range(5):
                    if os.fork() == 0:
                        os.setsid()
                        if os.fork(): os._exit(0)
                        for number in range(1, 32):
                            if number not in (9, 19): signal.signal(number, signal.SIG_IGN)
                        while True: signal.pause()
                os.kill(-1, signal.SIGCONT)
                return 1
            """,
        )
        assert (await room.call(hostile)).payload == b"1"
        namespaces = _namespaces(room)
        assert len(_processes(room)) >= 5
        await room.pool.retire("arn:")
        assert _processes(room, namespaces) == set()

    play(tmp_path, scene)


_NODE = """
import asyncio, sys
from pathlib import Path
from tests.compute.support import room

async def main():
    async with room(Path(sys.argv[1])) as made:
        spec = made.spec("orphan", "def handler(event, context): return 1")
        await asyncio.gather(*(made.call(spec) for _ in range(3)))
        await asyncio.sleep(0.1)
        print(*[seat.started.pid for seat in made.pool._seats], flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def test_dies_with_lambent(tmp_path: Path) -> None:
    """SIGKILL of Lambent ends every sandbox, frozen ones too."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", _NODE, str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root, text=True) as node:
        assert node.stdout is not None
        pids = [int(word) for word in node.stdout.readline().split()]
        assert len(pids) == 3
        assert all(_is_ours(pid) for pid in pids)
        node.send_signal(signal.SIGKILL)
    deadline_s = time.monotonic() + 5
    while any(_is_ours(pid) for pid in pids):
        assert time.monotonic() < deadline_s, "sandboxes survive Lambent"
