"""Custom domain names, as version 1 of the API shows them."""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from ..common import domains
from ..common.domains import DomainName, MutualTls
from ..common.ids import new_id
from ..errors import BadRequestException
from ..limits import DOMAINS_MAX, too_many
from ..mappings import find_domain
from ..patching import ALL, Change, Patch, Patcher, Rule, text
from ..service import operation, page_of, read_tags
from ..views import shown, when

_NAME: Final = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{1,63}")
_POLICIES: Final = ("TLS_1_0", "TLS_1_2")
_UPLOADS: Final = ("certificateBody", "certificatePrivateKey", "certificateChain")


def show_domain(domain: DomainName, *, tags: bool = False) -> dict[str, Any]:
    """A domain name: an edge name has a distribution, a regional one a regional name."""
    edge = domain.endpoint_type == "EDGE"
    mutual = domain.mutual_tls
    endpoint = {"types": [domain.endpoint_type], "ipAddressType": domain.ip_address_type}
    certificate = "certificate" if edge else "regionalCertificate"
    return shown(
        {
            "domainName": domain.name,
            f"{certificate}Name": domain.certificate_name or None,
            f"{certificate}Arn": domain.certificate_arn or None,
            "certificateUploadDate": when(domain.created_ms) if edge else None,
            ("distributionDomainName" if edge else "regionalDomainName"): domain.target,
            ("distributionHostedZoneId" if edge else "regionalHostedZoneId"): domain.hosted_zone,
            "endpointConfiguration": endpoint,
            "domainNameStatus": "AVAILABLE",
            "securityPolicy": domain.security_policy,
            "tags": dict(domain.tags) if domain.tags or tags else None,
            "mutualTlsAuthentication": _show_mutual(mutual) if mutual is not None else None,
            "ownershipVerificationCertificateArn": domain.ownership_certificate_arn or None,
            "routingMode": domain.routing_mode,
        }
    )


def _show_mutual(mutual: MutualTls) -> dict[str, Any]:
    return shown(
        {
            "truststoreUri": mutual.truststore_uri,
            "truststoreVersion": mutual.truststore_version or None,
            "truststoreWarnings": list(mutual.warnings) or None,
        }
    )


def _check(domain: DomainName) -> DomainName:
    if domain.endpoint_type == "PRIVATE":
        raise NotBuilt("Lambent has not built domain names of the endpoint type PRIVATE yet.")
    if domain.endpoint_type not in ("EDGE", "REGIONAL"):
        raise BadRequestException(f"Invalid endpoint type specified: {domain.endpoint_type}")
    if not domain.certificate_arn:
        raise BadRequestException(f"A certificate was not provided for the endpoint type {domain.endpoint_type}.")
    if domain.security_policy not in _POLICIES and not domain.security_policy.startswith("SecurityPolicy_"):
        raise BadRequestException(f"Invalid security policy specified: {domain.security_policy}")
    if domain.routing_mode not in ("", "BASE_PATH_MAPPING_ONLY", "API_MAPPING_ONLY"):
        raise NotBuilt(f"Lambent has not built the routing mode {domain.routing_mode} of domain names yet.")
    if domain.mutual_tls is not None and domain.endpoint_type != "REGIONAL":
        raise BadRequestException("Mutual TLS is only supported for REGIONAL endpoints")
    return domain


