"""What is said of an answered request: CloudWatch's metrics, and a line of the stage's access log."""

from __future__ import annotations

from typing import Final

from ..access_log import LogWriter, place_of, written
from .answers import Answer
from .exchange import Exchange
from .plan import NOWHERE
from .variables import variable

_NAMESPACE: Final = "AWS/ApiGateway"


def finish(exchange: Exchange, answer: Answer) -> None:
    """Note the metrics of an answered request, by API and by stage, and by route where the stage asks for that; and
    write a line of the access log."""
    found, stage = exchange.found, exchange.stage
    latency_ms = (exchange.cloud.clock.now_ns() - exchange.started_ns) / 1_000_000
    noted = [
        ("Count", 1.0, "Count"),
        ("4xx", float(400 <= answer.status < 500), "Count"),
        ("5xx", float(answer.status >= 500), "Count"),
        ("Latency", float(round(latency_ms)), "Milliseconds"),
        ("DataProcessed", float(len(exchange.body) + len(answer.body)), "Bytes"),
    ]
    if exchange.backend.latency_ms >= 0:
        noted.append(("IntegrationLatency", float(round(exchange.backend.latency_ms)), "Milliseconds"))
    api = ("ApiId", found.api)
    dimensions: list[tuple[tuple[str, str], ...]] = [(api,), (api, ("Stage", stage.name))]
    if exchange.step is not NOWHERE and _detailed(exchange):
        method = exchange.request.method
        dimensions.append((api, ("Stage", stage.name), ("Method", method), ("Resource", exchange.step.path)))
    if stage.access_log is not None:
        _log(exchange, answer, latency_ms)
    note = exchange.cloud.metrics.note
    for name, value, unit in noted:
        for where in dimensions:
            note(found.account, found.region, _NAMESPACE, name, value, unit, where)


def _log(exchange: Exchange, answer: Answer, latency_ms: float) -> None:
    to = exchange.stage.access_log
    found = exchange.found
    if to is None or not to.format or not to.destination:
        return
    place = place_of(exchange.cloud, to.destination, found.account, f"{found.api}/{exchange.stage.name}")
    if place is None:
        return
    of_answer = {
        "status": str(answer.status),
        "responseLength": str(len(answer.body)),
        "responseLatency": str(round(latency_ms)),
    }
    line = written(to.format, lambda name: of_answer.get(name) or variable(exchange, name))
    exchange.room.part(LogWriter).add(place, exchange.started_ns // 1_000_000, line)


def _detailed(exchange: Exchange) -> bool:
    own = exchange.stage.route_settings.get(exchange.step.key)
    chosen = own.detailed_metrics if own is not None else None
    return bool(exchange.stage.default_settings.detailed_metrics if chosen is None else chosen)
