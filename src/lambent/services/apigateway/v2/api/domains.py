"""Custom domain names and the mappings of their paths to APIs of every kind."""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from ...common import domains, ids
from ...common.domains import DomainName, Mapping, MutualTls
from .. import keys
from ..errors import BadRequestException, ConflictException, NotFoundException
from ..service import operation, paged, small_id

_NAME: Final = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{1,63}")
_PATH: Final = re.compile(r"[A-Za-z0-9$_.+!*'()~-]+(/[A-Za-z0-9$_.+!*'()~-]+)*")


def show_domain(domain: DomainName) -> dict[str, Any]:
    """A domain as GetDomainName shows it."""
    configuration = {
        "ApiGatewayDomainName": domain.target,
        "CertificateArn": domain.certificate_arn or None,
        "CertificateName": domain.certificate_name or None,
        "DomainNameStatus": "AVAILABLE",
        "EndpointType": domain.endpoint_type,
        "HostedZoneId": domain.hosted_zone,
        "IpAddressType": domain.ip_address_type,
        "OwnershipVerificationCertificateArn": domain.ownership_certificate_arn or None,
        "SecurityPolicy": domain.security_policy,
    }
    view: dict[str, Any] = {
        "ApiMappingSelectionExpression": "$request.basepath",
        "DomainName": domain.name,
        "DomainNameArn": domain.arn,
        "DomainNameConfigurations": [{name: value for name, value in configuration.items() if value is not None}],
        "RoutingMode": domain.routing_mode,
        "Tags": domain.tags,
    }
    if domain.mutual_tls is not None:
        shown = {"TruststoreUri": domain.mutual_tls.truststore_uri}
        if domain.mutual_tls.truststore_version:
            shown["TruststoreVersion"] = domain.mutual_tls.truststore_version
        view["MutualTlsAuthentication"] = shown
    return view


def _configured(domain: DomainName, req: dict[str, Any]) -> DomainName:
    given = (req.get("DomainNameConfigurations") or [{}])[0]
    names = {
        "CertificateArn": "certificate_arn",
        "CertificateName": "certificate_name",
        "EndpointType": "endpoint_type",
        "IpAddressType": "ip_address_type",
        "OwnershipVerificationCertificateArn": "ownership_certificate_arn",
        "SecurityPolicy": "security_policy",
    }
    domain = replace(domain, **{field: given[name] for name, field in names.items() if given.get(name)})
    mutual = req.get("MutualTlsAuthentication")
    if mutual is not None:
        uri = mutual.get("TruststoreUri", "")
        made = MutualTls(truststore_uri=uri, truststore_version=mutual.get("TruststoreVersion", "")) if uri else None
        domain = replace(domain, mutual_tls=made)
    if req.get("RoutingMode", "API_MAPPING_ONLY") != "API_MAPPING_ONLY":
        raise BadRequestException("Lambent has not built routing rules yet: RoutingMode must be API_MAPPING_ONLY.")
    if domain.endpoint_type != "REGIONAL":
        raise BadRequestException(
            "Only REGIONAL is supported as the endpoint type of a domain name of this API version"
        )
    if not domain.certificate_arn:
        raise BadRequestException("A certificate was not provided for the endpoint type REGIONAL.")
    return domain


def _the_domain(ctx: Context, tx: Reader, req: dict[str, Any]) -> DomainName:
    found = domains.get_domain(tx, req["DomainName"])
    if found is None or (found.account, found.region) != (ctx.account, ctx.region):
        raise NotFoundException("Invalid domain name identifier specified")
    return found


