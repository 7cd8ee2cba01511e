"""Buckets as websites: what browsers get, as pages. Not the S3 API: GET and HEAD only, and everyone is anonymous.

An object is read as an anonymous GetObject reads it (same permissions, conditions and ranges), in one transaction with
the site's configuration and whatever else is looked up on the way: the folder's index, the error document.
"""

from __future__ import annotations

import html
import re
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from lambent import wire
from lambent.contracts.caller import ANONYMOUS
from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Request, Response
from lambent.contracts.ports import Cloud, Reader
from lambent.kit import Context
from lambent.kit.sites import WEBSITE_LABEL, WEBSITE_PATH
from lambent.wire import Route

from . import access, errors, keys
from .api import reads
from .cors import cors_headers, preflight
from .events import host_id
from .model import BucketRecord, WebsiteRecord
from .website_rules import Place, Target, everywhere, of_folder, of_object, routed

_HOST = re.compile(rf"(.+)\.{WEBSITE_LABEL}(?:[.-][a-z]{{2}}(?:-[a-z]+)+-\d)?\.[^/]+\Z")
_READ = access.on_object("s3:GetObject")
_HEADERS_READ = (
    "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "range", "host", "x-amz-request-payer",
)  # fmt: skip
_HIDDEN = ("x-amz-website-redirect-location",)


class _Failed(NamedTuple):
    """An answer that is an error; `document` is the body of the site's own error document, or `second` what became of
    the attempt to read it."""

    error: ServiceError
    document: dict[str, Any] | None = None
    second: ServiceError | None = None


_Answer = Target | _Failed | dict[str, Any]


async def serve(cloud: Cloud, request: Request) -> Response | None:
    """Answer a request for a website, by its host or by its path; None when it is for none: the host is no name of a
    website, and no bucket that is one is called like it."""
    found = _addressed(request)
    named = found is not None
    name, path, root = found or (request.host, request.path, "/")
    place = Place("https" if request.secure else "http", request.headers.get("host", ""), root)
    if not named and not await cloud.store.read(lambda tx: _is_site(tx, name)):
        return None
    if request.method == "OPTIONS":
        return await _preflight(cloud, name, request)
    if root != "/" and request.path == root[:-1]:  # without the slash, the page's relative links would miss the site
        return Response(302, [*_head(request), ("location", root)])
    ctx = Context(cloud, ANONYMOUS, cloud.settings.region, request.id, request)
    try:
        key = unquote(path[1:], errors="strict")
    except UnicodeDecodeError:
        answer: _Answer = _Failed(errors.InvalidURI(URI=path))
    else:
        answer = await cloud.store.read(lambda tx: _answer(ctx, tx, request, name, key, place))
    response = _respond(request, answer)
    response.headers.extend(await cors_headers(cloud, name, request))
    return response


def _addressed(request: Request) -> tuple[str, str, str] | None:
    """Bucket, path within its site and the site's root, when the host or the path says that it is a website's."""
    if request.path.startswith(WEBSITE_PATH):
        name, _, path = request.path[len(WEBSITE_PATH) :].partition("/")
        return unquote(name), f"/{path}", f"{WEBSITE_PATH}{quote(unquote(name))}/"
    found = _HOST.match(request.host)
    return None if found is None else (found[1], request.path, "/")


def _is_site(tx: Reader, name: str) -> bool:
    bucket = keys.buckets.get(tx, name)
    return bucket is not None and keys.websites.get(tx, bucket.id) is not None


def _answer(ctx: Context, tx: Reader, request: Request, name: str, key: str, place: Place) -> _Answer:
    """What the site has for `key`, the path as it was asked for without its first slash."""
    try:
        bucket = keys.bucket(tx, {"Bucket": name})
        site = keys.websites.get(tx, bucket.id)
        if site is None:
            raise errors.NoSuchWebsiteConfiguration(BucketName=name)
        if request.method not in ("GET", "HEAD"):
            raise errors.MethodNotAllowed(Method=request.method, ResourceType="OBJECT")
    except errors.S3Error as error:
        return _Failed(error)
    if site.everything is not None:
        return everywhere(site.everything, key, place, request.query)
    early = routed(site, key, 0, place, request.query)
    if early is not None:
        return early
    wanted = key + site.index if not key or key.endswith("/") else key
    try:
        found = _read(ctx, tx, bucket, wanted, request)
    except ServiceError as error:
        if wanted == key and error.status in (403, 404) and _has(ctx, tx, bucket, f"{key}/{site.index}"):
            return of_folder(key, place)
        return routed(site, key, error.status, place, request.query) or _failed(ctx, tx, bucket, site, request, error)
    location = found.get("WebsiteRedirectLocation")
    return of_object(location, place) if location else found


