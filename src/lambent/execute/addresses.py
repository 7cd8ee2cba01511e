"""Which API a request is addressed to: by host, by path, or by a custom domain name.

====================================================  ==============================================================
`{api}.execute-api.{anything}/{stage}/...`            the default endpoint; labels of a region change nothing
`/_aws/execute-api/{api}/{stage}/...`                 the same without name resolution
any other host that is a custom domain name           the mapping with the longest base path says API and stage
====================================================  ==============================================================

`spot` reads the request alone; `find` looks up what it names, in the reader that the caller has open.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import unquote

from lambent.contracts.http import Request
from lambent.contracts.ports import Reader
from lambent.services.apigateway.common import domains, ids
from lambent.services.apigateway.common.addresses import LABEL, PATH_PREFIX
from lambent.services.apigateway.common.ids import Kind

_HOST_MARK: Final = f".{LABEL}."
_ENDPOINT_MARK: Final = "-vpce-"
_DEFAULT: Final = "$default"
"""The stage that the path form may name, though the host form cannot."""


class Spot(NamedTuple):
    """What a request says about its API. `api` is empty where only the host, as a custom domain, can tell; `prefix` is
    what stands before `path` in the URL."""

    api: str
    domain: str
    prefix: str
    path: str

    @property
    def custom(self) -> bool:
        """Whether only a custom domain name can tell which API it is."""
        return not self.api


class Found(NamedTuple):
    """An API and what of the request lies behind its address.

    `stage` is None where the kind's own rules tell it from the path: HTTP APIs at their default endpoint, whose first
    segment is a stage only if there is one of that name. `path` is raw (percent-encoded) and begins with a slash, or is
    empty; `prefix` is what precedes it in the request's path (`/dev`, `/_aws/execute-api/{api}/dev`, `/base`).
    `domain` is the host that was asked, without its port; `base_path` the base path of the mapping, without slashes,
    and `custom` whether a mapping led here.
    """

    api: str
    kind: Kind
    account: str
    region: str
    stage: str | None
    path: str
    prefix: str
    domain: str
    base_path: str = ""
    custom: bool = False


def spot(request: Request) -> Spot:
    """What the host and path of a request say; no look-up."""
    host, path = request.host, request.path
    if path.startswith(PATH_PREFIX):
        api, slash, rest = path[len(PATH_PREFIX) :].partition("/")
        return Spot(api, host, PATH_PREFIX + api, slash + rest)
    label, mark, _ = host.partition(_HOST_MARK)
    if not mark and host.endswith(f".{LABEL}"):
        label, mark = host[: -len(LABEL) - 1], "."
    if mark and label and "." not in label:
        return Spot(label.partition(_ENDPOINT_MARK)[0], host, "", path)
    return Spot("", host, "", path)


def find(tx: Reader, where: Spot) -> Found | None:
    """The API at `where`; None when there is none (or the custom domain is unknown or maps nothing there)."""
    if not where.api:
        return _mapped(tx, where)
    place = ids.find(tx, where.api)
    if place is None:
        return None
    stage, slash, rest = where.path[1:].partition("/")
    if place.kind == "HTTP" and not (where.prefix and unquote(stage) == _DEFAULT):
        return Found(where.api, place.kind, place.account, place.region, None, where.path, where.prefix, where.domain)
    prefix = f"{where.prefix}/{stage}"
    return Found(where.api, place.kind, place.account, place.region, unquote(stage), slash + rest, prefix, where.domain)


def is_domain(tx: Reader, where: Spot) -> bool:
    """Whether the host is a custom domain name, if by a wildcard; such a host is nobody else's, mapped or not."""
    wildcard = f"*.{where.domain.partition('.')[2]}"
    return any(domains.get_domain(tx, name) is not None for name in (where.domain, wildcard))


def _mapped(tx: Reader, where: Spot) -> Found | None:
    matched = domains.match(tx, where.domain, where.path)
    if matched is None:
        return None
    mapping, rest = matched
    place = ids.find(tx, mapping.api)
    if place is None:
        return None
    prefix = f"/{mapping.path}" if mapping.path else ""
    stage = mapping.stage
    if not stage and place.kind != "HTTP":
        # The mapping leaves the stage to the caller: it is the first segment behind the base path.
        stage, slash, tail = rest[1:].partition("/")
        prefix, rest = f"{prefix}/{stage}", slash + tail
    return Found(
        mapping.api,
        place.kind,
        place.account,
        place.region,
        stage or None,
        rest,
        prefix,
        where.domain,
        mapping.path,
        True,
    )
