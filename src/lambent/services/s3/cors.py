"""Cross-origin requests: which rule of a bucket's configuration fits, and the headers that it gives.

The gateway calls `preflight` for OPTIONS, and `cors_headers` for every other request that has an Origin.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from lambent.contracts.http import Request, Response
from lambent.contracts.ports import Cloud, Reader

from . import errors, keys
from .model import CorsRule

_VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
_NOT_ALLOWED = (
    "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
    "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec."
)


async def preflight(cloud: Cloud, bucket: str, request: Request) -> Response:
    """Answer an OPTIONS request; raises BadRequest or AccessForbidden, as S3 does."""
    origin = request.headers.get("origin")
    if not origin:
        raise errors.BadRequest("Insufficient information. Origin request header needed.")
    asked = request.headers.get("access-control-request-method", "")
    exists, rules = await _rules(cloud, bucket)
    about: dict[str, Any] = {"Method": asked or "OPTIONS", "ResourceType": "BUCKET"}
    if not exists:
        raise errors.AccessForbidden("CORSResponse: Bucket not found", **about)
    if rules is None:
        raise errors.AccessForbidden("CORSResponse: CORS is not enabled for this bucket.", **about)
    if not asked:
        raise errors.BadRequest("Invalid Access-Control-Request-Method: null")
    headers = [
        one.strip() for one in request.headers.get("access-control-request-headers", "").split(",") if one.strip()
    ]
    rule = _fitting(rules, origin, asked, headers)
    if rule is None:
        raise errors.AccessForbidden(_NOT_ALLOWED, Method=asked, ResourceType="OBJECT")
    return Response(200, _headers(rule, origin, headers))


async def cors_headers(cloud: Cloud, bucket: str, request: Request) -> list[tuple[str, str]]:
    """The headers to add to the answer of a request that has an Origin; none when no rule fits."""
    origin = request.headers.get("origin")
    if not origin:
        return []
    _, rules = await _rules(cloud, bucket)
    rule = _fitting(rules or (), origin, request.method, [])
    return [] if rule is None else _headers(rule, origin, [])


async def _rules(cloud: Cloud, name: str) -> tuple[bool, tuple[CorsRule, ...] | None]:
    """Whether the bucket is there, and its rules if it has any."""

    def read(tx: Reader) -> tuple[bool, tuple[CorsRule, ...] | None]:
        bucket = keys.buckets.get(tx, name)
        if bucket is None or not bucket.cors:
            return bucket is not None, None
        record = keys.cors.get(tx, bucket.id)
        return True, None if record is None else record.rules

    return await cloud.store.read(read)


def _fitting(rules: tuple[CorsRule, ...], origin: str, method: str, headers: list[str]) -> CorsRule | None:
    for rule in rules:
        if (
            method in rule.methods
            and _origin(rule, origin) is not None
            and all(any(_like(one.lower(), mine.lower()) for mine in rule.headers) for one in headers)
        ):
            return rule
    return None


def _origin(rule: CorsRule, origin: str) -> str | None:
    return next((mine for mine in rule.origins if _like(origin, mine)), None)


def _like(text: str, pattern: str) -> bool:
    return fnmatchcase(text, pattern.replace("[", "[[]").replace("?", "[?]"))


def _headers(rule: CorsRule, origin: str, asked: list[str]) -> list[tuple[str, str]]:
    everyone = _origin(rule, origin) == "*"
    found = [
        ("Access-Control-Allow-Origin", "*" if everyone else origin),
        ("Access-Control-Allow-Methods", ", ".join(rule.methods)),
    ]
    if asked:
        found.append(("Access-Control-Allow-Headers", ", ".join(one.lower() for one in asked)))
    if rule.expose:
        found.append(("Access-Control-Expose-Headers", ", ".join(rule.expose)))
    if rule.max_age_s is not None:
        found.append(("Access-Control-Max-Age", str(rule.max_age_s)))
    if not everyone:
        found.append(("Access-Control-Allow-Credentials", "true"))
    return [*found, ("Vary", _VARY)]