@operation(tx="write", unbuilt=(*_UPLOADS, "policy", "endpointAccessMode"))
def create_domain_name(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    name = domains.normal(req["domainName"])
    if not _NAME.fullmatch(name):
        raise BadRequestException("The provided domain name is not valid.")
    if domains.get_domain(tx, name) is not None:
        raise BadRequestException("The domain name you provided already exists.")
    if len(domains.of_account(tx, ctx.account, ctx.region, limit=DOMAINS_MAX)) >= DOMAINS_MAX:
        raise too_many("domain names for this account", "domain names")
    endpoint = req.get("endpointConfiguration") or {}
    kind = (endpoint.get("types") or ["EDGE"])[0]
    prefix = "certificate" if kind == "EDGE" else "regionalCertificate"
    mutual = req.get("mutualTlsAuthentication") or {}
    made = DomainName(
        name=name,
        account=ctx.account,
        region=ctx.region,
        endpoint_type=kind,
        created_ms=ctx.now_ms,
        target=domains.target_name(new_id(ctx.cloud.ids), ctx.region, kind),
        certificate_arn=req.get(f"{prefix}Arn") or "",
        certificate_name=req.get(f"{prefix}Name") or "",
        ownership_certificate_arn=req.get("ownershipVerificationCertificateArn") or "",
        security_policy=req.get("securityPolicy") or "TLS_1_2",
        ip_address_type=endpoint.get("ipAddressType") or "ipv4",
        mutual_tls=MutualTls(
            truststore_uri=mutual["truststoreUri"], truststore_version=mutual.get("truststoreVersion") or ""
        )
        if mutual.get("truststoreUri")
        else None,
        routing_mode=req.get("routingMode") or "API_MAPPING_ONLY",
        tags=read_tags(req.get("tags")),
    )
    domains.put_domain(tx, _check(made))
    return show_domain(made)


@operation(tx="read", unbuilt=("domainNameId",))
def get_domain_name(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return show_domain(find_domain(ctx, tx, req["domainName"]), tags=True)


@operation(tx="read", unbuilt=("resourceOwner",))
def get_domain_names(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    found = domains.of_account(tx, ctx.account, ctx.region)
    answer: dict[str, Any] = page_of(found, req, lambda domain: domain.name, show_domain)
    return answer


def _certificate(kind: str, field: str) -> Change:
    """The certificate for one type of endpoint: of another type than the name's, it is kept for nothing."""

    def change(domain: DomainName, patch: Patch) -> DomainName:
        if (domain.endpoint_type == "EDGE") != (kind == "EDGE"):
            raise BadRequestException(f"The domain name has no endpoint of the type {kind}")
        return replace(domain, **{field: patch.value or ""})

    return change


def _mutual(field: str) -> Change:
    def change(domain: DomainName, patch: Patch) -> DomainName:
        made = replace(domain.mutual_tls or MutualTls(truststore_uri=""), **{field: patch.value or ""})
        return replace(domain, mutual_tls=made if made.truststore_uri else None)

    return change


_PATCHES: Final = Patcher(
    Rule("/certificateArn", _certificate("EDGE", "certificate_arn")),
    Rule("/certificateName", _certificate("EDGE", "certificate_name")),
    Rule("/regionalCertificateArn", _certificate("REGIONAL", "certificate_arn")),
    Rule("/regionalCertificateName", _certificate("REGIONAL", "certificate_name")),
    Rule("/ownershipVerificationCertificateArn", text("ownership_certificate_arn", ""), ALL),
    Rule("/securityPolicy", text("security_policy", "")),
    Rule("/routingMode", text("routing_mode", "")),
    Rule("/endpointConfiguration/types/{}", lambda domain, patch: replace(domain, endpoint_type=patch.value or "")),
    Rule("/endpointConfiguration/ipAddressType", text("ip_address_type", "ipv4")),
    Rule("/mutualTlsAuthentication/truststoreUri", _mutual("truststore_uri"), ALL),
    Rule("/mutualTlsAuthentication/truststoreVersion", _mutual("truststore_version"), ALL),
    listed=True,
)


@operation(tx="write", unbuilt=("domainNameId",))
def update_domain_name(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    domain = find_domain(ctx, tx, req["domainName"])
    # The type of the endpoint first: a certificate is for the type that the name has afterwards.
    patches = sorted(req.get("patchOperations") or (), key=lambda one: "/types/" not in (one.get("path") or ""))
    changed = _check(_PATCHES.apply(domain, patches))
    if changed.endpoint_type != domain.endpoint_type:
        target = domains.target_name(new_id(ctx.cloud.ids), ctx.region, changed.endpoint_type)
        changed = replace(changed, target=target)
    domains.put_domain(tx, changed)
    return show_domain(changed, tags=True)


@operation(tx="write", unbuilt=("domainNameId",))
def delete_domain_name(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    domains.delete_domain(tx, find_domain(ctx, tx, req["domainName"]))
