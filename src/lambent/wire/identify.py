"""Where a request goes: service, operation and protocol, from target header, signing scope, host name and path."""

from __future__ import annotations

from functools import cache
from urllib.parse import parse_qsl

from lambent import model
from lambent.contracts.http import Request
from lambent.model import index

from .codec import Route
from .compression import decoded
from .errors import UnknownOperationException
from .routes import Routes

_FORM = "application/x-www-form-urlencoded"
POST_OBJECT = "PostObject"
PREFLIGHT = "Preflight"
_PATH_MAX = 16_384


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
        for place, label in enumerate(labels):
            if label == "s3" or label.startswith("s3-"):
                region = labels[place + 1] if place + 1 < len(labels) else label[3:]
                return "s3", ".".join(labels[:place]), region
        if labels[0] in index.by_signing_name():
            return labels[0], "", labels[1] if len(labels) > 1 else ""
        return "s3", ".".join(labels), ""
    return "", "", ""


def _unsigned(request: Request) -> str:
    """The signing name of a request that is not signed and whose host says nothing: a form with an API version
    belongs to the service of that version, everything else is for S3."""
    if request.method == "POST" and request.headers.get("content-type", "").startswith(_FORM) and request.path == "/":
        return ""
    return "s3"


def _s3(request: Request, bucket: str, region: str) -> Route:
    path = f"/{bucket}{request.path}" if bucket else request.path
    if len(path) > _PATH_MAX:
        raise UnknownOperationException("The path is too long.")
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
        service = model.service_model(name)
        if form and ({"query", "ec2"} & set(service.protocols) or "awsQueryCompatible" in service.metadata):
            return Route(name, "", "ec2" if "ec2" in service.protocols else "query", region)
        if service.metadata["protocol"].startswith("rest"):
            found = routes(name).find(request.method, request.path, request.query, request.headers)
            if found is not None:
                return Route(name, found[0], service.metadata["protocol"], region, found[1])
    if not candidates:
        return None
    name = candidates[0]
    return Route(name, "", model.service_model(name).metadata["protocol"], region)


def resolve(route: Route, request: Request, body: bytes) -> Route:
    """Complete the route of a query request by the Action of its form; other routes without an operation are those
    of no operation."""
    if route.protocol not in ("query", "ec2"):
        raise UnknownOperationException(f"{route.service} has no operation for {request.method} {request.path[:256]}.")
    if "content-encoding" in request.headers:
        body = decoded(request, body)[1]
    fields: dict[str, str] = {}
    for text in (request.query, body.decode("utf-8", "replace")):
        for name, value in parse_qsl(text, max_num_fields=None) if "Action=" in text else ():
            if name in ("Action", "Version"):
                fields.setdefault(name, value)
    action, version = fields.get("Action", ""), fields.get("Version", "")
    same = index.by_signing_name().get(index.entries()[route.service].signing, ())
    for name in same:
        if index.entries()[name].version == version and action in model.service_model(name).operations:
            return route._replace(service=name, operation=action)
    return route._replace(operation=action)


def unsigned_form(version: str) -> str:
    """The service that an unsigned form of an API version is for, or empty: STS's and Cognito's sign-in calls."""
    found = [n for n, e in index.entries().items() if e.version == version and e.protocol == "query"]
    return found[0] if len(found) == 1 else ""
