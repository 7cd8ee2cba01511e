"""What is kept of REST APIs. Times are milliseconds since the epoch; fields that botocore's model has
carry its meaning.

An API under construction is a `RestApi`, its `Resource`s (each with its methods) and the smaller parts beside them. A
deployment is a `Snapshot` of all that a request can meet: it never changes, and what serves requests reads nothing of
the API under construction. Stages, usage plans and keys are live.
"""

from __future__ import annotations

import msgspec


class RestApi(msgspec.Struct, frozen=True, kw_only=True):
    """An API. `policy` is the resource policy as JSON text, or empty; `minimum_compression` None when off;
    `endpoint_types` are EDGE, REGIONAL or PRIVATE; `api_key_source` HEADER or AUTHORIZER."""

    id: str
    account: str
    region: str
    name: str
    root: str
    created_ms: int
    description: str | None = None
    version: str | None = None
    policy: str = ""
    binary_media_types: tuple[str, ...] = ()
    minimum_compression: int | None = None
    api_key_source: str = "HEADER"
    endpoint_types: tuple[str, ...] = ("EDGE",)
    vpc_endpoints: tuple[str, ...] = ()
    ip_address_type: str = "ipv4"
    security_policy: str = ""
    endpoint_access_mode: str = ""
    disable_execute_api: bool = False
    warnings: tuple[str, ...] = ()
    tags: dict[str, str] = {}


class IntegrationResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of an integration's answer: `parameters` map `method.response.header.X` to an expression,
    `templates` content types to templates (an empty text passes the body through)."""

    status_code: str
    selection_pattern: str | None = None
    parameters: dict[str, str] = {}
    templates: dict[str, str | None] = {}
    content_handling: str | None = None
    empty: tuple[str, ...] = ()
    """Members that were given empty, which answers show."""


class Integration(msgspec.Struct, frozen=True, kw_only=True):
    """What answers a method. `type` is HTTP, AWS, MOCK, HTTP_PROXY or AWS_PROXY; `http_method` how the backend is
    asked; `parameters` map `integration.request.{path,querystring,header}.X` to an expression; `responses` by
    status."""

    type: str
    http_method: str | None = None
    uri: str | None = None
    connection_type: str | None = None
    connection_id: str | None = None
    credentials: str | None = None
    parameters: dict[str, str] = {}
    templates: dict[str, str | None] = {}
    passthrough: str = "WHEN_NO_MATCH"
    content_handling: str | None = None
    timeout_ms: int = 29_000
    cache_namespace: str | None = None
    cache_key_parameters: tuple[str, ...] = ()
    tls_insecure: bool | None = None
    response_transfer_mode: str = "BUFFERED"
    integration_target: str | None = None
    responses: dict[str, IntegrationResponse] = {}
    empty: tuple[str, ...] = ()
    """Members that were given empty, which answers show."""


class MethodResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A status that a method declares; `parameters` map `method.response.header.X` to whether it is required, `models`
    content types to models."""

    status_code: str
    parameters: dict[str, bool] | None = None
    models: dict[str, str] | None = None


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """A method of a resource. `http_method` is a verb or ANY; `authorization` NONE, AWS_IAM, CUSTOM or
    COGNITO_USER_POOLS; `parameters` map `method.request.{path,querystring,header}.X` to whether it is required."""

    http_method: str
    authorization: str = "NONE"
    authorizer_id: str | None = None
    scopes: tuple[str, ...] = ()
    api_key_required: bool = False
    validator_id: str | None = None
    operation_name: str | None = None
    parameters: dict[str, bool] | None = None
    models: dict[str, str] | None = None
    responses: dict[str, MethodResponse] = {}
    integration: Integration | None = None


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A path of an API, with its methods by verb. The root has no parent and no part."""

    id: str
    parent: str = ""
    part: str = ""
    path: str = "/"
    methods: dict[str, Method] = {}


class Authorizer(msgspec.Struct, frozen=True, kw_only=True):
    """`type` is TOKEN, REQUEST or COGNITO_USER_POOLS; `identity_source` is comma-separated for REQUEST."""

    id: str
    name: str
    type: str
    provider_arns: tuple[str, ...] = ()
    auth_type: str | None = None
    uri: str | None = None
    credentials: str | None = None
    identity_source: str | None = None
    identity_validation: str | None = None
    ttl_s: int | None = None


class Validator(msgspec.Struct, frozen=True, kw_only=True):
    """A request validator."""

    id: str
    name: str
    body: bool = False
    parameters: bool = False


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON schema with a name."""

    id: str
    name: str
    content_type: str
    schema: str = ""
    description: str | None = None


class GatewayResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that API Gateway gives by itself, as the user wants it. `status_code` None: the type's default."""

    type: str
    status_code: str | None = None
    parameters: dict[str, str] = {}
    templates: dict[str, str] = {}


