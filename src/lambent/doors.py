"""Doors beside the AWS API: health, readiness, what custom resources answer, archives, the mailbox, the clock, links in
mails, browsers at S3's buckets.

Each is `async (cloud, request) -> Response`. Services are loaded when a door of theirs is first opened.
"""

from __future__ import annotations

import importlib
import os
import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from lambent import __version__, auth, mail, model, wire
from lambent.auth import Verifier
from lambent.contracts.caller import Credential, Principal
from lambent.contracts.clock import MovableClock
from lambent.contracts.errors import ServiceError
from lambent.contracts.http import BodyTooLarge, Request, Response
from lambent.contracts.ports import Cloud
from lambent.gateway import browsers
from lambent.gateway.rooms import json_response
from lambent.kit import Context
from lambent.kv import moved
from lambent.kv.errors import StoreError
from lambent.registry import SERVICES, load_service
from lambent.wire import Route

_ANSWER_BYTES_MAX = 65_536
_LETTERS_MAX = 1000
_LETTERS_SHOWN = 50
_SECOND_NS = 1_000_000_000
_AHEAD_NS_MAX = 10 * 365 * 86_400 * _SECOND_NS
_SIGNING = frozenset(("authorization", "x-amz-security-token", "x-amz-date"))
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_EXPOSED = "x-amzn-errormessage,x-amzn-errortype,x-amzn-requestid,x-amzn-trace-id,x-amz-request-id,date"


def _package(service: str) -> Any:
    return importlib.import_module(SERVICES[service])


async def health(cloud: Cloud, request: Request) -> Response:
    """Status, version, the nodes, and what is built of each service; on this machine, which process serves what."""
    try:
        members = await cloud.members.everyone()
    except StoreError as error:
        return json_response({"status": "no store", "version": __version__, "reason": str(error)}, 503)
    return json_response(
        {
            "status": "ok",
            "version": __version__,
            **({"pid": os.getpid(), "data": cloud.settings.data} if request.is_local else {}),
            "region": cloud.settings.region,
            "auth": cloud.settings.auth,
            "ahead_s": round((cloud.clock.now_ns() - cloud.clock.outside_ns()) / _SECOND_NS),
            "nodes": members,
            "services": {name: _coverage(name) for name in SERVICES},
        }
    )


async def ready(cloud: Cloud, request: Request) -> Response:
    """For load balancers: 200 while this node should be sent requests, else 503. Asks nobody, so it costs nothing."""
    serving = cloud.members.serving
    return Response(200 if serving else 503, [("content-type", "text/plain")], b"ready\n" if serving else b"not now\n")


def _coverage(name: str) -> dict[str, int]:
    return {"operations": len(load_service(name).operations), "modelled": len(model.service_model(name).operations)}


async def custom_resource(cloud: Cloud, request: Request) -> Response:
    """Where the function behind a custom resource puts its answer."""
    respond = importlib.import_module("lambent.deploy").custom_resource_response
    token = request.path.rsplit("/", 1)[-1]
    try:
        body = await request.body.read(_ANSWER_BYTES_MAX)
    except BodyTooLarge:
        return Response(413)
    return Response(await respond(cloud, token, body))


async def archive(cloud: Cloud, request: Request) -> Response:
    """The code of a function or layer, from an address that GetFunction gave."""
    answer: Response = await _package("lambda").downloads.serve(cloud, request)
    return answer


async def preflight(cloud: Cloud, verifier: Verifier, request: Request, route: Route) -> Response:
    """A browser asks whether a page of another origin may use a bucket, or the API of another service."""
    bucket = route.labels.get("Bucket", "")
    signed = _asked_headers(request) & _SIGNING
    if (bucket and "x-amz-target" not in _asked_headers(request)) or "origin" not in request.headers:
        answer: Response = await _package("s3").preflight(cloud, bucket, request)
        return answer
    if signed and not _may_sign(cloud, request):
        return Response(403, [("content-type", "text/plain")], b"Pages of this origin may not sign requests here.\n")
    headers = [
        ("access-control-allow-origin", request.headers["origin"]),
        ("access-control-allow-methods", "POST, GET, PUT, PATCH, DELETE, HEAD"),
        ("access-control-allow-headers", ", ".join(sorted(_asked_headers(request)))),
        ("access-control-max-age", "172800"),
        ("vary", "Origin"),
    ]
    return Response(200, headers)


def _asked_headers(request: Request) -> set[str]:
    asked = request.headers.get("access-control-request-headers", "")
    return {name.strip().lower() for name in asked.split(",") if _HEADER(name.strip())}


def _is_signed(request: Request) -> bool:
    return "authorization" in request.headers or "Signature=" in request.query


def _may_sign(cloud: Cloud, request: Request) -> bool:
    """Whether a page's requests may carry credentials. AWS lets every page; where everybody knows the root user's key,
    only pages of this machine may, or any page on the web could command the cloud."""
    return cloud.settings.auth == "strict" or browsers.is_local(request.headers.get("origin", ""))


