"""One node as a process: opens the store, connects the rooms, serves until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from lambent import app, engines
from lambent.archive.control import SOCKET, serve_control
from lambent.contracts.clock import MovableClock, SystemClock
from lambent.contracts.http import Request, Response
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Settings
from lambent.gateway import edge, edge_inside
from lambent.gateway.rooms import FrontDoor
from lambent.kit import log_lines
from lambent.kv import moved
from lambent.kv.errors import StoreError
from lambent.registry import blobs_in_use

GRACE_S = 5.0
"""What is under way when the node is told to stop has so long to finish."""

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
    tls: bool = False
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    store: str = ""
    blobs: str = ""
    smtp: str = ""
    url: str = ""
    """Where clients find the cloud; empty: at the node itself."""
    worker: int = 0
    """The number of this process among `workers` that share the port; 0 for a node alone."""
    workers: int = 1

    @property
    def own(self) -> Path:
        """The folder that belongs to this process alone."""
        return self.folder / "workers" / str(self.worker) if self.worker else self.folder

    @property
    def base(self) -> str:
        """Where clients find this node, once its port is known."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}"

    def settings(self, port: int) -> Settings:
        """What the cloud's rooms know of it."""
        own = f"{self.base}:{port}"
        return Settings(
            endpoint=self.url or own,
            node_endpoint=own,
            region=self.region,
            data=str(self.own),
            auth=self.auth,
            durability=self.durability,
            store=self.store,
            blobs=self.blobs,
            smtp=self.smtp,
        )


def run(options: NodeOptions) -> None:
    """Run a node until SIGTERM or SIGINT; `StartFailure` when it cannot start."""
    log_lines.begin(sys.stderr)
    uvloop.run(_serve(options))


async def _serve(options: NodeOptions) -> None:
    try:
        engines.check(options.settings(options.port))
    except StoreError as error:
        raise StartFailure(str(error)) from None
    if not options.store:
        _make_folder(options.own)
    # Connections and certificates are of the world outside, whose time nobody moves.
    clock, outside, ids = MovableClock(), SystemClock(), Ids()
    # The store first: a node that cannot have it leaves nothing behind.
    try:
        found = await engines.open_engines(options.settings(options.port), clock, ids)
        clock.move(await found.store.read(moved.ahead_ns))
    except (StoreError, OSError) as error:
        raise StartFailure(str(error)) from None
    gate = _Gate()
    try:
        server = await _listen(options, gate, outside, ids)
    except StartFailure:
        await engines.close(found)
        raise
    settings = options.settings(server.port)
    machine = app.Machine(share=1 / options.workers, runtimes=str(options.folder / "runtimes"), worker=options.worker)
    # Functions have a door of their own: one that runs on while the node drains still reaches the cloud.
    inside = edge.Server(gate, edge.Limits(), outside, ids, "Lambent")
    functions = edge_inside.Inside(inside, options.own / "compute" / "tls", outside)
    cloud = app.Node(settings, clock, ids, found, machine, functions)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if options.worker:
        _watch_stdin(stop)
    notes = options.own / "node.json"
    try:
        await cloud.start()
        await _show_root_key(cloud, options)
        gate.open(cloud.door)
        control = await serve_control(cloud, blobs_in_use, options.own / SOCKET)
        notes.write_text(json.dumps({"pid": os.getpid(), "endpoint": settings.node_endpoint}))
    except (OSError, StoreError) as error:
        stop.set()  # no grace: nobody has been told of this node
        await _finish(server, cloud, stop)
        await cloud.stop()
        why = f"cannot write to {options.own}: {error.strerror}" if isinstance(error, OSError) else str(error)
        raise StartFailure(why) from None
    # What is alive now stays alive: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    if found.note and options.worker <= 1:
        print(f"note {found.note}", flush=True)
    print(f"ready {settings.node_endpoint}", flush=True)
    try:
        await stop.wait()
    finally:
        stop.clear()
        await control.close()
        await _finish(server, cloud, stop)
        await cloud.stop()
        await inside.close(0)
        notes.unlink(missing_ok=True)


def _watch_stdin(stop: asyncio.Event) -> None:
    """A worker's standard input ends when the process that started it does, however that ends."""
    loop, fd = asyncio.get_running_loop(), sys.stdin.fileno()

    def ended() -> None:
        loop.remove_reader(fd)
        stop.set()

    loop.add_reader(fd, ended)


async def _finish(server: edge.Server, cloud: app.Node, hurry: asyncio.Event) -> None:
    """Requests and deliveries under way have `GRACE_S` seconds together, less when a second signal sets `hurry`."""
    finished = asyncio.gather(server.close(GRACE_S), cloud.settle(GRACE_S))
    hurried = asyncio.ensure_future(hurry.wait())
    under_way: set[asyncio.Future[Any]] = {finished, hurried}
    await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    if not finished.done():
        finished.cancel()
        await asyncio.gather(finished, return_exceptions=True)
        await server.close(0)


class _Gate:
    """The port is taken before the rooms are connected, which know its number; requests wait until then."""

    def __init__(self) -> None:
        self._door: asyncio.Future[FrontDoor] = asyncio.get_running_loop().create_future()
        self.handle: Callable[[Request], Awaitable[Response]] = self._wait

    def open(self, door: FrontDoor) -> None:
        """Let the requests in."""
        self._door.set_result(door)
        self.handle = door

    async def _wait(self, request: Request) -> Response:
        return await (await self._door)(request)

    async def __call__(self, request: Request) -> Response:
        return await self.handle(request)


async def _show_root_key(cloud: app.Node, options: NodeOptions) -> None:
    """In strict mode the root user's key is made at the first start, and shown only then."""
    if options.auth != "strict":
        return
    key = await cloud.directory.root_key(cloud.settings.account)
    if key is not None:
        print(f"root key  AWS_ACCESS_KEY_ID={key[0]} AWS_SECRET_ACCESS_KEY={key[1]}  (shown once)", flush=True)


async def _listen(options: NodeOptions, gate: _Gate, clock: SystemClock, ids: Ids) -> edge.Server:
    context = None
    if options.tls:
        # Deferred: certificates are of use to nobody who serves plain HTTP.
        from lambent.gateway import tls

        try:
            context = tls.server_context(
                options.folder / "tls", options.tls_certificate, options.tls_key, clock, options.host
            )
        except (OSError, ValueError) as error:
            raise StartFailure(f"the TLS certificate cannot be used: {error}") from None
    try:
        return await edge.serve(
            gate,
            options.host,
            options.port,
            clock=clock,
            ids=ids,
            ssl_context=context,
            reuse_port=options.worker > 0,
        )
    except OSError as error:
        raise StartFailure(f"cannot listen on {options.host}:{options.port}: {error.strerror}") from None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise StartFailure(f"cannot use the data folder {folder}: {error.strerror}") from None
