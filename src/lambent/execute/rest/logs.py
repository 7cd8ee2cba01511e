"""What is written down about a request when it is over: metrics, the access log, the execution log."""

from __future__ import annotations

from typing import Final

from ..access_log import LogWriter, Place, place_of, stream_of, written
from . import variables
from .exchange import SECRET_HEADERS, Exchange, mask

NAMESPACE: Final = "AWS/ApiGateway"
CANARY: Final = "/Canary"
"""A canary's requests are logged in groups of their own."""
_TRACE_CHARACTERS_MAX: Final = 1024


def begin(x: Exchange) -> None:
    """Begin the execution log, where the stage keeps one for the method."""
    if x.test or (x.settings.logging_level in ("INFO", "ERROR") and x.log_role):
        x.lines = []
        if not x.test:
            x.note(f"Extended Request Id: {x.extended_id}")
        x.note(f"Starting execution for request: {x.request_id}")
        x.note(f"HTTP Method: {x.request.method}, Resource Path: {x.path}")
        if x.test or x.settings.data_trace:
            x.note(f"Method request path: {_shown(x.parameters)}")
            x.note(f"Method request query string: {_shown(x.query)}")
            x.note(f"Method request headers: {_shown(_safe_headers(x))}")


def _shown(values: dict[str, str]) -> str:
    return "{" + ", ".join(f"{name}={value}" for name, value in values.items()) + "}"


def _safe_headers(x: Exchange) -> dict[str, str]:
    """Headers without what proves who somebody is."""
    found = dict(x.request.headers)
    for name in SECRET_HEADERS:
        if name in found:
            found[name] = mask(found[name])
    return found


def end(x: Exchange) -> None:
    """The last lines of the execution log."""
    answer = x.answer
    if x.lines is None or answer is None:
        return
    if x.test or x.settings.data_trace:
        body = answer.body.decode("utf-8", "replace")[:_TRACE_CHARACTERS_MAX]
        x.note(f"Method response body after transformations: {body}")
        x.note(f"Method response headers: {_shown(dict(answer.headers))}")
    if x.refusal is None:
        x.note("Successfully completed execution")
    elif x.refusal.note:
        x.note("Execution failed")
    x.note(f"Method completed with status: {answer.status}")


def record(x: Exchange) -> None:
    """Write down how the request went. Never waits."""
    if x.answer is None or x.test:
        return
    _measure(x)
    _access(x)
    _execution(x)


def _measure(x: Exchange) -> None:
    found, status = x.found, x.answer.status if x.answer else 500
    note = x.cloud.metrics.note
    name = ("ApiName", x.plan.snapshot.api.name)
    stage = ("Stage", found.stage or "")
    every = [(name,), (name, stage)]
    if x.settings.metrics and x.route.resource.id:
        resource, method = ("Resource", x.route.resource.path), ("Method", x.request.method)
        every.append((name, method, resource, stage))
    latency_ms = (x.cloud.clock.now_ns() - x.started_ns) / 1_000_000
    for dimensions in every:
        note(found.account, found.region, NAMESPACE, "Count", 1, "Count", dimensions)
        note(found.account, found.region, NAMESPACE, "4XXError", int(400 <= status < 500), "Count", dimensions)
        note(found.account, found.region, NAMESPACE, "5XXError", int(status >= 500), "Count", dimensions)
        note(found.account, found.region, NAMESPACE, "Latency", latency_ms, "Milliseconds", dimensions)
        if x.backend.latency_ms:
            value = x.backend.latency_ms
            note(found.account, found.region, NAMESPACE, "IntegrationLatency", value, "Milliseconds", dimensions)
        if x.cache_asked:
            hit = "CacheHitCount" if x.cache_hit else "CacheMissCount"
            note(found.account, found.region, NAMESPACE, hit, 1, "Count", dimensions)


def _access(x: Exchange) -> None:
    log = x.stage.access_log
    if log is None or not log.destination or not log.format or not x.log_role:
        return
    place = place_of(x.cloud, log.destination, x.found.account, f"{x.found.api}/{x.found.stage}", x.log_role)
    if place is not None:
        if x.canary:
            place = place._replace(group=place.group + CANARY, create=True)
        line = written(log.format, lambda name: variables.text(x, f"context.{name}"))
        x.room.part(LogWriter).add(place, x.cloud.clock.now_ns() // 1_000_000, line)


def _execution(x: Exchange) -> None:
    end(x)
    if not x.lines or (x.settings.logging_level == "ERROR" and x.refusal is None):
        return
    found = x.found
    owner = f"{found.api}/{found.stage}"
    group = f"API-Gateway-Execution-Logs_{owner}{CANARY if x.canary else ''}"
    place = Place(found.account, found.region, group, stream_of(x.cloud, owner), x.log_role, create=True)
    writer, now_ms = x.room.part(LogWriter), x.cloud.clock.now_ns() // 1_000_000
    for line in x.lines:
        writer.add(place, now_ms, f"({x.request_id}) {line}")
