"""One request and all that becomes known of it: the value that the steps of the pipeline hand on."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import orjson

from lambent.contracts.caller import Caller
from lambent.contracts.http import Request
from lambent.services.apigateway.model import MethodSettings, Stage

from ..addresses import Found
from ..mapping import Scope
from ..requests import asked_domain, parse_query, short_id
from ..room import Room
from ..times import clf_time
from .plan import Plan, Route
from .refusals import Refusal

SECRET_HEADERS = ("authorization", "x-api-key", "cookie", "x-amz-security-token", "proxy-authorization")
_SECRET_CHARACTERS_MIN = 8
"""What is shorter proves little, and would make holes in all the other lines."""
_JSON_IN_JSON = 3
"""How often quotation marks may have been escaped: a function's answer is JSON, whose body is JSON, with a text."""
_SLASHES = re.compile("/{2,}")


class Answer:
    """A response under construction."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Backend:
    """How the integration did: for logs and metrics. `status` is the backend's own; `error` the text of its failure."""

    __slots__ = ("error", "latency_ms", "request_id", "status")

    def __init__(self) -> None:
        self.status = 0
        self.latency_ms = 0.0
        self.error = ""
        self.request_id = ""


class Exchange:
    """A request to a stage of a REST API.

    `variables` are the stage's, with the canary's over them. `route` and `parameters` (of the path, percent-encoded)
    are there once it is routed; `caller` and `access_key` of AWS_IAM; `authorizer` what an authorizer let on; `api_key`
    and `api_key_id` when one was asked for. `lines` collects the execution log, or is None when there is none;
    `log_role` writes logs (empty: nobody does). `test` is set for TestInvokeMethod.
    """

    __slots__ = (
        "access_key",
        "answer",
        "api_key",
        "api_key_id",
        "authorizer",
        "authorizer_error",
        "backend",
        "body",
        "cache_asked",
        "cache_hit",
        "caller",
        "canary",
        "cloud",
        "deployment",
        "extended_id",
        "found",
        "lines",
        "log_role",
        "parameters",
        "plan",
        "query_values",
        "refusal",
        "request",
        "request_id",
        "room",
        "route",
        "scope",
        "settings",
        "settings_key",
        "stage",
        "started_ns",
        "test",
        "trace_id",
        "usage_key",
        "variables",
        "warnings",
    )
    body: bytes
    caller: Caller | None
    lines: list[str] | None
    refusal: Refusal | None
    answer: Answer | None
    scope: Scope | None

    def __init__(
        self,
        room: Room,
        request: Request,
        found: Found,
        stage: Stage,
        plan: Plan,
        *,
        canary: bool = False,
        log_role: str = "",
    ) -> None:
        self.room = room
        self.cloud = room.cloud
        self.request = request
        self.found = found
        self.stage = stage
        self.plan = plan
        self.canary = canary
        self.deployment = stage.canary.deployment if canary and stage.canary is not None else stage.deployment
        overrides = stage.canary.variables if canary and stage.canary is not None else None
        self.variables: dict[str, str] = {**stage.variables, **overrides} if overrides else stage.variables
        self.started_ns = room.cloud.clock.now_ns()
        self.request_id = request.id or room.cloud.ids.request_id()
        self.extended_id = short_id(self.request_id)
        self.trace_id = trace(request.headers.get("x-amzn-trace-id", ""), self.request_id, self.started_ns)
        self.route: Route = NOWHERE
        self.settings_key = ""
        self.settings: MethodSettings = DEFAULTS
        self.parameters: dict[str, str] = {}
        self.query_values: dict[str, list[str]] = parse_query(request.query) if request.query else {}
        self.body = b""
        self.caller = None
        self.access_key = ""
        self.authorizer: dict[str, Any] | None = None
        self.authorizer_error = ""
        self.usage_key = ""
        self.api_key = ""
        self.api_key_id = ""
        self.backend = Backend()
        self.cache_asked = self.cache_hit = False
        self.log_role = log_role
        self.lines = None
        self.refusal = None
        self.answer = None
        self.test = False
        self.scope = None
        self.warnings: list[tuple[str, str]] = []

    def note(self, text: str) -> None:
        """A line for the execution log, where there is one."""
        if self.lines is not None:
            self.lines.append(self.masked(text))

    def masked(self, text: str) -> str:
        """A text for the execution log, without what proves who somebody is, wherever it stands in it."""
        for secret in self._secrets():
            written = secret
            for _ in range(_JSON_IN_JSON):
                text = text.replace(written, mask(secret))
                written = orjson.dumps(written).decode()[1:-1]
        return text

    def _secrets(self) -> list[str]:
        headers = self.request.headers
        names = set(SECRET_HEADERS)
        authorizer = self.plan.snapshot.authorizers.get(self.route.method.authorizer_id or "")
        for source in (authorizer.identity_source or "").split(",") if authorizer is not None else ():
            names.add(source.strip().removeprefix("method.request.header.").lower())
        found = [headers[name] for name in names if len(headers.get(name, "")) >= _SECRET_CHARACTERS_MIN]
        return sorted(found, key=len, reverse=True)

    @property
    def traced(self) -> bool:
        """Whether the answer tells the trace: one of a backend does, but no mock's and no refusal."""
        integration = self.route.integration
        return self.refusal is None and integration is not None and integration.type != "MOCK"

    @property
    def path(self) -> str:
        """The path as backends are told it: without the stage, but with a custom domain's base path."""
        found = self.found
        path = found.path or "/"
        return f"/{found.base_path}{found.path}" if found.custom and found.base_path else path

    @property
    def full_path(self) -> str:
        """The path as the client sent it: with the stage, where it is part of the URL."""
        found = self.found
        if found.custom:
            return found.prefix + (found.path if found.prefix else found.path or "/") or "/"
        return f"/{found.stage}{found.path}" if found.path or found.stage else "/"

    @property
    def domain(self) -> str:
        """The domain name of the API that was asked."""
        return asked_domain(self.cloud.settings, self.request, self.found)

    @property
    def arn(self) -> str:
        """What is to be invoked, as policies name it: one way to write a path, whatever way it was sent, or a policy
        that denies it could be passed by."""
        found = self.found
        place = f"arn:aws:execute-api:{found.region}:{found.account}:{found.api}"
        path = plain(found.path, decoded=self.route.resource.path.endswith("+}"))
        return f"{place}/{found.stage}/{self.request.method}/{path[1:]}"

    @property
    def source_arn(self) -> str:
        """The method, as a function's policy names who invokes it: with the resource's path template."""
        found = self.found
        place = f"arn:aws:execute-api:{found.region}:{found.account}:{found.api}"
        return f"{place}/{found.stage}/{self.request.method}{self.route.resource.path}"

    @property
    def time(self) -> str:
        """The request's time as CLF writes it: `21/Nov/2026:11:10:55 +0000`."""
        return clf_time(self.started_ns)

    @property
    def query(self) -> dict[str, str]:
        """The last value of each query parameter."""
        return {name: values[-1] for name, values in self.query_values.items()}


