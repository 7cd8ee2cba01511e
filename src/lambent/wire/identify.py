"""Where a request goes: service, operation and protocol, from target header, signing scope, host name and path."""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import unquote_plus

from lambent import model
from lambent.contracts.http import Request
from lambent.model import index

from .codec import Route
from .compression import decoded
from .errors import MethodNotAllowed, UnknownOperationException
from .routes import Routes

_FORM = "application/x-www-form-urlencoded"
_S3_CONTROL = "/v20180820/"
POST_OBJECT = "PostObject"
PREFLIGHT = "Preflight"
_PATH_MAX = 16_384
_CONNECTIONS = "/@connections/"
_OLD_S3 = re.compile(r"s3-(?:[a-z]{2}(?:-[a-z]+)+-\d|external-1|fips-[a-z0-9-]+)").fullmatch


@cache
def routes(service: str) -> Routes:
    """The compiled routes of a REST service."""
    return Routes(model.service_model(service))


def identify(request: Request, bases: tuple[str, ...]) -> Route | None:
    """The route of a request; None where no service can be told.

    `bases` are the host names below which services (`lambda.us-east-1.localhost`) and buckets
    (`pictures.s3.localhost`, `pictures.localhost`) have names of their own. The route's operation is empty for query
    protocols: `resolve` finds it in the body.
    """
    signing, region = _scope(request)
    target = request.headers.get("x-amz-target")
    if target is not None:
        return _by_target(target, signing, region)
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        return _by_rpc_path(request, signing, region)
    if signing in ("execute-api", "") and _CONNECTIONS in request.path and (signing or _is_execute_api(request)):
        return _connection(request, region)
    service, bucket, host_region = _host(request.host, bases)
    region = region or host_region
    if not signing:
        signing = service or _unsigned(request)
    if signing == "s3":
        return _s3(request, bucket, region)
    if not signing:
        return None
    return _by_signing_name(request, signing, region)


def _scope(request: Request) -> tuple[str, str]:
    """Signing name and region of the credential scope; empty where unsigned."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        start = authorization.find("Credential=")
        scope = authorization[start + 11 :].split(",", 1)[0] if start >= 0 else ""
    elif "X-Amz-Credential=" in request.query:
        scope = request.query.partition("X-Amz-Credential=")[2].split("&", 1)[0].replace("%2F", "/").replace("%2f", "/")
    else:
        return "", ""
    parts = scope.strip().rsplit("/", 4)
    return (parts[3], parts[2]) if len(parts) == 5 else ("", "")


def _is_execute_api(request: Request) -> bool:
    return ".execute-api." in request.host or request.path.startswith("/_aws/execute-api/")


def _connection(request: Request, region: str) -> Route:
    """The management API of WebSocket connections: its paths stand behind those of an API and stage, which the service
    reads from the address."""
    name = "apigatewaymanagementapi"
    path = request.path[request.path.index(_CONNECTIONS) :]
    operation, labels = routes(name).find(request.method, path, request.query, request.headers) or ("", {})
    return Route(name, operation, "rest-json", region, labels)


def _by_target(target: str, signing: str, region: str) -> Route:
    prefix, _, operation = target.rpartition(".")
    found = index.by_target_prefix().get(prefix, ())
    preferred = [name for name in found if index.entries()[name].signing == signing] or list(found)
    if not preferred:
        raise UnknownOperationException(f"The target {target[:128]} belongs to no service.")
    return Route(preferred[0], operation, "json", region)


def _by_rpc_path(request: Request, signing: str, region: str) -> Route:
    parts = request.path.split("/")
    if len(parts) != 5 or parts[1] != "service" or parts[3] != "operation":
        raise UnknownOperationException("The path names no service and operation.")
    named = index.by_target_prefix().get(parts[2], ())
    candidates = named or index.by_signing_name().get(signing, ())
    if not candidates:
        raise UnknownOperationException(f"The service {parts[2][:128]} is unknown.")
    return Route(candidates[0], parts[4], "smithy-rpc-v2-cbor", region)


def _host(host: str, bases: tuple[str, ...]) -> tuple[str, str, str]:
    """(service, bucket, region) that a host name tells; each empty where it does not."""
    for base in bases:
        if not host.endswith(base) or len(host) == len(base) or host[-len(base) - 1] != ".":
            continue
        labels = host[: -len(base) - 1].split(".")
        place = _s3_label(labels)
        if place is not None:
            return "s3", ".".join(labels[:place]), _s3_region(labels, place)
        if labels[0] in index.by_signing_name():
            return labels[0], "", labels[1] if len(labels) > 1 else ""
        return "s3", ".".join(labels), ""
    return "", "", ""


def _s3_label(labels: list[str]) -> int | None:
    """Which label of a host name says `s3`: the last one, for a bucket's name may hold it too."""
    for place in range(len(labels) - 1, -1, -1):
        if labels[place] == "s3":
            return place
    # The old form, s3-us-west-2, stands at the end only.
    return len(labels) - 1 if _OLD_S3(labels[-1]) else None