async def form_upload(cloud: Cloud, verifier: Verifier, request: Request, route: Route) -> Response:
    """A browser posts a form with a file to a bucket."""
    form = await auth.read_form(request)
    bucket = route.labels.get("Bucket", "")

    async def find(access_key: str) -> Credential | None:
        return await cloud.store.read(lambda tx: cloud.directory.credential(tx, access_key))

    who = await auth.authenticate_form(verifier, form, bucket, find, cloud.clock.outside_ns())
    settings, s3 = cloud.settings, _package("s3")
    foreign = browsers.known_to_all(settings, who.caller) and browsers.of_foreign_page(settings, request, "s3")
    if foreign and not await s3.cors_headers(cloud, bucket, request):
        raise browsers.AccessDenied
    region = who.region or settings.region
    ctx = Context(cloud, who.caller, region, request.id, request)
    fields = {**form.fields, "bucket": bucket}
    answer: Response = await s3.post_object(ctx, fields, who.body, filename=form.filename)
    return answer


async def allow_origin(cloud: Cloud, request: Request, route: Route, response: Response) -> None:
    """Add what lets a page of another origin see the answer: a bucket's rules; elsewhere, that it may ask."""
    bucket = route.labels.get("Bucket", "")
    if route.service == "s3" and bucket:
        response.headers.extend(await _package("s3").cors_headers(cloud, bucket, request))
    elif not _is_signed(request) or _may_sign(cloud, request):
        response.headers.append(("access-control-allow-origin", request.headers["origin"]))
        response.headers.append(("access-control-expose-headers", _EXPOSED))
        response.headers.append(("vary", "Origin"))


async def topics(cloud: Cloud, request: Request) -> Response:
    """The certificate of SNS's signatures, and the links in its messages and mails."""
    answer: Response = await _package("sns").serve(cloud, request)
    return answer


async def mailbox(cloud: Cloud, request: Request) -> Response:
    """The built-in mailbox, as JSON: the newest letters (`?limit=`), or the one of a number; a POST to `opt-out` says
    what the owner of a phone says by STOP. For root, who signs where loopback is no proof (`--auth strict`)."""
    if not await _is_root(cloud, request):
        return json_response({"message": "The mailbox is for the root user."}, 403)
    number = request.path.removeprefix("/_lambent/mail").strip("/")
    fields = dict(parse_qsl(request.query))
    if number == "opt-out" and request.method == "POST":
        account, region = fields.get("account", cloud.settings.account), fields.get("region", cloud.settings.region)
        done = await _package("sns").opt_out(cloud, account, region, fields.get("number", ""))
        return json_response({"message": "opted out" if done else "That is no phone number."}, 200 if done else 400)
    if number.isascii() and number.isdigit():
        one = await cloud.store.read(lambda tx: mail.letter(tx, int(number)))
        return (
            json_response(msgspec.to_builtins(one), 200) if one else json_response({"message": "No such letter."}, 404)
        )
    limit = fields.get("limit", "")
    count = min(int(limit), _LETTERS_MAX) if limit.isascii() and limit.isdigit() else _LETTERS_SHOWN
    found = await cloud.store.read(lambda tx: mail.letters(tx, count))
    return json_response({"letters": [msgspec.to_builtins(one) for one in found]})


async def clock(cloud: Cloud, request: Request) -> Response:
    """The cloud's time, and how far it is ahead of the machine's; a POST moves it `?forward=` seconds on. For root."""
    if not await _is_root(cloud, request):
        return json_response({"message": "The clock is for the root user."}, 403)
    mine = cloud.clock
    if cloud.store.shared or not isinstance(mine, MovableClock):
        return json_response({"message": "The clock of a cloud of many nodes cannot be moved: each has its own."}, 409)
    if request.method == "POST":
        text = dict(parse_qsl(request.query)).get("forward", "")
        seconds = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0
        by_ns = seconds * _SECOND_NS
        if not 0 < by_ns <= _AHEAD_NS_MAX - mine.ahead_ns:
            return json_response({"message": "The clock goes forward, by a second at least, ten years in all."}, 400)
        await cloud.store.write(lambda tx: moved.move(tx, by_ns))
        mine.move(by_ns)
    now_ms = mine.now_ns() // 1_000_000
    return json_response({"now_ms": now_ms, "ahead_s": mine.ahead_ns // _SECOND_NS})


def _of_web(cloud: Cloud, request: Request) -> bool:
    """Whether a page of the web asks, or somebody by a name of the web's, for whom loopback is no proof."""
    origin = request.headers.get("origin", "http://localhost")
    cross = request.headers.get("sec-fetch-site") == "cross-site"
    return cross or not browsers.is_local(origin) or browsers.named_by_web(cloud.settings, request)


async def _is_root(cloud: Cloud, request: Request) -> bool:
    if cloud.settings.auth != "strict" and request.is_local and not _of_web(cloud, request):
        return True

    async def find(access_key: str) -> Credential | None:
        return await cloud.store.read(lambda tx: cloud.directory.credential(tx, access_key))

    try:
        who = await Verifier().authenticate(request, auth.Endpoint("sns", "query"), find, cloud.clock.outside_ns())
    except ServiceError:
        return False
    return who.signed and who.caller.kind is Principal.ROOT and who.caller.account == cloud.settings.account


DOORS = {
    "health": health,
    "ready": ready,
    "cfn-response": custom_resource,
    "clock": clock,
    "lambda": archive,
    "mail": mailbox,
    "sns": topics,
}
BRANCHES = {wire.PREFLIGHT: preflight, wire.POST_OBJECT: form_upload}