def mask(secret: str) -> str:
    """What is shown in the place of a secret: the end of a long one, so that its owner knows it."""
    return f"{'*' * 10}{secret[-6:]}" if len(secret) > 20 else "*" * 10


def plain(path: str, decoded: bool = False) -> str:
    """A path with escapes only where they are needed, no empty segments, and without a slash at its end. `decoded` when
    a greedy parameter takes it: backends get slashes that were escaped as slashes, so policies are asked about those.
    """
    if decoded and "%" in path:
        path = path.replace("%2f", "/").replace("%2F", "/")
    if "//" in path:
        path = _SLASHES.sub("/", path)
    if path.endswith("/"):
        path = path[:-1]
    if "%" not in path:
        return path
    return quote(unquote_to_bytes(path), safe="/-._~!$&'()*+,;=:@") if "%2f" not in path.lower() else _by_parts(path)


def _by_parts(path: str) -> str:
    """As `plain`, with slashes that are part of a segment left escaped."""
    return "/".join(quote(unquote_to_bytes(part), safe="-._~!$&'()*+,;=:@") for part in path.split("/"))


def trace(given: str, request_id: str, now_ns: int) -> str:
    """The trace that the request belongs to: the client's, or a new one."""
    if given.startswith("Root=1-") and len(given) < 256 and given.isascii() and given.isprintable():
        return given
    return f"Root=1-{now_ns // 1_000_000_000:08x}-{request_id.replace('-', '')[:24]:0<24}"


NOWHERE = Route.nowhere()
DEFAULTS = MethodSettings()
