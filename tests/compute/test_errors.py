"""Each way to fail is reported to the caller and in the log as AWS does."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from lambent.compute.code import BadArchive
from lambent.compute.runtimes import RuntimeUnavailable
from lambent.contracts.errors import NotBuilt

from .support import Room, archive, play

pytestmark = pytest.mark.slow


async def _error(room: Room, source: str, event: Any = None, **settings: Any) -> tuple[dict[str, Any], str]:
    """The error's payload, and the log of the call; a later good call must work again."""
    outcome = await room.call(room.spec("broken", source, **settings), event, request_id="r-1")
    assert outcome.error == "Unhandled"
    payload = json.loads(outcome.payload)
    assert isinstance(payload, dict)
    return payload, await room.logs()


def _used_mb(log: str) -> int:
    return int(re.findall(r"Max Memory Used: (\d+) MB", log)[-1])


def test_handler_raises(tmp_path: Path) -> None:
    """Message, type, request id and stack; the environment lives on."""

    async def scene(room: Room) -> None:
        spec = room.spec("raiser", "def handler(event, context):\n    raise ValueError('no ' + event)\n")
        outcome = await room.call(spec, "way", request_id="r-1")
        assert outcome.error == "Unhandled"
        assert json.loads(outcome.payload) == {
            "errorMessage": "no way",
            "errorType": "ValueError",
            "requestId": "r-1",
            "stackTrace": ["  File \"/var/task/app.py\", line 2, in handler\n    raise ValueError('no ' + event)\n"],
        }
        log = outcome.log_tail.decode()
        assert "[ERROR] ValueError: no way\nTraceback (most recent call last):\n" in log
        assert (await room.call(spec, "way")).cold is False

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("source", "settings", "kind", "message"),
    [
        ("import nowhere", {}, "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'nowhere'"),
        ("x = 1", {}, "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("def (:", {}, "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': "),
        ("x = 1", {"handler": "app"}, "Runtime.MalformedHandlerName", "Bad handler 'app': "),
        ("x = 1", {"handler": "other.handler"}, "Runtime.ImportModuleError", "Unable to import module 'other': "),
        ("raise KeyError('k')", {}, "KeyError", "'k'"),
    ],
)
def test_init_fails(tmp_path: Path, source: str, settings: dict[str, Any], kind: str, message: str) -> None:
    """Init is tried twice, once within the call, and its error is the call's."""

    async def scene(room: Room) -> None:
        payload, log = await _error(room, source, **settings)
        assert payload["errorType"] == kind
        assert payload["errorMessage"].startswith(message)
        assert payload["requestId"] == ""
        assert re.search(
            rf"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: error\tError Type: {kind}\n", log
        )
        assert re.search(
            rf"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: invoke\tStatus: error\tError Type: {kind}", log
        )
        assert re.search(rf"REPORT RequestId: r-1\t.*Status: error\tError Type: {kind}\n", log)
        assert log.count(f"[ERROR] {kind}") == 2
        assert _used_mb(log) > 5

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import os\ndef handler(event, context): os._exit(3)", "Runtime exited with error: exit status 3"),
        ("import os\ndef handler(event, context): os._exit(0)", "Runtime exited without providing a reason"),
        ("def handler(event, context): raise SystemExit(1)", "Runtime exited with error: exit status 1"),
        (
            "import os\ndef handler(event, context): os.kill(os.getpid(), 9)",
            "Runtime exited with error: signal: killed",
        ),
        (
            "import os\ndef handler(event, context): os.abort()",
            "Runtime exited with error: signal: aborted",
        ),
        (
            "import ctypes\ndef handler(event, context): ctypes.string_at(0)",
            "Runtime exited with error: signal: segmentation fault",
        ),
        ("import os\nos._exit(7)", "Runtime exited with error: exit status 7"),
    ],
)
def test_runtime_exits(tmp_path: Path, source: str, reason: str) -> None:
    """The runtime ends during a call or during Init."""

    async def scene(room: Room) -> None:
        payload, log = await _error(room, source)
        assert payload == {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: r-1 Error: {reason}"}
        assert f"RequestId: r-1 Error: {reason}\nRuntime.ExitError\nEND RequestId: r-1\nREPORT" in log
        assert "Status: error\tError Type: Runtime.ExitError\n" in log
        assert "os._exit(7)" in source or _used_mb(log) > 5  # a call's memory is known since Init

    play(tmp_path, scene)


def test_timeout(tmp_path: Path) -> None:
    """The environment ends with the call; what was printed is kept; the next call starts anew."""

    async def scene(room: Room) -> None:
        source = """
            import time
            def handler(event, context):
                print("before")
                time.sleep(event)
                return "done"
        """
        payload, log = await _error(room, source, 30, timeout_s=1)
        assert payload == {
            "errorType": "Sandbox.Timedout",
            "errorMessage": "RequestId: r-1 Error: Task timed out after 1.00 seconds",
        }
        assert re.search(
            r"before\n\d{4}-\d\d-\d\dT[\d:.]+Z r-1 Task timed out after 1.00 seconds\n\nEND RequestId: r-1\n"
            r"REPORT RequestId: r-1\tDuration: 1000.00 ms\t.*Status: timeout\n",
            log,
        ), log
        again = await room.call(room.spec("broken", source, timeout_s=1), 0)
        assert (again.payload, again.cold) == (b'"done"', True)

    play(tmp_path, scene)


def test_init_timeout(tmp_path: Path) -> None:
    """Init beyond its limit is tried again with the function's timeout."""

    async def scene(room: Room) -> None:
        payload, log = await _error(room, "import time\ntime.sleep(60)", timeout_s=1)
        assert payload["errorType"] == "Sandbox.Timedout"
        assert payload["errorMessage"] == "RequestId: r-1 Error: Task timed out after 1.00 seconds"
        assert re.search(r"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: timeout\n", log)
        slow = """
            import os, time
            time.sleep(0.7)
            def handler(event, context):
                return "late"
        """
        late = await room.call(room.spec("late", slow, timeout_s=5))
        assert (late.payload, late.cold, late.init_ms) == (b'"late"', True, 0.0)

    play(tmp_path, scene, init_timeout_s=0.5)


def test_out_of_memory(tmp_path: Path) -> None:
    """More memory than configured: killed, and the report says all of it was used."""

    async def scene(room: Room) -> None:
        source = """
            def handler(event, context):
                hoard = []
                while True:
                    hoard.append(bytearray(1 << 20))
        """
        payload, log = await _error(room, source, timeout_s=20)
        assert payload == {
            "errorType": "Runtime.OutOfMemory",
            "errorMessage": "RequestId: r-1 Error: Runtime exited with error: signal: killed",
        }
        assert "Memory Size: 128 MB\tMax Memory Used: 128 MB\t" in log
        assert "Status: error\tError Type: Runtime.OutOfMemory\n" in log

    play(tmp_path, scene)


def test_answer_too_large(tmp_path: Path) -> None:
    """6 MiB and a little is the limit; just below it passes."""

    async def scene(room: Room) -> None:
        source = "def handler(event, context): return 'x' * event"
        payload, _ = await _error(room, source, 7_000_000, memory_mb=256)
        assert payload == {
            "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
            "errorType": "Function.ResponseSizeTooLarge",
        }
        fits = await room.call(room.spec("broken", source, memory_mb=256), 6_291_554)
        assert len(fits.payload) == 6_291_556

    play(tmp_path, scene)


def test_answer_that_is_not_json(tmp_path: Path) -> None:
    """What cannot be marshalled is the runtime's own error."""

    async def scene(room: Room) -> None:
        payload, _ = await _error(room, "def handler(event, context): return {1, 2}")
        assert payload["errorType"] == "Runtime.MarshalError"
        assert payload["errorMessage"] == "Unable to marshal response: Object of type set is not JSON serializable"

    play(tmp_path, scene)


def test_what_cannot_be_run_says_so(tmp_path: Path) -> None:
    """Runtimes that are not built or not here, extensions and broken archives are errors with their name in it."""

    async def scene(room: Room) -> None:
        with pytest.raises(NotBuilt, match=r"nodejs22\.x"):
            await room.call(room.spec("node", "", runtime="nodejs22.x"))
        with pytest.raises(RuntimeUnavailable, match=r"python2\.7"):
            await room.call(room.spec("old", "", runtime="python2.7"))
        room.host.blobs["watcher"] = archive({"extensions/watcher": "#!/bin/sh"})
        with pytest.raises(NotBuilt, match="extensions"):
            await room.call(room.spec("watched", "", layers=("watcher",)))
        broken = room.spec("zip", "")
        room.host.blobs[broken.code] = b"no zip"
        with pytest.raises(BadArchive):
            await room.call(broken)
        escaping = room.spec("escaping", "", files={"../outside.py": "x"})
        with pytest.raises(BadArchive, match="outside itself"):
            await room.call(escaping)
        assert not list((tmp_path / "data" / "compute" / "code").glob("*outside*"))

    play(tmp_path, scene)


def test_logs_that_cannot_be_delivered_fail_no_call(tmp_path: Path) -> None:
    """A log service that refuses costs the lines only."""

    async def scene(room: Room) -> None:
        room.host.log_error = RuntimeError("no such log group")
        spec = room.spec("silent", "def handler(event, context): print('x'); return 1")
        for _ in range(3):
            assert (await room.call(spec)).payload == b"1"
            await room.pool.flush_logs()
        assert room.host.streams == {}

    play(tmp_path, scene)


def test_a_caller_that_gives_up(tmp_path: Path) -> None:
    """A cancelled call ends its environment, and nothing is left of it."""

    async def scene(room: Room) -> None:
        spec = room.spec("sleeper", "import time\ndef handler(event, context): time.sleep(event); return 1")
        await room.call(spec, 0)
        task = asyncio.ensure_future(room.call(spec, 60))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await room.call(spec, 0)).cold is True

    play(tmp_path, scene)