def _s3_region(labels: list[str], place: int) -> str:
    if labels[place] != "s3":
        return labels[place][3:]
    rest = [label for label in labels[place + 1 :] if label not in ("dualstack", "fips")]
    return rest[0] if rest else ""


def _unsigned(request: Request) -> str:
    """The signing name of a request that is not signed and whose host says nothing: a form at the root is for a query
    service, which `resolve` finds by the API version in the form; everything else is for S3."""
    if request.path == "/" and request.method == "POST" and request.headers.get("content-type", "").startswith(_FORM):
        return "sts"
    return "s3"


def _s3(request: Request, bucket: str, region: str) -> Route:
    path = f"/{bucket}{request.path}" if bucket else request.path
    if len(path) > _PATH_MAX:
        raise UnknownOperationException("The path is too long.")
    if path.startswith(_S3_CONTROL) and "x-amz-account-id" in request.headers:
        operation, labels = routes("s3control").find(request.method, path, request.query, request.headers) or ("", {})
        return Route("s3control", operation, "rest-xml", region, labels)
    if request.method == "OPTIONS":
        return Route("s3", PREFLIGHT, "rest-xml", region, _s3_labels(path))
    if request.method == "POST" and request.headers.get("content-type", "").startswith("multipart/form-data"):
        return Route("s3", POST_OBJECT, "rest-xml", region, _s3_labels(path))
    found = routes("s3").find(request.method, path, request.query, request.headers)
    if found is None:
        return Route("s3", "", "rest-xml", region, _s3_labels(path))
    return Route("s3", found[0], "rest-xml", region, found[1])


def _s3_labels(path: str) -> dict[str, str]:
    bucket, _, key = path[1:].partition("/")
    return {"Bucket": bucket, "Key": key}


def _by_signing_name(request: Request, signing: str, region: str) -> Route | None:
    candidates = index.by_signing_name().get(signing, ())
    form = request.headers.get("content-type", "").startswith(_FORM) or "Action=" in request.query
    for name in candidates:
        query, rest = _forms(name)
        if form and query:
            return Route(name, "", query, region)
        if rest:
            found = routes(name).find(request.method, request.path, request.query, request.headers)
            if found is not None:
                return Route(name, found[0], rest, region, found[1])
    if not candidates:
        return None
    name = candidates[0]
    return Route(name, "", model.service_model(name).metadata["protocol"], region)


@cache
def _forms(name: str) -> tuple[str, str]:
    """The protocol of a service that takes forms, and the one that has paths; each empty where it has none. A service
    that is query-compatible takes forms, though its model names newer protocols only."""
    service = model.service_model(name)
    spoken = set(service.protocols)
    query = (
        "ec2" if "ec2" in spoken else "query" if "query" in spoken or "awsQueryCompatible" in service.metadata else ""
    )
    main = str(service.metadata["protocol"])
    return query, main if main.startswith("rest") else ""


def resolve(route: Route, request: Request, body: bytes) -> Route:
    """Complete the route of a query request by the Action of its form; other routes without an operation are those
    of no operation."""
    if route.service == "s3":
        raise MethodNotAllowed("The specified method is not allowed against this resource.")
    if route.protocol not in ("query", "ec2"):
        raise UnknownOperationException(f"{route.service} has no operation for {request.method} {request.path[:256]}.")
    if "content-encoding" in request.headers:
        body = decoded(request, body)[1]
    form = body.decode("utf-8", "replace")
    action = _field(request.query, "Action") or _field(form, "Action")
    version = _field(request.query, "Version") or _field(form, "Version")
    signing = _scope(request)[0]
    if signing:
        same = index.by_signing_name().get(index.entries()[route.service].signing, ())
    else:
        same = (route.service, *index.by_query_version().get(version, ()))
    for name in same:
        if index.entries()[name].version == version and action in model.service_model(name).operations:
            return route._replace(service=name, operation=action)
    return route._replace(operation=action)


def _field(form: str, name: str) -> str:
    """One field of a form, without decoding the others; empty where it is not there."""
    sought = f"{name}="
    start = 0 if form.startswith(sought) else form.find(f"&{sought}") + 1
    if start == 0 and not form.startswith(sought):
        return ""
    return unquote_plus(form[start + len(sought) :].partition("&")[0])
