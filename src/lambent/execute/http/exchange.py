"""One request to an HTTP API, and all that becomes known of it: the value that the steps of the pipeline hand on."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote

from lambent.auth.claim import format_time
from lambent.contracts.http import Request
from lambent.services.apigateway.v2.model import DEFAULT, Stage

from ..addresses import Found
from ..requests import asked_domain, short_id
from ..room import Room
from ..times import clf_time
from .plan import NOWHERE, Plan, Step

_SLASHES: Final = re.compile("/{2,}")


class Backend:
    """How the integration did, for logs and metrics: `status` is the backend's own, `error` why it failed."""

    __slots__ = ("error", "latency_ms", "request_id", "status")

    def __init__(self) -> None:
        self.status = 0
        self.latency_ms = -1.0
        self.error = ""
        self.request_id = ""


class Exchange:
    """A request to a stage. `path` is the raw path behind the stage, which begins with a slash; `step` and `parameters`
    (decoded) are there once it is routed, `authorizer` once somebody was let in: `{"jwt": ...}`, `{"lambda": ...}` or
    `{"iam": ...}`. `error` is the message of a refusal; `mapped_path` what a mapping made of the path."""

    __slots__ = (
        "authorizer",
        "authorizer_error",
        "backend",
        "body",
        "cloud",
        "error",
        "found",
        "mapped_path",
        "parameters",
        "path",
        "plan",
        "principal_id",
        "request",
        "request_id",
        "room",
        "stage",
        "started_ns",
        "step",
    )

    def __init__(self, room: Room, request: Request, found: Found, stage: Stage, plan: Plan, path: str) -> None:
        self.room = room
        self.cloud = room.cloud
        self.request = request
        self.found = found
        self.stage = stage
        self.plan = plan
        self.path = path
        self.step: Step = NOWHERE
        self.mapped_path = ""
        self.parameters: dict[str, str] = {}
        self.started_ns = room.cloud.clock.now_ns()
        self.request_id = short_id(request.id or room.cloud.ids.request_id())
        self.body = b""
        self.authorizer: dict[str, Any] | None = None
        self.authorizer_error = ""
        self.error = ""
        self.principal_id = ""
        self.backend = Backend()

    @property
    def full_path(self) -> str:
        """The raw path as the client sees it: with the stage or a custom domain's base path, where that is in it."""
        if self.found.custom:
            return f"{self.found.prefix}{self.found.path}" or "/"
        return self.path if self.stage.name == DEFAULT else f"/{self.stage.name}{self.path}"

    @property
    def shown_path(self) -> str:
        """`full_path` as functions see it: decoded, which HTTP APIs do for both formats."""
        return self.mapped_path or unquote(self.full_path)

    @property
    def domain(self) -> str:
        """The domain name of the API that was asked."""
        return asked_domain(self.cloud.settings, self.request, self.found)

    @property
    def call_arn(self) -> str:
        """What is called, as policies name it: with the path that was asked, empty segments left out as many backends
        do, or a policy that denies it could be passed by."""
        path = _SLASHES.sub("/", unquote(self.path))
        return self.plan.api.execute_arn(self.stage.name, self.request.method, path)

    @property
    def source_arn(self) -> str:
        """The route, as a function's policy names who calls it: with the path of the route's key."""
        if self.step.key == DEFAULT:
            return self.plan.api.execute_arn(self.stage.name, DEFAULT, "")
        return self.plan.api.execute_arn(self.stage.name, self.request.method, self.step.path)

    @property
    def time(self) -> str:
        """When it came: `21/Nov/2026:11:10:55 +0000`."""
        return clf_time(self.started_ns)

    @property
    def iso_time(self) -> str:
        """When it came: `2026-11-21T11:10:55Z`."""
        iso = format_time(self.started_ns)
        return f"{iso[:4]}-{iso[4:6]}-{iso[6:8]}T{iso[9:11]}:{iso[11:13]}:{iso[13:15]}Z"

    @property
    def headers(self) -> dict[str, str]:
        """The request's headers with those that the gateway adds, by name in small letters."""
        request = self.request
        given = request.headers
        port = given.get("host", "").rpartition(":")[2]
        forwarded = given.get("x-forwarded-for")
        scheme = "https" if request.secure else "http"
        return {
            **given,
            "x-amzn-trace-id": trace(given.get("x-amzn-trace-id", ""), self.request_id, self.started_ns),
            "x-forwarded-for": f"{forwarded}, {request.peer}" if forwarded else request.peer,
            "x-forwarded-port": port if port.isdigit() else ("443" if request.secure else "80"),
            "x-forwarded-proto": scheme,
        }


def trace(given: str, request_id: str, now_ns: int) -> str:
    """The trace that the request belongs to: the client's, or a new one."""
    if given.startswith("Root=1-") and len(given) < 256 and given.isprintable():
        return given
    return f"Root=1-{now_ns // 1_000_000_000:08x}-{request_id.encode().hex()[:24]:0<24}"