def _failed(
    ctx: Context, tx: Reader, bucket: BucketRecord, site: WebsiteRecord, request: Request, error: ServiceError
) -> _Failed:
    """An error, with the site's error document where it has one."""
    if not site.error or not 400 <= error.status < 500:
        return _Failed(error)
    plain = Request(request.method, request.path, headers={"host": request.headers.get("host", "")})
    try:
        return _Failed(error, _read(ctx, tx, bucket, site.error, plain))
    except ServiceError as second:
        return _Failed(error, None, second)


def _read(ctx: Context, tx: Reader, bucket: BucketRecord, key: str, request: Request) -> dict[str, Any]:
    """The object as an anonymous GetObject (or HeadObject) answers; raises what that raises."""
    # The query is the page's own: `?versionId=` or `?response-content-type=` mean nothing to a website.
    headers = {header: text for header, text in request.headers.items() if header in _HEADERS_READ}
    asked = Request(request.method, request.path, headers=headers)
    route = _route(request.method)._replace(labels={"Bucket": quote(bucket.name), "Key": quote(key)})
    req = wire.codec(route).parse(route, asked, b"")
    access.enforce(ctx, tx, *_READ(ctx, tx, req))
    read = reads.head_object if request.method == "HEAD" else reads.get_object
    return read(ctx, tx, req)


def _has(ctx: Context, tx: Reader, bucket: BucketRecord, key: str) -> bool:
    """Whether there is an object that everyone may read."""
    record = keys.objects.get(tx, bucket.id, key)
    return record is not None and access.allowed(
        ctx, tx, access.object_check(ctx, bucket, key, "s3:GetObject", {}, record)
    )


def _route(method: str) -> Route:
    return Route("s3", "HeadObject" if method == "HEAD" else "GetObject", "rest-xml")


# -- answers ----------------------------------------------------------------------------------------------------------


def _respond(request: Request, answer: _Answer) -> Response:
    if isinstance(answer, Target):
        return Response(answer.status, [*_head(request), ("location", answer.location)])
    if isinstance(answer, dict):
        return _page(request, answer)
    if answer.document is None:
        return _error_page(request, answer.error, answer.second)
    response = _page(request, answer.document)
    response.status = answer.error.status
    response.headers += _about(answer.error)
    return response


def _head(request: Request) -> list[tuple[str, str]]:
    return [("x-amz-request-id", request.id), ("x-amz-id-2", host_id(request.id))]


def _page(request: Request, found: dict[str, Any]) -> Response:
    response = wire.codec(_route(request.method)).serialize(found, request.id)
    response.headers = [pair for pair in response.headers if pair[0].lower() not in _HIDDEN]
    return response


def _about(error: ServiceError) -> list[tuple[str, str]]:
    about = [("x-amz-error-code", error.code), ("x-amz-error-message", error.message)]
    for name, value in _fields(error):
        about.append((f"x-amz-error-detail-{name}", quote(value, safe=" /!$&'()*+,:;=@~")))
    return about


def _fields(error: ServiceError) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in error.fields.items() if name != "Headers" and value is not None]


def _error_page(request: Request, error: ServiceError, second: ServiceError | None = None) -> Response:
    status = error.status or 400
    headers = [*_head(request), *_about(error), *error.fields.get("Headers", {}).items()]
    if status == 405:
        headers.append(("allow", "GET, HEAD"))
    headers.append(("content-type", "text/html; charset=utf-8"))
    title = f"{status} {HTTPStatus(status).phrase}"
    lines = ["<html>", f"<head><title>{title}</title></head>", "<body>", f"<h1>{title}</h1>"]
    ids = [("RequestId", request.id), ("HostId", host_id(request.id))]
    lines += _list([("Code", error.code), ("Message", error.message), *_fields(error), *ids])
    if second is not None:
        lines.append("<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>")
        lines += _list([("Code", second.code), ("Message", second.message), *_fields(second)])
    lines += ["<hr/>", "</body>", "</html>", ""]
    body = "\n".join(lines).encode()
    if request.method == "HEAD":
        return Response(status, [*headers, ("content-length", str(len(body)))])
    return Response(status, headers, body)


def _list(rows: list[tuple[str, str]]) -> list[str]:
    return ["<ul>", *(f"<li>{name}: {html.escape(text, quote=False)}</li>" for name, text in rows), "</ul>"]


async def _preflight(cloud: Cloud, bucket: str, request: Request) -> Response:
    try:
        response = await preflight(cloud, bucket, request)
    except errors.S3Error as error:
        return _error_page(request, error)
    response.headers[:0] = _head(request)
    return response
