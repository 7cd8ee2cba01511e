"""The composition root: connects the rooms into a node."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from lambent import __version__, model, wire
from lambent.blobs.files import FileBlobs
from lambent.bus.relay import Relay
from lambent.contracts.clock import Clock
from lambent.contracts.functions import Compute, FunctionSpec, Invocation, Outcome
from lambent.contracts.http import Request, Response
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Cloud, Settings
from lambent.gateway.authorize import PolicyGuard
from lambent.gateway.dispatch import Dispatcher
from lambent.gateway.rooms import FrontDoor, json_response
from lambent.kv.engines.rocks import RocksStore
from lambent.registry import SERVICES, Targets, load_service
from lambent.services.iam.directory import IamDirectory

BASES = ("localhost", "localhost.localdomain", "lambent.localhost", "amazonaws.com", "127.0.0.1", "[::1]")
"""Host names below which services and buckets have names of their own."""

_log = logging.getLogger("lambent.app")


class LazyCompute:
    """The compute room, opened by the first call that needs it: a cloud without functions starts without it."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self._cloud = cloud
        self._folder = folder
        self._room: Compute | None = None

    def _open(self) -> Compute:
        if self._room is None:
            environments = importlib.import_module("lambent.compute").Environments
            host = importlib.import_module(SERVICES["lambda"]).LambdaHost(self._cloud)
            self._room = environments(
                host, self._cloud.clock, self._cloud.ids, self._folder, self._cloud.settings.endpoint
            )
        return self._room

    async def invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        """See `contracts.functions.Compute`."""
        return await self._open().invoke(spec, invocation)

    async def retire(self, arn_prefix: str) -> None:
        """See `contracts.functions.Compute`."""
        if self._room is not None:
            await self._room.retire(arn_prefix)

    def runtimes(self) -> list[str]:
        """See `contracts.functions.Compute`."""
        return self._open().runtimes()

    async def close(self) -> None:
        """See `contracts.functions.Compute`."""
        if self._room is not None:
            await self._room.close()


class Node(Cloud):
    """The rooms of one node, connected; `door` answers requests."""

    def __init__(self, settings: Settings, clock: Clock, ids: Ids) -> None:
        folder = Path(settings.data)
        self.settings = settings
        self.clock = clock
        self.ids = ids
        self.spawn = self._spawn
        self._tasks: set[asyncio.Future[None]] = set()
        store = RocksStore(folder / "store", clock, ids, settings.durability)
        self.store = store
        self.blobs = FileBlobs(folder / "blobs", ids, settings.durability)
        self.directory = IamDirectory(self)
        self.guard = PolicyGuard(self)
        self.targets = Targets(self)
        dispatcher = Dispatcher(self, load_service, wire.validate)
        self.api = dispatcher
        self.compute = LazyCompute(self, folder)
        self.relay = Relay(self, store.node)
        self.door = FrontDoor(
            self,
            dispatcher,
            bases=BASES,
            doors={"health": _health, "cfn-response": _custom_resource, "code": _function_code},
            branches={"PostObject": _form_upload, "Preflight": _preflight},
            decorate=self._allow_origin,
        )

    async def start(self) -> None:
        """Begin background work: the relay, and what each service that kept something wants to go on with."""
        await self.relay.start()
        self.spawn(self._collect())

    async def stop(self) -> None:
        """Finish what is under way and release everything."""
        await self.relay.stop()
        await self.compute.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.store.close()

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Future[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("background work failed", exc_info=task.exception())

    async def _collect(self) -> None:
        """Remove blobs that nothing names: what a crash left between a body and its transaction."""
        rooms = [importlib.import_module(SERVICES[name]) for name in ("s3", "lambda")]
        await self.blobs.collect(lambda: self.store.read(lambda tx: {n for r in rooms for n in r.blobs_in_use(tx)}))

    async def _allow_origin(self, request: Request, route: wire.Route, response: Response) -> None:
        if route.service == "s3":
            await importlib.import_module(SERVICES["s3"]).decorate_cors(self, request, response)


async def build(settings: Settings, clock: Clock, ids: Ids) -> Node:
    """A node on the data folder of `settings`, not yet started."""
    return Node(settings, clock, ids)


async def _health(cloud: Cloud, request: Request) -> Response:
    found = {
        "status": "ok",
        "version": __version__,
        "data": cloud.settings.data,
        "region": cloud.settings.region,
        "services": {name: _coverage(name) for name in SERVICES},
    }
    return json_response(found)


def _coverage(name: str) -> dict[str, Any]:
    return {"operations": len(load_service(name).operations), "modelled": len(model.service_model(name).operations)}


async def _custom_resource(cloud: Cloud, request: Request) -> Response:
    respond = importlib.import_module("lambent.deploy").custom_resource_response
    token = request.path.rsplit("/", 1)[-1]
    found = await respond(cloud, token, await request.body.read(65_536))
    return Response(200 if found else 403)


async def _function_code(cloud: Cloud, request: Request) -> Response:
    answer = await importlib.import_module(SERVICES["lambda"]).code_door(cloud, request)
    assert isinstance(answer, Response)
    return answer


async def _form_upload(cloud: Cloud, request: Request) -> Response | None:
    return await importlib.import_module(SERVICES["s3"]).form_upload(cloud, request)  # type: ignore[no-any-return]


async def _preflight(cloud: Cloud, request: Request) -> Response | None:
    return await importlib.import_module(SERVICES["s3"]).preflight(cloud, request)  # type: ignore[no-any-return]
