"""Records of HTTP and WebSocket APIs. Times are milliseconds since the epoch; a member that is None was not given and
is not shown. Ids are random small letters and digits."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Protocol = Literal["HTTP", "WEBSOCKET"]
DEFAULT: Final = "$default"
"""The catch-all route's key, and the name of the stage that answers at the root of an HTTP API's address."""
CONNECT: Final = "$connect"
DISCONNECT: Final = "$disconnect"
HTTP_SELECTION: Final = "$request.method $request.path"
API_KEY_SELECTION: Final = "$request.header.x-api-key"
TIMEOUT_MS_MAX: Final = {"HTTP": 30_000, "WEBSOCKET": 29_000}
ROUTES_MAX: Final = 300
INTEGRATIONS_MAX: Final = 300
AUTHORIZERS_MAX: Final = 10
STAGES_MAX: Final = 10
TAGS_MAX: Final = 50


class Cors(msgspec.Struct, frozen=True, kw_only=True):
    """What pages of other origins may do with an HTTP API. `max_age_s` is None where it was not given."""

    allow_credentials: bool | None = None
    allow_headers: tuple[str, ...] | None = None
    allow_methods: tuple[str, ...] | None = None
    allow_origins: tuple[str, ...] | None = None
    expose_headers: tuple[str, ...] | None = None
    max_age_s: int | None = None


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """An API. `quick_*` name what its quick create made, empty otherwise."""

    id: str
    account: str
    region: str
    protocol: Protocol
    name: str
    created_ms: int
    route_selection: str = HTTP_SELECTION
    api_key_selection: str = API_KEY_SELECTION
    description: str | None = None
    version: str | None = None
    cors: Cors | None = None
    execute_api_disabled: bool = False
    schema_validation_disabled: bool | None = None
    ip_address_type: str = "ipv4"
    tags: dict[str, str] = {}
    import_info: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    quick_route: str = ""
    quick_integration: str = ""

    @property
    def arn(self) -> str:
        """What IAM and tagging know it by."""
        return f"arn:aws:apigateway:{self.region}::/apis/{self.id}"

    def execute_arn(self, stage: str, method: str, path: str) -> str:
        """What IAM asks about, and Lambda's permissions name, when the API is called: `path` begins with a slash, or is
        empty for routes of WebSocket APIs, whose key is the `method`."""
        return f"arn:aws:execute-api:{self.region}:{self.account}:{self.id}/{stage}/{method}{path}"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A route. `key` is `METHOD /path/{parameter}` or `$default` (HTTP), any selected value (WebSocket); `target` is
    `integrations/ID`; `request_parameters` says which parameters are required."""

    id: str
    key: str
    target: str | None = None
    authorization_type: str = "NONE"
    authorizer: str | None = None
    scopes: tuple[str, ...] = ()
    api_key_required: bool = False
    operation_name: str | None = None
    model_selection: str | None = None
    request_models: dict[str, str] | None = None
    request_parameters: dict[str, bool] | None = None
    response_selection: str | None = None
    managed: bool = False

    @property
    def integration(self) -> str:
        """The id of its integration; empty without one."""
        return (self.target or "").removeprefix("integrations/")


class RouteResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What a WebSocket route answers; `key` is `$default`."""

    id: str
    route: str
    key: str
    model_selection: str | None = None
    response_models: dict[str, str] | None = None
    response_parameters: dict[str, bool] | None = None


class Integration(msgspec.Struct, frozen=True, kw_only=True):
    """What answers a route. `type` is AWS_PROXY, HTTP_PROXY (HTTP APIs), or also AWS, HTTP, MOCK (WebSocket APIs);
    `subtype` is `SERVICE-Action` of a service integration of an HTTP API (`AppConfig-GetConfiguration`)."""

    id: str
    type: str
    uri: str | None = None
    method: str | None = None
    subtype: str | None = None
    connection_type: str = "INTERNET"
    connection_id: str | None = None
    credentials: str | None = None
    description: str | None = None
    payload_format: str | None = None
    request_parameters: dict[str, str] | None = None
    request_templates: dict[str, str] | None = None
    response_parameters: dict[str, dict[str, str]] | None = None
    passthrough: str | None = None
    template_selection: str | None = None
    timeout_ms: int = 30_000
    tls_server_name: str | None = None
    content_handling: str | None = None
    managed: bool = False


class IntegrationResponse(msgspec.Struct, frozen=True, kw_only=True):
    """How an integration's answer becomes a message (WebSocket). `key` is `$default` or a `/pattern/`."""

    id: str
    integration: str
    key: str
    content_handling: str | None = None
    response_parameters: dict[str, str] | None = None
    response_templates: dict[str, str] | None = None
    template_selection: str | None = None


class Authorizer(msgspec.Struct, frozen=True, kw_only=True):
    """Who decides about callers: a JWT's issuer and audience, or a function (REQUEST). `ttl_s` of 0: no caching."""

    id: str
    name: str
    type: str
    identity_source: tuple[str, ...] = ()
    credentials: str | None = None
    payload_format: str | None = None
    ttl_s: int | None = None
    uri: str | None = None
    simple_responses: bool | None = None
    identity_validation: str | None = None
    issuer: str | None = None
    audience: tuple[str, ...] | None = None


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON schema by name."""

    id: str
    name: str
    schema: str
    content_type: str = "application/json"
    description: str | None = None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of an API that a deployment froze: what the data plane compiles. It never changes."""

    api: Api
    routes: tuple[Route, ...] = ()
    integrations: tuple[Integration, ...] = ()
    authorizers: tuple[Authorizer, ...] = ()
    models: tuple[Model, ...] = ()
    route_responses: tuple[RouteResponse, ...] = ()
    integration_responses: tuple[IntegrationResponse, ...] = ()


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment; its snapshot lies beside it, for lists do not need that."""

    id: str
    created_ms: int
    description: str | None = None
    auto: bool = False
    status: str = "DEPLOYED"
    status_message: str | None = None


class RouteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Throttling (requests per second; bucket size), metrics and logs of a stage or of one of its routes."""

    data_trace: bool | None = None
    detailed_metrics: bool | None = None
    logging_level: str | None = None
    burst_limit: int | None = None
    rate_limit: float | None = None


class AccessLog(msgspec.Struct, frozen=True, kw_only=True):
    """Where a stage's access log goes (the ARN of a log group) and what a line is made of."""

    destination: str | None = None
    format: str | None = None


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage. `deployment` is empty until there is one. `authorizer_epoch` grows with ResetAuthorizersCache: results
    cached under another one are not used."""

    name: str
    created_ms: int
    updated_ms: int
    deployment: str = ""
    auto_deploy: bool = False
    description: str | None = None
    variables: dict[str, str] = {}
    access_log: AccessLog | None = None
    default_settings: RouteSettings = RouteSettings()
    route_settings: dict[str, RouteSettings] = {}
    client_certificate: str | None = None
    tags: dict[str, str] = {}
    managed: bool = False
    last_status: str | None = None
    authorizer_epoch: int = 0


class VpcLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link into a private network: stored, for this cloud has none; what it leads to is called directly."""

    id: str
    name: str
    created_ms: int
    security_groups: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    tags: dict[str, str] = {}
