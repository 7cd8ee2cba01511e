"""Handshakes, messages and goodbyes of one node: what each of them does to the API's integrations."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from functools import partial
from typing import Final, NamedTuple

import msgspec
import orjson

from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Request, Response, Upgrade
from lambent.contracts.ports import Cloud, Reader
from lambent.kv.errors import StoreError
from lambent.services.apigateway.connections.model import MESSAGE_BYTES_MAX, Connection, new_id
from lambent.services.apigateway.connections.switchboard import switchboard
from lambent.services.apigateway.v2 import keys
from lambent.services.apigateway.v2.model import CONNECT, DEFAULT, DISCONNECT, Stage
from lambent.wire import websocket

from ..addresses import Found
from ..mapping import MappingError, Scope
from ..mapping.expressions import BODY_BYTES_MAX, Answer, Sources, value
from ..room import Room, room
from . import api_keys, integrations
from .authorize import Asked, authorize
from .call import Call, check_body, response_body, scope_of
from .client import Client, Happening, happening
from .headers import domain_of, headers_of, host_of, query_of
from .measuring import Record
from .plan import Plan, Plans, Step, limits
from .refusals import Failed, Refusal, error_frame
from .session import Session

_SHORT_BYTES: Final = 1000
_log = logging.getLogger("lambent.execute.websocket")


class About(NamedTuple):
    """What a session is about: the client, and its record."""

    client: Client
    connection: Connection


class Service:
    """All WebSocket APIs on one node; made by the room, at the first handshake."""

    def __init__(self, cloud: Cloud) -> None:
        self.clock = cloud.clock
        self._cloud = cloud
        self._plans = Plans(cloud)
        self._board = switchboard(cloud)

    @property
    def _room(self) -> Room:
        return room(self._cloud)

    def start(self, work: Awaitable[None]) -> None:
        """See `session.Keeper`."""
        self._cloud.spawn(work)

    def relieved(self) -> None:
        """See `session.Keeper`."""
        self._board.look()

    # -- handshakes ------------------------------------------------------------------------------------------------

    async def handshake(self, request: Request, found: Found) -> Response:
        """Answer a handshake."""
        connection_id = ""
        try:
            stage, plan = await self._cloud.store.read(partial(self._stage, found.api, found.stage or ""))
            if stage is None or plan is None or found.path.strip("/"):
                raise Refusal(403, "Forbidden")
            if plan.api.execute_api_disabled and not found.custom:
                raise Refusal(403, "Forbidden")
            accepted = websocket.handshake(request)
            connection_id = new_id(self._cloud.ids)
            return await self._connect(request, found, stage, plan, connection_id, accepted)
        except websocket.HandshakeRefused as refused:
            return Refusal(refused.status, refused.reason, refused.headers).response(request.id)
        except Refusal as refusal:
            return refusal.response(request.id)
        except Failed as failed:
            _log.info("a client of %s/%s could not connect: %s", found.api, found.stage, failed)
            return Refusal(failed.status, failed.shown).response(request.id, connection_id)

    def _stage(self, api: str, name: str, tx: Reader) -> tuple[Stage | None, Plan | None]:
        stage = keys.get_stage(tx, api, name)
        return stage, self._plans.find(tx, api, stage) if stage is not None else None

    async def _connect(
        self, request: Request, found: Found, stage: Stage, plan: Plan, id: str, accepted: list[tuple[str, str]]
    ) -> Response:
        now_ns = self.clock.now_ns()
        agent = request.headers.get("user-agent", "")
        identity = {"userAgent": agent, "sourceIp": request.peer} if agent else {"sourceIp": request.peer}
        client = Client(
            id=id,
            api=found.api,
            stage=stage.name,
            account=found.account,
            region=found.region,
            host=host_of(self._cloud, request, found),
            domain=domain_of(self._cloud, request, found),
            connected_ms=now_ns // 1_000_000,
            identity=identity,
        )
        step = plan.steps.get(CONNECT)
        if step is not None:
            client, answer = await self._ask(request, stage, plan, step, client)
            if not 200 <= answer.status <= 299:
                raise Refusal(answer.status if 400 <= answer.status <= 599 else 500, _phrase(answer.status))
            accepted += [
                ("Sec-WebSocket-Protocol", values[-1])
                for name, values in answer.headers.items()
                if name.lower() == "sec-websocket-protocol"
            ]
        connection = Connection(
            id=id,
            api=client.api,
            stage=client.stage,
            account=client.account,
            region=client.region,
            node=self._cloud.store.node,
            connected_ms=client.connected_ms,
            active_ms=client.connected_ms,
            source_ip=request.peer,
            user_agent=agent,
        )
        session = Session(self, About(client, connection))
        try:
            await self._board.enter(connection, session)
        except BaseException:
            session.lost()
            raise
        return Upgrade(accepted, session)

    async def _ask(
        self, request: Request, stage: Stage, plan: Plan, step: Step, client: Client
    ) -> tuple[Client, Answer]:
        """The authorizer, then the integration of $connect."""
        event = happening(self._cloud.ids, self.clock.now_ns(), client, "CONNECT", CONNECT)
        record = Record(self._room, event)
        try:
            client = await self._admit(request, stage, plan, step, event)
            event = record.event = msgspec.structs.replace(event, client=client)
            if step.integration is None:
                return client, Answer(200, {}, b"")
            headers, query = headers_of(request, client.host), query_of(request)
            scope = scope_of(stage, event, b"", headers, query)
            record.begun()
            answer = await integrations.run(
                Call(self._room, stage, step, step.integration, event, scope, b"", headers, query)
            )
            record.answered(answer.status)
            record.status = answer.status
            return client, answer
        except Refusal as refusal:
            record.refused(refusal)
            raise
        except Failed as failed:
            record.failed(failed)
            raise
        except asyncio.CancelledError:
            # The client went away while the function may have let it in: the function is told.
            if record.began_ns:
                self.start(self._disconnect(client, websocket.ABNORMAL, "Connection Closed Abnormally"))
            raise
        finally:
            record.write(stage)

    async def _admit(self, request: Request, stage: Stage, plan: Plan, step: Step, event: Happening) -> Client:
        """The client with what its authorizer handed on; raises `Refusal`."""
        client = event.client
        self._throttle(stage, client, CONNECT, Refusal(429, "Too Many Requests"))
        headers, query = headers_of(request, client.host), query_of(request)
        scope = scope_of(stage, event, b"", headers, query)
        context, identity = await authorize(Asked(self._room, request, client, stage, scope), step)
        client = msgspec.structs.replace(client, authorizer=context, identity={**identity, **client.identity})
        if step.route.request_parameters:
            _check_parameters(step, scope)
        if step.route.api_key_required:
            source = Sources(scope_of(stage, msgspec.structs.replace(event, client=client), b"", headers, query))
            key = value(plan.api.api_key_selection, source) or ""
            key_id = await api_keys.admit(self._room, client, key, event.at_ns)
            client = msgspec.structs.replace(client, identity={**client.identity, "apiKey": key, "apiKeyId": key_id})
        return client

    def _throttle(self, stage: Stage, client: Client, route: str, refusal: Exception) -> None:
        rate, burst = limits(stage, route)
        key = ("websocket", client.api, stage.name, route)
        if not self._room.buckets.take(key, rate, burst, self.clock.now_ns()):
            raise refusal

    # -- messages --------------------------------------------------------------------------------------------------

    async def message(self, session: Session, message: bytes) -> None:
        """See `session.Keeper`."""
        about = session.about
        assert isinstance(about, About)
        client = about.client
        record = Record(self._room, happening(self._cloud.ids, self.clock.now_ns(), client, "MESSAGE", DEFAULT))
        reply = b""
        try:
            reply = await self._handle(record, message)
        except Failed as failed:
            _log.info("a message of a client of %s/%s failed: %s", client.api, client.stage, failed)
            reply = error_frame(failed.shown, client.id, record.event.request_id)
        except (ServiceError, StoreError, MappingError) as error:
            _log.warning("a message of a client of %s/%s failed: %s", client.api, client.stage, error)
            reply = error_frame("Internal server error", client.id, record.event.request_id)
        finally:
            session.done(reply)

    async def _handle(self, record: Record, message: bytes) -> bytes:
        """What the client gets back; empty for nothing."""
        client = record.event.client
        stage, plan = await self._cloud.store.read(partial(self._stage, client.api, client.stage))
        if stage is None or plan is None:
            raise Failed("the stage is gone", shown="Forbidden")
        try:
            scope = scope_of(stage, record.event, message)
            step = _select(plan, scope)
            if step is None:
                raise Failed("no route for the message", shown="Forbidden")
            if step.route.key != record.event.route:
                record.event = msgspec.structs.replace(record.event, route=step.route.key)
                scope.context["routeKey"] = step.route.key
            self._throttle(stage, client, step.route.key, Failed("too many messages", shown="Limit Exceeded"))
            check_body(step, plan, scope)
            if step.integration is None:
                raise Failed("the route has no integration")
            call = Call(self._room, stage, step, step.integration, record.event, scope, message, {}, {})
            record.begun()
            answer = await integrations.run(call)
            record.answered(answer.status)
            record.status = answer.status
            if not step.two_way:
                return b""
            body = response_body(call, answer) if not step.integration.type.endswith("_PROXY") else answer.body
            if len(body) > MESSAGE_BYTES_MAX:
                raise Failed("the answer is longer than 128 KiB")
            return body
        except Failed as failed:
            record.failed(failed)
            raise
        finally:
            record.write(stage)

    # -- goodbyes --------------------------------------------------------------------------------------------------

    async def gone(self, session: Session, code: int, reason: str) -> None:
        """See `session.Keeper`."""
        about = session.about
        assert isinstance(about, About)
        try:
            await self._board.leave(about.connection)
        finally:
            await self._disconnect(about.client, code, reason)

    async def _disconnect(self, client: Client, code: int, reason: str) -> None:
        """Tell the integration of $disconnect: as on AWS, once, as well as it goes."""

        stage, plan = await self._cloud.store.read(partial(self._stage, client.api, client.stage))
        step = plan.steps.get(DISCONNECT) if plan is not None else None
        if stage is None or step is None or step.integration is None:
            return
        event = happening(self._cloud.ids, self.clock.now_ns(), client, "DISCONNECT", DISCONNECT, code, reason)
        headers = {"Host": [client.host], "x-api-key": [""], "X-Forwarded-For": [""], "x-restapi": [""]}
        scope = scope_of(stage, event, b"", headers)
        record = Record(self._room, event)
        try:
            record.begun()
            answer = await integrations.run(
                Call(self._room, stage, step, step.integration, event, scope, b"", headers, {})
            )
            record.answered(answer.status)
        except Failed as failed:
            record.failed(failed)
            _log.info("$disconnect of %s/%s failed: %s", client.api, client.stage, failed)
        finally:
            record.write(stage)


def _select(plan: Plan, scope: Scope) -> Step | None:
    """The route of a message: the one whose key the API's selection expression gives, else `$default`."""
    if len(scope.body) > BODY_BYTES_MAX:
        scope = scope.with_body(_shortened(scope.body))
    key = value(plan.api.route_selection, Sources(scope))
    found = plan.steps.get(key) if key and key not in (CONNECT, DISCONNECT) else None
    return found or plan.steps.get(DEFAULT)


def _shortened(body: bytes) -> bytes:
    """A long message without its long members, for expressions that name a short one."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return b""
    if not isinstance(document, dict):
        return b"{}"
    return orjson.dumps({name: one for name, one in document.items() if len(orjson.dumps(one)) <= _SHORT_BYTES})


def _check_parameters(step: Step, scope: Scope) -> None:
    """Refuse a handshake without a parameter that the route requires."""
    for name, required in (step.route.request_parameters or {}).items():
        place, _, key = name.removeprefix("route.request.").partition(".")
        lower = {found.lower() for found in scope.headers}
        present = key in scope.query if place == "querystring" else key.lower() in lower
        if required and not present:
            raise Refusal(400, f"Missing required request parameters: [{key}]")


def _phrase(status: int) -> str:
    return {401: "Unauthorized", 403: "Forbidden"}.get(
        status, "Internal server error" if status >= 500 else "Bad Request"
    )
