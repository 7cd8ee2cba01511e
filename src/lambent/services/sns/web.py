"""The service's doors: the certificate, and the links in messages and mails. Nobody signs here: a token is the
permission to confirm, and knowing a subscription's ARN that to end it, unless its owner forbade that."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from lambent.contracts.caller import ANONYMOUS
from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Request, Response
from lambent.contracts.ports import Cloud

from . import keys, signing, subscribing
from .errors import InvalidParameter
from .model import Mark

_PREFIX: Final = "/_lambent/sns/"
_NAMESPACE: Final = "http://sns.amazonaws.com/doc/2010-03-31/"
_OPERATIONS: Final = ("ConfirmSubscription", "Unsubscribe")
_METHODS: Final = ("GET", "POST")


async def serve(cloud: Cloud, request: Request) -> Response:
    """Answer at one of the doors below /_lambent/sns/."""
    page = request.path.removeprefix(_PREFIX)
    fields = dict(parse_qsl(request.query, keep_blank_values=True))
    if request.method not in _METHODS:
        return Response(405, [("allow", ", ".join(_METHODS))])
    if page.endswith(".pem"):
        found = await cloud.store.read(lambda tx: signing.certificate(tx, page))
        if found is None:
            return Response(404, [("content-type", "text/plain")], b"There is no such certificate.\n")
        return Response(200, [("content-type", "application/x-pem-file")], found.encode())
    if page == "":
        return await _query(cloud, request, fields)
    if page == "confirmation.html":
        return await _person(cloud, fields, "ConfirmSubscription", _confirmed)
    if page == "unsubscribe.html":
        return await _person(cloud, fields, "Unsubscribe", _ended)
    return Response(404, [("content-type", "text/plain")], b"Lambent has no such door.\n")


async def opt_out(cloud: Cloud, account: str, region: str, number: str) -> bool:
    """The owner of a phone number wants no more text messages of an account; False when it is no number."""
    if not number.startswith("+") or not subscribing.is_number(number):
        return False
    await cloud.store.write(lambda tx: keys.opted_out.put(tx, Mark(), account, region, number))
    return True


async def _call(cloud: Cloud, fields: dict[str, str], operation: str) -> dict[str, Any]:
    """Run one of the two operations as nobody, in the region that the ARN names."""
    names = ("TopicArn", "Token", "AuthenticateOnUnsubscribe") if operation == _OPERATIONS[0] else ("SubscriptionArn",)
    params = {name: fields[name] for name in names if fields.get(name)}
    arn = params.get("TopicArn") or params.get("SubscriptionArn") or ""
    region = (arn.split(":") + [""] * 6)[3] or cloud.settings.region
    if operation == _OPERATIONS[0] and not {"TopicArn", "Token"} <= set(params):
        raise InvalidParameter(f"Invalid parameter: {'Topic' if 'TopicArn' not in params else 'Token'}")
    if operation == _OPERATIONS[1] and not params:
        raise InvalidParameter("Invalid parameter: SubscriptionArn Reason: no value for required parameter")
    return await cloud.api.call(ANONYMOUS, region, "sns", operation, params)


async def _query(cloud: Cloud, request: Request, fields: dict[str, str]) -> Response:
    """As SNS itself answers a link."""
    operation = fields.get("Action", "")
    kind = [("content-type", "text/xml")]
    id = request.id or cloud.ids.request_id()
    try:
        if operation not in _OPERATIONS:
            raise InvalidParameter("Invalid parameter: Action")
        result = await _call(cloud, fields, operation)
    except ServiceError as error:
        code = error.code or type(error).__name__
        body = (
            f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>Sender</Type><Code>{escape(code)}</Code><Message>'
            f"{escape(error.message)}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>"
        )
        return Response(error.status or 400, kind, body.encode())
    inner = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in result.items())
    inner = f"<{operation}Result>{inner}</{operation}Result>" if inner else ""
    body = (
        f'<{operation}Response xmlns="{_NAMESPACE}">{inner}<ResponseMetadata><RequestId>{id}</RequestId>'
        f"</ResponseMetadata></{operation}Response>"
    )
    return Response(200, kind, body.encode())


async def _person(
    cloud: Cloud, fields: dict[str, str], operation: str, say: Callable[[dict[str, str], dict[str, Any]], str]
) -> Response:
    """As a person with a browser is answered."""
    try:
        result = await _call(cloud, fields, operation)
    except ServiceError as error:
        return _page("Something went wrong", f"<p>{html.escape(error.message)}</p>", error.status or 400)
    title = "Subscription confirmed!" if operation == _OPERATIONS[0] else "Subscription removed!"
    return _page(title, say(fields, result), 200)


def _confirmed(fields: dict[str, str], result: dict[str, Any]) -> str:
    topic = html.escape(fields["TopicArn"].rpartition(":")[2])
    endpoint = html.escape(fields.get("Endpoint", ""))
    arn = html.escape(str(result["SubscriptionArn"]))
    return f"<p>You have subscribed {endpoint} to the topic <b>{topic}</b>.</p><p>Your subscription's id is {arn}</p>"


def _ended(fields: dict[str, str], result: dict[str, Any]) -> str:
    topic = html.escape((fields["SubscriptionArn"].split(":") + [""] * 6)[5])
    return f"<p>{html.escape(fields.get('Endpoint', ''))} hears no more of the topic <b>{topic}</b>.</p>"


def _page(title: str, body: str, status: int) -> Response:
    text = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1>{body}</html>\n'
    headers = [("content-type", "text/html; charset=utf-8"), ("content-security-policy", "default-src 'none'")]
    return Response(status, headers, text.encode())
