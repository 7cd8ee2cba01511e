"""Custom domain names and their mappings, which REST, HTTP and WebSocket APIs share: a name made by one version of the
API is seen by the other, as on AWS.

=====================  =======================================================================================
apigateway.domain      domain name (small letters): unique in the whole cloud, for a Host header is all there is
apigateway.domains     account, region, domain name: an account's own, in order
apigateway.mapping     domain name, path: which API and stage answers below the path ("" for the root)
=====================  =======================================================================================

A mapping's path has no slash at either end; those of v2 may have several segments, v1's `(none)` is "".
"""

from __future__ import annotations

from typing import Final

import msgspec

from lambent.contracts.ports import Reader, Transaction
from lambent.kv.table import Table

from .ids import Kind

PATH_CHARACTERS_MAX: Final = 300
"""The longest path of a mapping."""
MAPPINGS_MAX: Final = 200
HOSTED_ZONES: Final = {"EDGE": "Z2FDTNDATAQYW2", "REGIONAL": "Z1UJRXOUMOOFQ8", "PRIVATE": "Z1UJRXOUMOOFQ8"}


class MutualTls(msgspec.Struct, frozen=True, kw_only=True):
    """Which client certificates a domain accepts: stored, as TLS ends before the gateway."""

    truststore_uri: str
    truststore_version: str = ""
    warnings: tuple[str, ...] = ()


class DomainName(msgspec.Struct, frozen=True, kw_only=True):
    """A custom domain name. `endpoint_type` is EDGE, REGIONAL or PRIVATE; `certificate_arn` the certificate for that
    type; `target` the host name that a DNS record would point to. `policy` is a resource policy (private names)."""

    name: str
    account: str
    region: str
    endpoint_type: str
    created_ms: int
    target: str
    certificate_arn: str = ""
    certificate_name: str = ""
    ownership_certificate_arn: str = ""
    security_policy: str = "TLS_1_2"
    ip_address_type: str = "ipv4"
    mutual_tls: MutualTls | None = None
    routing_mode: str = "API_MAPPING_ONLY"
    tags: dict[str, str] = {}
    policy: str = ""
    management_policy: str = ""

    @property
    def arn(self) -> str:
        """The ARN that IAM and tagging know it by."""
        return f"arn:aws:apigateway:{self.region}::/domainnames/{self.name}"

    @property
    def hosted_zone(self) -> str:
        """The id of the Route 53 zone that `target` is in."""
        return HOSTED_ZONES[self.endpoint_type]


class Owned(msgspec.Struct, frozen=True):
    """A mark in an index."""


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """What answers below a path of a domain. `stage` is empty where the caller names the stage in the URL (REST)."""

    id: str
    domain: str
    path: str
    api: str
    stage: str
    kind: Kind


domains = Table("apigateway.domain", DomainName)
owned = Table("apigateway.domains", Owned)
mappings = Table("apigateway.mapping", Mapping)


def normal(name: str) -> str:
    """A domain name as it is stored: small letters."""
    return name.lower().rstrip(".")


def get_domain(tx: Reader, name: str) -> DomainName | None:
    """The domain of that name, of whatever account; None when there is none."""
    return domains.get(tx, normal(name))


def put_domain(tx: Transaction, domain: DomainName) -> None:
    """Store a domain, with its index."""
    domains.put(tx, domain, domain.name)
    owned.put(tx, Owned(), domain.account, domain.region, domain.name)


def delete_domain(tx: Transaction, domain: DomainName) -> None:
    """Remove a domain and its mappings."""
    for mapping in of_domain(tx, domain.name):
        delete_mapping(tx, mapping)
    owned.delete(tx, domain.account, domain.region, domain.name)
    domains.delete(tx, domain.name)


def of_account(tx: Reader, account: str, region: str, after: str = "", limit: int | None = None) -> list[DomainName]:
    """The domains of an account in a region by name, after the name `after`."""
    start = owned.key(account, region, after) if after else None
    names = [str(owned.parts(key)[2]) for key, _ in owned.scan(tx, account, region, after=start, limit=limit)]
    return [found for name in names if (found := domains.get(tx, name)) is not None]


def target_name(id: str, region: str, endpoint_type: str) -> str:
    """The host name that AWS gives a domain to point at: `id` is of the caller's making (14 letters or so)."""
    if endpoint_type == "EDGE":
        return f"{id}.cloudfront.net"
    return f"d-{id}.execute-api.{region}.amazonaws.com"


def of_domain(tx: Reader, domain: str) -> list[Mapping]:
    """A domain's mappings, in the order of their paths."""
    return [found for _, found in mappings.scan(tx, normal(domain))]


def get_mapping(tx: Reader, domain: str, path: str) -> Mapping | None:
    """The mapping of exactly that path."""
    return mappings.get(tx, normal(domain), path)


def mapping_by_id(tx: Reader, domain: str, id: str) -> Mapping | None:
    """A mapping of a domain by its id."""
    return next((found for found in of_domain(tx, domain) if found.id == id), None)


def put_mapping(tx: Transaction, mapping: Mapping) -> None:
    """Store a mapping."""
    mappings.put(tx, mapping, mapping.domain, mapping.path)


def delete_mapping(tx: Transaction, mapping: Mapping) -> None:
    """Remove a mapping."""
    mappings.delete(tx, mapping.domain, mapping.path)


def match(tx: Reader, domain: str, path: str) -> tuple[Mapping, str] | None:
    """The mapping with the longest path that `path` (with its leading slash) lies below, and the rest of the path,
    which begins with a slash or is empty; None when no mapping fits. A name that is no domain's may belong to one with
    a wildcard (`*.example.com`)."""
    name = normal(domain)
    if domains.get(tx, name) is None:
        name = f"*.{name.partition('.')[2]}"
    head = path[1 : PATH_CHARACTERS_MAX + 2]
    while True:
        rest = path[len(head) + 1 :] if head else path
        if not rest or rest.startswith("/"):
            found = mappings.get(tx, name, head)
            if found is not None:
                return found, rest
        if not head:
            return None
        head = head.rpartition("/")[0]


def in_use(tx: Reader, api: str, account: str, region: str, stage: str | None = None) -> bool:
    """Whether a domain of the account maps to an API (to a stage of it): such an API cannot be deleted."""
    return any(
        mapping.api == api and (stage is None or mapping.stage == stage)
        for domain in of_account(tx, account, region)
        for mapping in of_domain(tx, domain.name)
    )
