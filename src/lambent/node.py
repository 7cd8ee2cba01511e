"""One node as a process: opens the store, connects the rooms, serves until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import uvloop

from lambent import app
from lambent.contracts.clock import SystemClock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Settings
from lambent.gateway import edge, tls
from lambent.kv.errors import StoreInUse, StoreTooNew

_log = logging.getLogger("lambent.node")


class StartFailure(Exception):
    """The node cannot start; the message is one line for the user."""


@dataclass(frozen=True, kw_only=True)
class NodeOptions:
    """What `lambent up` was told."""

    host: str
    port: int
    folder: Path
    durability: str = "normal"
    auth: str = "default"
    region: str = "us-east-1"
    tls_port: int | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None


def run(options: NodeOptions) -> None:
    """Run a node until SIGTERM or SIGINT; `StartFailure` when it cannot start."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    uvloop.run(_serve(options))


async def _serve(options: NodeOptions) -> None:
    _make_folder(options.folder)
    listening = _listen(options.host, options.port)
    port = listening.getsockname()[1]
    host = f"[{options.host}]" if ":" in options.host else options.host
    settings = Settings(
        endpoint=f"http://{host}:{port}",
        region=options.region,
        data=str(options.folder),
        auth=options.auth,
        durability=options.durability,
    )
    try:
        cloud = await app.build(settings, SystemClock(), Ids())
    except (StoreInUse, StoreTooNew, OSError) as error:
        listening.close()
        raise StartFailure(str(error)) from None
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    servers = [await edge.serve(cloud.door, cloud.clock, sock=listening)]
    if options.tls_port is not None:
        servers.append(await _serve_tls(options, cloud))
    await cloud.start()
    notes = options.folder / "node.json"
    notes.write_text(json.dumps({"pid": os.getpid(), "endpoint": settings.endpoint}))
    # What is alive now stays alive: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    print(f"ready {settings.endpoint}", flush=True)
    try:
        await stop.wait()
    finally:
        for server in servers:
            await server.close()
        await cloud.stop()
        notes.unlink(missing_ok=True)


async def _serve_tls(options: NodeOptions, cloud: app.Node) -> edge.Server:
    assert options.tls_port is not None
    try:
        context = tls.server_context(
            options.folder / "tls", options.tls_certificate, options.tls_key, hosts=(options.host, "localhost")
        )
    except (OSError, ValueError) as error:
        raise StartFailure(f"the TLS certificate cannot be used: {error}") from None
    sock = _listen(options.host, options.tls_port)
    server = await edge.serve(cloud.door, cloud.clock, sock=sock, ssl_context=context)
    _log.info("https on port %d", sock.getsockname()[1])
    return server


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise StartFailure(f"cannot use the data folder {folder}: {error.strerror}") from None


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(1024)
    except OSError as error:
        sock.close()
        raise StartFailure(f"cannot listen on {host}:{port}: {error.strerror}") from None
    sock.setblocking(False)
    return sock
