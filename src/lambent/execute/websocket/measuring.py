"""What is said of a handled event: CloudWatch's metrics, and a line of the stage's access log."""

from __future__ import annotations

from typing import Final

from lambent.services.apigateway.v2.model import RouteSettings, Stage

from ..access_log import LogWriter, place_of, written
from ..mapping import sources
from ..room import Room
from .client import Happening, context
from .refusals import Failed, Refusal

_NAMESPACE: Final = "AWS/ApiGateway"


class Record:
    """How an event goes: filled in on the way, `written` at the end."""

    __slots__ = ("_room", "began_ns", "error", "event", "integration_ms", "integration_status", "kind", "status")

    def __init__(self, room: Room, event: Happening) -> None:
        self._room = room
        self.event = event
        self.status = 200
        self.kind = ""
        self.error = ""
        self.began_ns = 0
        self.integration_ms = -1.0
        self.integration_status = 0

    def begun(self) -> None:
        """The integration is called."""
        self.began_ns = self._room.cloud.clock.now_ns()

    def answered(self, status: int) -> None:
        """The integration has answered."""
        self._timed()
        self.integration_status = status
        if status >= 400:
            self.kind = "IntegrationError"

    def refused(self, why: Refusal) -> None:
        """The event did not get as far as an integration, or the integration refused a handshake."""
        self.status, self.error = why.status, why.message
        self.kind = self.kind or ("ClientError" if why.status < 500 else "ExecutionError")

    def failed(self, why: Failed) -> None:
        """No integration for it, or one that could not be called."""
        self._timed()
        self.error = why.shown
        called = self.began_ns > 0
        self.status = (
            why.status
            if called or why.status < 500
            else {"Forbidden": 403, "Limit Exceeded": 429}.get(why.shown, why.status)
        )
        self.kind = "ExecutionError" if called else "ClientError"

    def _timed(self) -> None:
        if self.began_ns and self.integration_ms < 0:
            self.integration_ms = (self._room.cloud.clock.now_ns() - self.began_ns) / 1_000_000

    def write(self, stage: Stage) -> None:
        """Note the metrics, by API, by stage, and by route where the stage asks for that; and write the log's line."""
        client, cloud = self.event.client, self._room.cloud
        noted: list[tuple[str, float, str]] = []
        if self.event.kind == "CONNECT":
            noted.append(("ConnectCount", 1.0, "Count"))
        elif self.event.kind == "MESSAGE":
            noted.append(("MessageCount", 1.0, "Count"))
        noted += [
            (name, float(name == self.kind), "Count") for name in ("ClientError", "ExecutionError", "IntegrationError")
        ]
        if self.integration_ms >= 0:
            noted.append(("IntegrationLatency", float(round(self.integration_ms)), "Milliseconds"))
        api, of_stage = ("ApiId", client.api), ("Stage", client.stage)
        dimensions: list[tuple[tuple[str, str], ...]] = [(api,), (api, of_stage)]
        own = stage.route_settings.get(self.event.route, RouteSettings()).detailed_metrics
        if stage.default_settings.detailed_metrics if own is None else own:
            dimensions.append((api, of_stage, ("Route", self.event.route)))
        for name, value, unit in noted:
            for where in dimensions:
                cloud.metrics.note(client.account, client.region, _NAMESPACE, name, value, unit, where)
        self._log(stage)

    def _log(self, stage: Stage) -> None:
        to, client = stage.access_log, self.event.client
        if to is None or not to.format or not to.destination:
            return
        place = place_of(self._room.cloud, to.destination, client.account, f"{client.api}/{client.stage}")
        if place is None:
            return
        latency = str(round(self.integration_ms)) if self.integration_ms >= 0 else None
        known = {
            **context(self.event),
            "accountId": client.account,
            "status": str(self.status),
            "error": {"message": self.error, "messageString": f'"{self.error}"'} if self.error else {},
            "integrationLatency": latency,
            "integrationStatus": str(self.integration_status) if self.integration_status else None,
            "integration": {"latency": latency, "status": str(self.integration_status) or None},
        }
        line = written(to.format, lambda name: sources.from_context(known, name))
        self._room.part(LogWriter).add(place, self.event.at_ns // 1_000_000, line)
