"""A website configuration: read from its document and checked, shown again, and asked where a request goes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from . import errors
from .model import Redirect, RoutingRule, WebsiteRecord

_RULES_MAX = 50
_CODE_DEFAULT = 301
# What a configuration says goes out as it was written, but for what could end the header or is no part of an address.
_WRITTEN = "!#$%&'()*+,/:;=?@[]~"
_KEY = "!$&'()*+,/:;=@~"


class Place(NamedTuple):
    """What a request says of the site that it reached: `scheme` and `host` (with port) as the browser knows them, and
    the path below which the site lies (`/`, but for the address that needs no name resolution)."""

    scheme: str
    host: str
    root: str = "/"


class Target(NamedTuple):
    """An answer that sends the browser elsewhere."""

    status: int
    location: str


# -- reading and showing ----------------------------------------------------------------------------------------------


def of_document(document: Mapping[str, Any]) -> WebsiteRecord:
    """The configuration of a document; raises what S3 answers to each nonsense."""
    index, rows = document.get("IndexDocument"), document.get("RoutingRules")
    if "RedirectAllRequestsTo" in document:
        if any(member in document for member in ("IndexDocument", "ErrorDocument", "RoutingRules")):
            raise errors.InvalidArgument(
                "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.",
                ArgumentName="RedirectAllRequestsTo",
                ArgumentValue="not null",
            )
        everything = document["RedirectAllRequestsTo"]
        if not everything.get("HostName"):
            raise errors.MalformedXML
        return WebsiteRecord(everything=Redirect(host=everything["HostName"], protocol=_protocol(everything)))
    if index is None:
        raise errors.InvalidArgument(
            "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
            ArgumentName="IndexDocument",
            ArgumentValue="null",
        )
    suffix = index.get("Suffix")
    if not suffix or "/" in suffix:
        raise errors.InvalidArgument(
            "The IndexDocument Suffix is not well formed", ArgumentName="IndexDocument", ArgumentValue=suffix or ""
        )
    error = document.get("ErrorDocument")
    if error is not None and not error.get("Key"):
        raise errors.MalformedXML
    if rows is not None and not rows:
        raise errors.MalformedXML
    if len(rows or ()) > _RULES_MAX:
        raise errors.InvalidRequest(
            f"{len(rows or ())} routing rules provided, the number of routing rules in a website configuration is "
            f"limited to {_RULES_MAX}."
        )
    rules = tuple(_rule(row) for row in rows or ())
    return WebsiteRecord(index=suffix, error=error["Key"] if error else "", rules=rules)


def _rule(row: Mapping[str, Any]) -> RoutingRule:
    redirect = row.get("Redirect")
    if not redirect:
        raise errors.MalformedXML
    condition = row.get("Condition")
    if condition is not None and not condition:
        raise errors.InvalidRequest(
            "Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't "
            "be present."
        )
    if "ReplaceKeyPrefixWith" in redirect and "ReplaceKeyWith" in redirect:
        raise errors.InvalidRequest("You can only define ReplaceKeyPrefix or ReplaceKey but not both.")
    code = redirect.get("HttpRedirectCode", "")
    if code and not (_is_status(code, "3") and code != "300"):
        raise errors.InvalidRequest(
            f"The provided HTTP redirect code ({code}) is not valid. Valid codes are 3XX except 300."
        )
    error = (condition or {}).get("HttpErrorCodeReturnedEquals", "")
    if error and not _is_status(error, "45"):
        raise errors.InvalidRequest(f"The provided HTTP error code ({error}) is not valid. Valid codes are 4XX or 5XX.")
    return RoutingRule(
        redirect=Redirect(
            host=redirect.get("HostName", ""),
            protocol=_protocol(redirect),
            code=int(code or 0),
            prefix=redirect.get("ReplaceKeyPrefixWith"),
            key=redirect.get("ReplaceKeyWith"),
        ),
        prefix=(condition or {}).get("KeyPrefixEquals"),
        error=int(error or 0),
    )


def _is_status(text: str, first: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isdigit() and text[0] in first


def _protocol(redirect: Mapping[str, Any]) -> str:
    protocol: str = redirect.get("Protocol", "")
    if protocol not in ("", "http", "https"):
        raise errors.InvalidRequest(
            "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected "
            "automatically."
        )
    return protocol


def shown(record: WebsiteRecord) -> dict[str, Any]:
    """The answer of GetBucketWebsite."""
    if record.everything is not None:
        return {"RedirectAllRequestsTo": _redirect_shown(record.everything)}
    found: dict[str, Any] = {"IndexDocument": {"Suffix": record.index}}
    if record.error:
        found["ErrorDocument"] = {"Key": record.error}
    if record.rules:
        found["RoutingRules"] = [_rule_shown(rule) for rule in record.rules]
    return found


def _rule_shown(rule: RoutingRule) -> dict[str, Any]:
    condition: dict[str, Any] = {}
    if rule.prefix is not None:
        condition["KeyPrefixEquals"] = rule.prefix
    if rule.error:
        condition["HttpErrorCodeReturnedEquals"] = str(rule.error)
    found: dict[str, Any] = {"Condition": condition} if condition else {}
    return {**found, "Redirect": _redirect_shown(rule.redirect)}


def _redirect_shown(redirect: Redirect) -> dict[str, Any]:
    members = {
        "HostName": redirect.host or None,
        "Protocol": redirect.protocol or None,
        "HttpRedirectCode": str(redirect.code) if redirect.code else None,
        "ReplaceKeyPrefixWith": redirect.prefix,
        "ReplaceKeyWith": redirect.key,
    }
    return {name: value for name, value in members.items() if value is not None}


# -- answering --------------------------------------------------------------------------------------------------------


def routed(site: WebsiteRecord, key: str, status: int, place: Place, query: str) -> Target | None:
    """Where the first rule that fits sends a request for `key`, if one does. `status` 0: the object was not looked up
    yet, and only rules without a status fit; else it is the error that would be answered, and only those with it."""
    for rule in site.rules:
        if rule.error == status and key.startswith(rule.prefix or ""):
            return _target(rule.redirect, key, rule.prefix or "", place, query)
    return None


def everywhere(redirect: Redirect, key: str, place: Place, query: str) -> Target:
    """Where a site goes that redirects all requests."""
    return _target(redirect, key, "", place, query)


def _target(redirect: Redirect, key: str, prefix: str, place: Place, query: str) -> Target:
    if redirect.key is not None:
        path = quote(redirect.key, safe=_WRITTEN)
    elif redirect.prefix is not None:
        path = quote(redirect.prefix, safe=_WRITTEN) + quote(key[len(prefix) :], safe=_KEY)
    else:
        path = quote(key, safe=_KEY)
    host = quote(redirect.host, safe=":[]") or place.host
    root = "/" if redirect.host else place.root
    asked = f"?{quote(query, safe=_WRITTEN)}" if query and "?" not in path else ""
    location = f"{redirect.protocol or place.scheme}://{host}{root}{path}{asked}"
    return Target(redirect.code or _CODE_DEFAULT, location)


def of_object(location: str, place: Place) -> Target:
    """Where an object's own x-amz-website-redirect-location goes: an address, or a path of the same site."""
    written = quote(location, safe=_WRITTEN)
    return Target(_CODE_DEFAULT, place.root + written[1:] if written.startswith("/") else written)


def of_folder(key: str, place: Place) -> Target:
    """A folder that was asked for without its slash."""
    return Target(302, f"{place.root}{quote(key, safe=_KEY)}/")
