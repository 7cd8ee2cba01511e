"""A node as a process of its own, for tests: started, killed, started again."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

T = TypeVar("T")
RUNTIMES = Path(sys.prefix) / "share" / "lambent-test-runtimes"
"""What functions need per interpreter, installed once for all tests."""
BIN = Path(sys.prefix) / "bin"
ROOT = Path(__file__).parents[2]
RUNTIME = f"python{sys.version_info[0]}.{sys.version_info[1]}"
REGION = "us-east-1"
ACCOUNT = "000000000000"


class Node:
    """`lambent up` on a folder of its own and a free port."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.options = options
        self.url = ""
        self.said = ""
        self._process: subprocess.Popen[str] | None = None
        RUNTIMES.mkdir(parents=True, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "runtimes").exists():
            (folder / "runtimes").symlink_to(RUNTIMES)

    def start(self) -> Node:
        """Start, and wait for the ready line."""
        command = [sys.executable, "-m", "lambent", "up", "--port", "0", "--data", str(self.folder), *self.options]
        log = (self.folder / "test.log").open("ab")
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        log.close()
        assert self._process.stdout is not None
        self.said = ""
        for line in self._process.stdout:
            self.said += line
            match = re.match(r"ready (\S+)", line)
            if match:
                self.url = match[1]
                return self
        raise AssertionError(f"the node did not start: {self.log()}")

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self.signal(number)
        return self.wait(30)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, and wait for nothing."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, timeout_s: float) -> int:
        """The exit code, within `timeout_s` seconds."""
        assert self._process is not None
        code = self._process.wait(timeout_s)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        return code

    @property
    def pid(self) -> int:
        """The process that was started."""
        assert self._process is not None
        return self._process.pid

    def health(self) -> dict[str, Any]:
        """What the node says of itself and the others."""
        with urllib.request.urlopen(f"{self.url}/_lambent/health", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def log(self) -> str:
        """What the node wrote to standard error."""
        return (self.folder / "test.log").read_text()

    def client(self, service: str, key: str = "test", secret: str = "test", token: str | None = None) -> Any:
        """A boto3 client."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}, read_timeout=60),
        )

    def environment(self) -> dict[str, str]:
        """The environment of a tool that is pointed at the node."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {
            **kept,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "LAMBENT_DATA": str(self.folder),
            "SAM_CLI_TELEMETRY": "0",
            "COLUMNS": "200",
        }

    def run(self, *command: str, check: bool = True, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a tool of the virtual environment (`lambent`, `aws`) against the node."""
        program = str(BIN / command[0]) if not command[0].startswith("/") else command[0]
        done = subprocess.run(
            [program, *command[1:]], env=self.environment(), capture_output=True, text=True, check=False, cwd=cwd
        )
        assert not check or done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
        return done


def eventually(look: Callable[[], T | None], timeout_s: float = 60.0) -> T:
    """Wait until `look` finds something; other processes have clocks of their own, so this polls."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"nothing after {timeout_s} s"
        time.sleep(0.05)
