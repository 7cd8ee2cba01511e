"""Functions run, cold and warm, and find around them what AWS puts there."""

from __future__ import annotations

import asyncio
import io
import json
import re
import sys
import time
import zipfile
from pathlib import Path

import PIL
import pytest
import uvloop

from .support import Room, archive, play, room

pytestmark = pytest.mark.slow

HELLO = """
    def handler(event, context):
        print("hello", event["name"])
        return {"hello": event["name"]}
"""


def test_hello_cold_then_warm_on_every_runtime(tmp_path: Path) -> None:
    """The first call starts an environment, the second uses it again; both are logged as AWS does."""

    async def scene(room: Room) -> None:
        for runtime in room.pool.runtimes():
            spec = room.spec("hello", HELLO, runtime=runtime, arn=f"arn:{runtime}")
            cold = await room.call(spec, {"name": "Ada"}, request_id="r-1")
            warm = await room.call(spec, {"name": "Bob"}, request_id="r-2")
            assert json.loads(cold.payload) == {"hello": "Ada"}
            assert json.loads(warm.payload) == {"hello": "Bob"}
            assert (cold.cold, warm.cold, cold.error, warm.error) == (True, False, "", "")
            assert cold.init_ms > 0
            assert warm.init_ms == 0
            assert cold.billed_ms >= cold.init_ms
            assert 5 < warm.memory_used_mb < 128
            tail = cold.log_tail.decode()
            number = r"\d+\.\d\d"
            assert re.fullmatch(
                rf"INIT_START Runtime Version: {runtime.replace('n3', 'n:3')}\.v\d+\tRuntime Version ARN: "
                rf"arn:aws:lambda:us-east-1::runtime:[0-9a-f]{{64}}\nSTART RequestId: r-1 Version: \$LATEST\n"
                rf"hello Ada\nEND RequestId: r-1\nREPORT RequestId: r-1\tDuration: {number} ms\t"
                rf"Billed Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB\t"
                rf"Init Duration: {number} ms\t\n",
                tail,
            ), tail
            assert "Init" not in warm.log_tail.decode()

    play(tmp_path, scene)


