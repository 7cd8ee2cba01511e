"""`lambent up`: run a node in the foreground, or leave it running in the background."""

from __future__ import annotations

import ipaddress
import os
import re
import subprocess
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .common import BlobsOption, DataOption, Failure, StoreOption, data_folder, running_node

START_TIMEOUT_S = 30.0


class Durability(StrEnum):
    """What an acknowledged write survives."""

    NORMAL = "normal"
    STRICT = "strict"


class Auth(StrEnum):
    """Who gets in: `default` knows the conventional keys on loopback, `strict` only issued ones."""

    DEFAULT = "default"
    STRICT = "strict"


def up(
    port: Annotated[int, typer.Option(help="The port to serve on; 0 takes a free one.", min=0, max=65535)] = 4566,
    host: Annotated[str, typer.Option(help="The address to serve on.")] = "127.0.0.1",
    data: DataOption = None,
    durability: Annotated[
        Durability, typer.Option(help="normal survives kill -9 of the process; strict a power cut too.")
    ] = Durability.NORMAL,
    auth: Annotated[Auth, typer.Option(help="default has conventional keys; strict only issued ones.")] = Auth.DEFAULT,
    region: Annotated[str, typer.Option(help="The region of clients that name none.")] = "us-east-1",
    tls: Annotated[bool, typer.Option("--tls", help="Serve HTTPS too, on the same port.")] = False,
    tls_certificate: Annotated[Path | None, typer.Option(help="A PEM certificate chain (default: made here).")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="The PEM private key of the certificate.")] = None,
    store: StoreOption = "",
    blobs: BlobsOption = "",
    smtp: Annotated[
        str,
        typer.Option(help="HOST:PORT of a mail server (default: mails stay in `lambent mail`).", metavar="HOST:PORT"),
    ] = "",
    url: Annotated[
        str,
        typer.Option(
            envvar="LAMBENT_URL",
            help="Where clients find the cloud, a load balancer's address, say; the same on all nodes (default: here).",
            metavar="URL",
        ),
    ] = "",
    workers: Annotated[
        int, typer.Option(help="How many processes serve the port, each a node; needs --store.", min=1, max=64)
    ] = 1,
    worker: Annotated[int, typer.Option(hidden=True, min=0, max=64)] = 0,
    detach: Annotated[bool, typer.Option("--detach", help="Leave the cloud running in the background.")] = False,
) -> None:
    """Run the cloud. Prints one line `ready http://HOST:PORT` when it serves."""
    folder = data_folder(data)
    _refuse_contradictions(host, auth, store, workers, smtp, url, tls_certificate, tls_key)
    node = None if worker else running_node(folder)
    if node is not None:
        raise Failure(f"a cloud already runs on {folder} (process {node['pid']}, {node['endpoint']})")
    if detach:
        start_detached(folder, [argument for argument in sys.argv[1:] if argument != "--detach"])
        return
    # Deferred: the parent of a detached cloud need not load the rooms.
    from lambent.node import NodeOptions, StartFailure, run
    from lambent.workers import supervise

    options = NodeOptions(
        host=host,
        port=port,
        folder=folder,
        durability=durability.value,
        auth=auth.value,
        region=region,
        tls=tls or tls_certificate is not None,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        store=store,
        blobs=blobs,
        smtp=smtp,
        url=url.rstrip("/"),
        worker=worker,
        workers=workers,
    )
    try:
        if workers > 1 and not worker:
            supervise(options, sys.argv[1:])
        else:
            run(options)
    except StartFailure as failure:
        raise Failure(str(failure)) from None


def _refuse_contradictions(
    host: str,
    auth: Auth,
    store: str,
    workers: int,
    smtp: str,
    url: str,
    certificate: Path | None,
    key: Path | None,
) -> None:
    """`Failure` for options that do not go together, or are not what they should be."""
    if workers > 1 and not store:
        raise Failure(
            "--workers needs a store that processes can share (--store postgresql://...): "
            "RocksDB is open in one process at a time"
        )
    if auth is Auth.DEFAULT and not _is_loopback(host):
        raise Failure(f"{host} is not a loopback address: there Lambent starts only with --auth strict")
    if smtp and not _is_server(smtp):
        raise Failure(f"--smtp is HOST:PORT, not {smtp}")
    if url and not _is_base_url(url):
        raise Failure(f"--url is http://HOST[:PORT] or https://HOST[:PORT], not {url}")
    if (certificate is None) != (key is None):
        raise Failure("--tls-certificate and --tls-key go together")


def _is_server(text: str) -> bool:
    host, colon, port = text.rpartition(":")
    return bool(host and colon and port.isascii() and port.isdigit() and int(port) < 65_536)


def _is_base_url(text: str) -> bool:
    return re.fullmatch(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?/?", text) is not None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def start_detached(folder: Path, arguments: list[str]) -> str:
    """Start `lambent ARGUMENTS` in the background; prints its ready line, and returns the address."""
    log = folder / "lambent.log"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        log.touch(mode=0o600)
    except OSError as error:
        raise Failure(f"cannot use the data folder {folder}: {error.strerror}") from None
    with log.open("ab") as out:
        position = out.seek(0, os.SEEK_END)
        process = subprocess.Popen(
            [sys.executable, "-m", "lambent", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "LAMBENT_DATA": str(folder)},
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        with log.open("rb") as lines:
            lines.seek(position)
            said = lines.read().decode(errors="replace")
        lines_said = said.splitlines()
        ready = next((line for line in lines_said if line.startswith("ready ")), None)
        if ready is not None:
            for line in lines_said:
                if line.startswith(("root key ", "note ", "ready ")):
                    print(line, flush=True)
            return ready.split(" ", 1)[1]
        if process.poll() is not None:
            raise Failure(said.strip().removeprefix("lambent: ") or f"the cloud did not start; see {log}")
        time.sleep(0.02)
    process.terminate()
    raise Failure(f"the cloud was not ready within {START_TIMEOUT_S:.0f} s; see {log}")
