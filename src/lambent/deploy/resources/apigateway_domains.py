"""AWS::ApiGateway::DomainName, BasePathMapping, Account, ClientCertificate, DocumentationPart, DocumentationVersion and
VpcLink."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .apigateway_base import (
    NOT_FOUND,
    SERVICE,
    listed,
    lower,
    made,
    members,
    params,
    patched,
    patches,
    put_tags,
    refuse,
    replaced,
    tagged,
)
from .base import Handler, HandlerFailed, Physical, Work

_DOMAIN: Final = {
    "DistributionDomainName": "distributionDomainName",
    "DistributionHostedZoneId": "distributionHostedZoneId",
    "RegionalDomainName": "regionalDomainName",
    "RegionalHostedZoneId": "regionalHostedZoneId",
}


class DomainName(Handler):
    """AWS::ApiGateway::DomainName. Its id is the name."""

    name_property = "DomainName"
    _PLAIN: Final[Mapping[str, Any]] = {
        "CertificateArn": None,
        "OwnershipVerificationCertificateArn": "",
        "RegionalCertificateArn": None,
        "RoutingMode": "API_MAPPING_ONLY",
        "SecurityPolicy": "TLS_1_2",
    }
    _BUILT: Final = (*_PLAIN, "DomainName", "EndpointConfiguration", "MutualTlsAuthentication", "Tags")

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the name."""
        refuse(work, properties, self._BUILT)
        name = properties.get("DomainName", "")
        given = params(properties, *self._PLAIN, "DomainName") | tagged(work, properties)
        for key in ("EndpointConfiguration", "MutualTlsAuthentication"):
            if key in properties:
                given[lower(key)] = members(properties[key])
        if not work.physical_id:
            await made(
                work, "CreateDomainName", given, "domainName",
                lambda: work.attempt(NOT_FOUND, SERVICE, "GetDomainName", domainName=name),
            )  # fmt: skip
        return await self._physical(work, work.physical_id)

    async def _physical(self, work: Work, name: str) -> Physical:
        found = await work.call(SERVICE, "GetDomainName", domainName=name)
        shown = {attribute: found[member] for attribute, member in _DOMAIN.items() if member in found}
        return Physical(name, {"DomainNameArn": f"arn:aws:apigateway:{work.region}::/domainnames/{name}", **shown})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Set what differs."""
        refuse(work, new, self._BUILT)
        wanted = []
        before, after = old.get("EndpointConfiguration") or {}, new.get("EndpointConfiguration") or {}
        kind, other = before.get("Types", ["EDGE"])[0], after.get("Types", ["EDGE"])[0]
        if kind != other:
            wanted.append(replaced(f"/endpointConfiguration/types/{kind}", other))
        if after.get("IpAddressType", "ipv4") != before.get("IpAddressType", "ipv4"):
            wanted.append(replaced("/endpointConfiguration/ipAddressType", after.get("IpAddressType", "ipv4")))
        wanted += patches(old, new, self._PLAIN)
        mutual = old.get("MutualTlsAuthentication") or {}, new.get("MutualTlsAuthentication") or {}
        for name in ("TruststoreUri", "TruststoreVersion"):
            if mutual[0].get(name) != mutual[1].get(name):
                wanted.append(replaced(f"/mutualTlsAuthentication/{lower(name)}", mutual[1].get(name, "")))
        await patched(work, "UpdateDomainName", wanted, domainName=physical.id)
        await put_tags(work, f"/domainnames/{physical.id}", old, new)
        return await self._physical(work, physical.id)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the name with its mappings."""
        await work.attempt(NOT_FOUND, SERVICE, "DeleteDomainName", domainName=physical.id)


class BasePathMapping(Handler):
    """AWS::ApiGateway::BasePathMapping. Its id is the domain's name and the path."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Map the path."""
        if "RestApiId" not in properties:
            raise HandlerFailed("Property RestApiId is required.")
        given = params(properties, "BasePath", "DomainName", "RestApiId", "Stage")
        if not work.physical_id:
            id = f"{properties['DomainName']}|{self._path(properties)}"
            where = {"domainName": properties["DomainName"], "basePath": self._path(properties)}
            there = await work.attempt(NOT_FOUND, SERVICE, "GetBasePathMapping", **where) if work.resumed else None
            if there is None:
                await work.call(SERVICE, "CreateBasePathMapping", **given)
            await work.made(id)
        return Physical(work.physical_id)

    def _path(self, properties: Mapping[str, Any]) -> str:
        return str(properties.get("BasePath") or "(none)")

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Map it to another API or stage."""
        wanted = []
        if old.get("RestApiId") != new.get("RestApiId"):
            wanted.append(replaced("/restapiId", new["RestApiId"]))
        if old.get("Stage") != new.get("Stage"):
            wanted.append(replaced("/stage", new.get("Stage", "")))
        where = {"domainName": new["DomainName"], "basePath": self._path(new)}
        await patched(work, "UpdateBasePathMapping", wanted, **where)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Map it no more."""
        where = {"domainName": properties["DomainName"], "basePath": self._path(properties)}
        await work.attempt(NOT_FOUND, SERVICE, "DeleteBasePathMapping", **where)