def test_what_a_function_finds(tmp_path: Path) -> None:
    """AWS's variables, the user's, module paths, context, working folder and user."""

    async def scene(room: Room) -> None:
        spec = room.spec(
            "around",
            """
            import os, sys, getpass
            def handler(event, context):
                assert exit and quit
                return {"env": dict(os.environ), "cwd": os.getcwd(), "path": sys.path, "uid": os.getuid(),
                        "files": [__file__, os.__file__], "left": context.get_remaining_time_in_millis(),
                        "arn": context.invoked_function_arn, "name": context.function_name,
                        "client": context.client_context.custom, "stream": context.log_stream_name}
            """,
            environment=(("COLOUR", "blå"), ("AWS_REGION", "mine")),
            memory_mb=256,
        )
        outcome = await room.call(
            spec, {}, client_context='{"custom": {"a": "ü"}}', trace_id="Root=1-2-3;Sampled=1", invoked_arn="arn:x"
        )
        found = json.loads(outcome.payload)
        env = found["env"]
        assert env["COLOUR"] == "blå"
        assert env["AWS_REGION"] == env["AWS_DEFAULT_REGION"] == "us-east-1"
        assert env["AWS_SECRET_ACCESS_KEY"] == "secret-of-around"
        assert env["AWS_SESSION_TOKEN"] == "token-of-around"
        assert env["AWS_LAMBDA_FUNCTION_NAME"] == "around"
        assert env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
        assert env["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/around"
        assert env["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{spec.runtime}"
        assert env["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
        assert env["_X_AMZN_TRACE_ID"] == "Root=1-2-3;Sampled=1"
        assert env["_HANDLER"] == "app.handler"
        assert env["TZ"] == ":UTC"
        assert found["cwd"] == "/var/task"
        assert found["path"][0] == "/var/task"
        assert "/opt/python" in found["path"]
        assert found["files"][0] == "/var/task/app.py"
        assert found["files"][1].startswith("/var/lang/lib/")
        assert (found["uid"], found["arn"], found["name"]) == (993, "arn:x", "around")
        assert found["client"] == {"a": "ü"}
        assert 0 < found["left"] <= 3000
        assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", found["stream"])

    play(tmp_path, scene)


def test_layers_are_laid_over_one_another(tmp_path: Path) -> None:
    """/opt holds all layers, the later ones on top; their Python folders can be imported from."""

    async def scene(room: Room) -> None:
        room.host.blobs["one"] = archive({"python/lib_a.py": "A = 1", "python/both.py": "B = 1", "data.txt": "one"})
        room.host.blobs["two"] = archive({"python/both.py": "B = 2", "bin/tool": "#!/bin/sh\necho tool"})
        spec = room.spec(
            "layered",
            """
            import lib_a, both
            def handler(event, context):
                return [lib_a.A, both.B, lib_a.__file__, open("/opt/data.txt").read()]
            """,
            layers=("one", "two"),
        )
        assert await room.value(spec) == [1, 2, "/opt/python/lib_a.py", "one"]

    play(tmp_path, scene)


def test_a_package_with_native_code_in_a_layer(tmp_path: Path) -> None:
    """A binary wheel (Pillow, of this interpreter's version) works from a layer."""
    base = Path(PIL.__file__).parent.parent
    runtime = f"python3.{sys.version_info.minor}"
    folders = [base / "PIL", base / "pillow.libs"]
    files: dict[str, str | bytes] = {
        f"python/{path.relative_to(base)}": path.read_bytes()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    async def scene(room: Room) -> None:
        if runtime not in room.pool.runtimes():
            pytest.skip(f"no {runtime} here")
        room.host.blobs["pillow"] = archive(files)
        source = """
            import io
            from PIL import Image
            def handler(event, context):
                image = Image.new("RGB", (640, 480), "red")
                image.thumbnail((128, 128))
                buffer = io.BytesIO()
                image.save(buffer, "PNG")
                return [image.size, len(buffer.getvalue()) > 50]
        """
        spec = room.spec("thumb", source, layers=("pillow",), runtime=runtime, timeout_s=20, memory_mb=256)
        assert await room.value(spec) == [[128, 96], True]

    play(tmp_path, scene)


def test_boto3_is_there_and_finds_the_endpoint(tmp_path: Path) -> None:
    """A call by boto3 arrives at Lambent's endpoint, through the only way out of the sandbox."""

    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: 16\r\n\r\n")
        writer.write(b'{"QueueUrls":[]}')
        await writer.drain()
        writer.close()

    async def scene() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, room(tmp_path / "data", endpoint=endpoint) as made:
            source = """
                import boto3
                def handler(event, context):
                    return boto3.client("sqs").list_queues()["ResponseMetadata"]["HTTPStatusCode"]
            """
            assert await made.value(made.spec("caller", source, timeout_s=20)) == 200
        assert b"Credential=ASIAcaller/" in heads[0]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scene())


def test_frozen_between_calls(tmp_path: Path) -> None:
    """A background thread does not run while no call does."""

    async def scene(room: Room) -> None:
        spec = room.spec(
            "ticker",
            """
            import threading, time
            ticks = 0
            def tick():
                global ticks
                while True:
                    ticks += 1
                    time.sleep(0.001)
            threading.Thread(target=tick, daemon=True).start()
            def handler(event, context):
                before = ticks
                time.sleep(event)
                return [before, ticks]
            """,
        )
        _, first = await room.value(spec, 0.05)
        began = time.monotonic()
        await asyncio.sleep(0.5)
        second, third = await room.value(spec, 0.05)
        paused_ms = (time.monotonic() - began) * 1000
        assert paused_ms > 500
        assert second - first < 60, "it ran while it should have been frozen"
        assert third - second > 10, "it did not run again after"

    play(tmp_path, scene)


def test_log_records_and_prints_keep_their_order(tmp_path: Path) -> None:
    """Prints, records of several lines and output of child processes arrive in the order they were made."""

    async def scene(room: Room) -> None:
        spec = room.spec(
            "talker",
            """
            import logging, subprocess, sys
            logging.getLogger().setLevel("INFO")
            def handler(event, context):
                print("one")
                logging.info("two\\nlines")
                print("three", file=sys.stderr)
                subprocess.run(["/bin/echo", "four"])
                print("five", end="")
            """,
        )
        await room.call(spec, request_id="r-9")
        await room.pool.flush_logs()
        ((_, lines),) = room.host.streams.items()
        said = lines[2:-2]
        assert said[0] == "one\n"
        assert re.fullmatch(r"\[INFO\]\t\S+Z\tr-9\ttwo\nlines\n", said[1])
        assert said[2:] == ["three\n", "four\n", "five\n"]
        assert lines[-2] == "END RequestId: r-9\n"

    play(tmp_path, scene)


def test_custom_runtime(tmp_path: Path) -> None:
    """A bootstrap of one's own speaks the Runtime API."""

    async def scene(room: Room) -> None:
        bootstrap = """#!/bin/sh
set -eu
exec /var/lang/bin/python3 -c '
import os, urllib.request as u
base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    r = u.urlopen(base + "next")
    u.urlopen(base + r.headers["Lambda-Runtime-Aws-Request-Id"] + "/response", data=b"got " + r.read())
'
"""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as target:
            info = zipfile.ZipInfo("bootstrap")
            info.external_attr = 0o755 << 16
            target.writestr(info, bootstrap)
        spec = room.spec("custom", "", runtime="provided.al2023", handler="x")
        room.host.blobs[spec.code] = buffer.getvalue()
        assert (await room.call(spec, 1)).payload == b"got 1"
        assert (await room.call(spec, 2)).payload == b"got 2"

    play(tmp_path, scene)