class DocumentationPart(msgspec.Struct, frozen=True, kw_only=True):
    """Documentation of a part of an API; `location` has botocore's member names, `properties` is JSON text."""

    id: str
    location: dict[str, str]
    properties: str


class DocumentationVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A named state of all documentation parts."""

    version: str
    created_ms: int
    description: str | None = None
    parts: tuple[DocumentationPart, ...] = ()


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All of an API that serves requests, as it was when it was deployed. Authorizers and validators by id, models by
    name, gateway responses by type."""

    api: RestApi
    resources: tuple[Resource, ...] = ()
    authorizers: dict[str, Authorizer] = {}
    validators: dict[str, Validator] = {}
    models: dict[str, Model] = {}
    gateway_responses: dict[str, GatewayResponse] = {}


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment without its snapshot, which lies beside it."""

    id: str
    created_ms: int
    description: str | None = None


class MethodSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a stage for one method path (`*/*`, or `~1books~1{id}/GET`). None: not set; rates of -1: no limit.
    `given` is the method path as it was written (`books/GET` means `~1books/GET`), which answers show."""

    metrics: bool = False
    logging_level: str | None = None
    data_trace: bool = False
    throttling_burst: int = -1
    throttling_rate: float = -1.0
    caching: bool = False
    cache_ttl_s: int = 300
    cache_encrypted: bool = False
    cache_authorization: bool = True
    cache_unauthorized: str = "SUCCEED_WITH_RESPONSE_HEADER"
    given: str = ""


class AccessLog(msgspec.Struct, frozen=True):
    """Where a stage logs requests (the ARN of a log group or delivery stream), and each one's format."""

    destination: str = ""
    format: str = ""


class Canary(msgspec.Struct, frozen=True, kw_only=True):
    """A second deployment of a stage, which `percent` of requests meet."""

    percent: float = 0.0
    deployment: str = ""
    variables: dict[str, str] = {}
    use_cache: bool = False


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage. `settings` by method path; `cache_size` in GB as text, or empty; `client_certificate` is shown to
    backends; `web_acl` is configuration."""

    name: str
    deployment: str
    created_ms: int
    updated_ms: int
    description: str | None = None
    variables: dict[str, str] = {}
    settings: dict[str, MethodSettings] = {}
    access_log: AccessLog | None = None
    canary: Canary | None = None
    cache_enabled: bool = False
    cache_size: str = ""
    cache_status: str = "NOT_AVAILABLE"
    cache_flushed: int = 0
    """Counts the flushes of the stage's cache: what was cached under a smaller number is gone."""
    authorizers_flushed: int = 0
    client_certificate: str | None = None
    documentation_version: str | None = None
    tracing: bool = False
    web_acl: str | None = None
    tags: dict[str, str] = {}


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that clients send in x-api-key."""

    id: str
    value: str
    name: str
    enabled: bool = False
    created_ms: int
    updated_ms: int
    description: str | None = None
    customer_id: str | None = None
    stages: tuple[str, ...] = ()
    tags: dict[str, str] = {}


class Throttle(msgspec.Struct, frozen=True):
    """A token bucket: `burst` tokens at most, `rate` new ones a second."""

    burst: int = 0
    rate: float = 0.0


class Quota(msgspec.Struct, frozen=True):
    """At most `limit` requests in a period (DAY, WEEK, MONTH); `offset` are those that count as used at first."""

    limit: int = 0
    offset: int = 0
    period: str = "DAY"


class PlanStage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage that a usage plan covers; throttles by method path (`/books/GET`)."""

    api: str
    stage: str
    throttle: dict[str, Throttle] = {}


class UsagePlan(msgspec.Struct, frozen=True, kw_only=True):
    """Who may ask how much."""

    id: str
    name: str
    description: str | None = None
    stages: tuple[PlanStage, ...] = ()
    throttle: Throttle | None = None
    quota: Quota | None = None
    product_code: str | None = None
    tags: dict[str, str] = {}


class PlanKey(msgspec.Struct, frozen=True):
    """That a key belongs to a usage plan."""

    name: str


class Used(msgspec.Struct, frozen=True):
    """How many requests of a key a plan has counted on one day (`remaining` may be overridden by UpdateUsage)."""

    count: int = 0
    remaining: int | None = None


class ClientCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that API Gateway shows to backends."""

    id: str
    pem: str
    private_key: str
    created_ms: int
    expires_ms: int
    description: str | None = None
    tags: dict[str, str] = {}


class VpcLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link to a private network; configuration."""

    id: str
    name: str
    targets: tuple[str, ...]
    status: str = "AVAILABLE"
    message: str = ""
    description: str | None = None
    tags: dict[str, str] = {}


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of an account in a region."""

    cloudwatch_role: str = ""
    api_key_version: str = "4"
    features: tuple[str, ...] = ("UsagePlans",)


class Mark(msgspec.Struct, frozen=True):
    """An index entry whose key says all."""