class Account(Handler):
    """AWS::ApiGateway::Account. There is one in a region, which a stack can set but not own."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Set the role."""
        id = work.physical_id or work.name(64)
        await work.made(id)
        await self._put(work, properties)
        return Physical(id, {"Id": id})

    async def _put(self, work: Work, properties: dict[str, Any]) -> None:
        if "CloudWatchRoleArn" in properties:
            wanted = [replaced("/cloudwatchRoleArn", properties["CloudWatchRoleArn"])]
            await work.call(SERVICE, "UpdateAccount", patchOperations=wanted)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Set another role."""
        await self._put(work, new)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Leave the account as it is, as AWS does: other stacks may rely on it."""


class ClientCertificate(Handler):
    """AWS::ApiGateway::ClientCertificate."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Generate the certificate."""

        async def found() -> Any:
            for one in await listed(work, "GetClientCertificates"):
                if one.get("description") == properties.get("Description") and work.ours(one["createdDate"]):
                    return one
            return None

        if not work.physical_id:
            given = params(properties, "Description") | tagged(work, properties)
            await made(work, "GenerateClientCertificate", given, "clientCertificateId", found)
        return Physical(work.physical_id, {"ClientCertificateId": work.physical_id})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Describe it otherwise."""
        wanted = patches(old, new, {"Description": ""})
        await patched(work, "UpdateClientCertificate", wanted, clientCertificateId=physical.id)
        await put_tags(work, f"/clientcertificates/{physical.id}", old, new)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the certificate."""
        await work.attempt(NOT_FOUND, SERVICE, "DeleteClientCertificate", clientCertificateId=physical.id)


class DocumentationPart(Handler):
    """AWS::ApiGateway::DocumentationPart."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the part."""
        api, location = properties["RestApiId"], members(properties["Location"])

        async def found() -> Any:
            for one in await listed(work, "GetDocumentationParts", restApiId=api):
                if one["location"] == location:
                    return one
            return None

        if not work.physical_id:
            given = {"restApiId": api, "location": location, "properties": properties["Properties"]}
            await made(work, "CreateDocumentationPart", given, "id", found)
        return Physical(work.physical_id, {"DocumentationPartId": work.physical_id})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Document it otherwise."""
        wanted = [replaced("/properties", new["Properties"])]
        where = {"restApiId": new["RestApiId"], "documentationPartId": physical.id}
        await patched(work, "UpdateDocumentationPart", wanted, **where)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the part."""
        where = {"restApiId": properties["RestApiId"], "documentationPartId": physical.id}
        await work.attempt(NOT_FOUND, SERVICE, "DeleteDocumentationPart", **where)


class DocumentationVersion(Handler):
    """AWS::ApiGateway::DocumentationVersion. Its id is the version."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the version."""
        if not work.physical_id:
            where = params(properties, "DocumentationVersion", "RestApiId")
            given = where | params(properties, "Description")

            async def found() -> Any:
                there = await work.attempt(NOT_FOUND, SERVICE, "GetDocumentationVersion", **where)
                return there if there is not None and work.ours(there["createdDate"]) else None

            await made(work, "CreateDocumentationVersion", given, "version", found)
        return Physical(work.physical_id)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Describe it otherwise."""
        wanted = patches(old, new, {"Description": ""})
        where = params(new, "DocumentationVersion", "RestApiId")
        await patched(work, "UpdateDocumentationVersion", wanted, **where)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the version."""
        where = params(properties, "DocumentationVersion", "RestApiId")
        await work.attempt(NOT_FOUND, SERVICE, "DeleteDocumentationVersion", **where)


class VpcLink(Handler):
    """AWS::ApiGateway::VpcLink."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the link."""
        given = params(properties, "Description", "Name", "TargetArns") | tagged(work, properties)

        async def found() -> Any:
            # A link keeps no time of creation. After a crash, one that says what we said is taken to be ours.
            for one in await listed(work, "GetVpcLinks"):
                if all(one.get(name, {}) == value for name, value in given.items()):
                    return one
            return None

        if not work.physical_id:
            await made(work, "CreateVpcLink", given, "id", found)
        return Physical(work.physical_id, {"VpcLinkId": work.physical_id})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Name or describe it otherwise."""
        wanted = patches(old, new, {"Description": "", "Name": None})
        await patched(work, "UpdateVpcLink", wanted, vpcLinkId=physical.id)
        await put_tags(work, f"/vpclinks/{physical.id}", old, new)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the link."""
        await work.attempt(NOT_FOUND, SERVICE, "DeleteVpcLink", vpcLinkId=physical.id)


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::ApiGateway::Account": Account(),
    "AWS::ApiGateway::BasePathMapping": BasePathMapping(),
    "AWS::ApiGateway::ClientCertificate": ClientCertificate(),
    "AWS::ApiGateway::DocumentationPart": DocumentationPart(),
    "AWS::ApiGateway::DocumentationVersion": DocumentationVersion(),
    "AWS::ApiGateway::DomainName": DomainName(),
    "AWS::ApiGateway::VpcLink": VpcLink(),
}