@operation(tx="write")
def create_domain_name(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    name = domains.normal(req["DomainName"])
    if not _NAME.fullmatch(name):
        raise BadRequestException("The provided domain name is not valid.")
    if domains.get_domain(tx, name) is not None:
        raise BadRequestException("The domain name you provided already exists.")
    target = domains.target_name(ids.new_id(ctx.cloud.ids), ctx.region, "REGIONAL")
    domain = DomainName(
        name=name,
        account=ctx.account,
        region=ctx.region,
        endpoint_type="REGIONAL",
        created_ms=ctx.now_ms,
        target=target,
        tags=req.get("Tags") or {},
    )
    domain = _configured(domain, req)
    domains.put_domain(tx, domain)
    return show_domain(domain)


@operation(tx="read")
def get_domain_name(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return show_domain(_the_domain(ctx, tx, req))


@operation(tx="read")
def get_domain_names(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    def scan(after: bytes | None, limit: int) -> list[tuple[bytes, DomainName]]:
        found = domains.of_account(tx, ctx.account, ctx.region, (after or b"").decode(), limit)
        return [(domain.name.encode(), domain) for domain in found]

    return paged(req, scan, show_domain)


@operation(tx="write")
def update_domain_name(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    domain = _configured(_the_domain(ctx, tx, req), req)
    domains.put_domain(tx, domain)
    return show_domain(domain)


@operation(tx="write")
def delete_domain_name(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    domains.delete_domain(tx, _the_domain(ctx, tx, req))


def _show(mapping: Mapping) -> dict[str, Any]:
    return {
        "ApiId": mapping.api,
        "ApiMappingId": mapping.id,
        "ApiMappingKey": mapping.path,
        "Stage": mapping.stage,
    }


def _the_mapping(tx: Reader, domain: DomainName, req: dict[str, Any]) -> Mapping:
    found = domains.mapping_by_id(tx, domain.name, req["ApiMappingId"])
    if found is None:
        raise NotFoundException("The api mapping identifier you specified is invalid.")
    return found


def _target(ctx: Context, tx: Reader, api: str, stage: str) -> ids.Kind:
    """The kind of the API that a mapping names; `NotFoundException` when it is not there, or has no such stage."""
    place = ids.find(tx, api)
    if place is None or (place.account, place.region) != (ctx.account, ctx.region):
        raise NotFoundException("Invalid API identifier specified")
    if place.kind != "REST" and keys.stages.get(tx, api, stage) is None:
        raise NotFoundException("Invalid stage identifier specified")
    return place.kind


def _path(req: dict[str, Any], old: str = "") -> str:
    path = req.get("ApiMappingKey")
    if path is None:
        return old
    if path in ("", "(none)"):
        return ""
    if not _PATH.fullmatch(path) or len(path) > domains.PATH_CHARACTERS_MAX:
        raise BadRequestException("API mapping key is not valid: it may not begin or end with a slash.")
    return str(path)


def _refuse_taken(tx: Reader, mapping: Mapping) -> None:
    there = domains.get_mapping(tx, mapping.domain, mapping.path)
    if there is not None and there.id != mapping.id:
        raise ConflictException(
            f"ApiMapping key {mapping.path or '(none)'} already exists for domain name {mapping.domain}"
        )


@operation(tx="write")
def create_api_mapping(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    domain = _the_domain(ctx, tx, req)
    kind = _target(ctx, tx, req["ApiId"], req["Stage"])
    made = Mapping(
        id=small_id(ctx, 6), domain=domain.name, path=_path(req), api=req["ApiId"], stage=req["Stage"], kind=kind
    )
    _refuse_taken(tx, made)
    there = domains.of_domain(tx, domain.name)
    if len(there) >= domains.MAPPINGS_MAX:
        raise BadRequestException("The maximum number of API mappings for this domain name has been reached.")
    if any((other.kind == "WEBSOCKET") != (kind == "WEBSOCKET") for other in there):
        raise BadRequestException("WebSocket APIs cannot share a domain name with REST or HTTP APIs")
    domains.put_mapping(tx, made)
    return _show(made)


@operation(tx="read")
def get_api_mapping(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return _show(_the_mapping(tx, _the_domain(ctx, tx, req), req))


@operation(tx="read")
def get_api_mappings(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    domain = _the_domain(ctx, tx, req)
    return paged(req, lambda after, limit: domains.mappings.scan(tx, domain.name, after=after, limit=limit), _show)


@operation(tx="write")
def update_api_mapping(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    domain = _the_domain(ctx, tx, req)
    old = _the_mapping(tx, domain, req)
    stage = req.get("Stage", old.stage)
    kind = _target(ctx, tx, req["ApiId"], stage)
    new = replace(old, api=req["ApiId"], stage=stage, kind=kind, path=_path(req, old.path))
    _refuse_taken(tx, new)
    domains.delete_mapping(tx, old)
    domains.put_mapping(tx, new)
    return _show(new)


@operation(tx="write")
def delete_api_mapping(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    domains.delete_mapping(tx, _the_mapping(tx, _the_domain(ctx, tx, req), req))
