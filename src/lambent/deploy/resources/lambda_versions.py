"""AWS::Lambda::Version, Alias, LayerVersion and LayerVersionPermission."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from lambent.contracts.errors import ServiceError

from .base import Handler, HandlerFailed, Physical, Work, chosen
from .lambda_ import NOT_FOUND


class Version(Handler):
    """AWS::Lambda::Version."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Publish; of unchanged code Lambda answers with the version that there is."""
        for name in sorted(properties.keys() - {"FunctionName", "Description", "CodeSha256"}):
            raise HandlerFailed(f"Lambent has not built the property {name} of AWS::Lambda::Version yet.")
        params = chosen(properties, "FunctionName", "Description", "CodeSha256")
        made = await work.call("lambda", "PublishVersion", **params)
        arn = made["FunctionArn"]
        arn = arn if arn.endswith(":" + made["Version"]) else f"{arn}:{made['Version']}"
        return Physical(arn, {"Version": made["Version"], "FunctionArn": arn})

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the version."""
        function, _, version = physical.id.rpartition(":")
        await work.attempt(NOT_FOUND, "lambda", "DeleteFunction", FunctionName=function, Qualifier=version)


class Alias(Handler):
    """AWS::Lambda::Alias."""

    name_property = "Name"

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Create the alias."""
        params = _alias(properties)
        try:
            made = await work.call("lambda", "CreateAlias", **params)
        except ServiceError as error:
            # An alias keeps no time of creation. After a crash, one that says what we said is taken to be ours.
            if error.code != "ResourceConflictException" or not work.resumed:
                raise
            made = await work.call("lambda", "GetAlias", **chosen(params, "FunctionName", "Name"))
            if made["FunctionVersion"] != params["FunctionVersion"]:
                raise error from None
        return _alias_physical(made["AliasArn"])

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Point it elsewhere."""
        made = await work.call("lambda", "UpdateAlias", **{"Description": "", "RoutingConfig": {}, **_alias(new)})
        return _alias_physical(made["AliasArn"])

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the alias."""
        await work.attempt(NOT_FOUND, "lambda", "DeleteAlias", **chosen(properties, "FunctionName", "Name"))


def _alias(properties: dict[str, Any]) -> dict[str, Any]:
    if "ProvisionedConcurrencyConfig" in properties:
        raise HandlerFailed(
            "Lambent has not built the property ProvisionedConcurrencyConfig of AWS::Lambda::Alias yet."
        )
    params = chosen(properties, "FunctionName", "Name", "FunctionVersion", "Description")
    weights = properties.get("RoutingConfig", {}).get("AdditionalVersionWeights")
    if weights:
        shares = {weight["FunctionVersion"]: weight["FunctionWeight"] for weight in weights}
        params["RoutingConfig"] = {"AdditionalVersionWeights": shares}
    return params


def _alias_physical(arn: str) -> Physical:
    return Physical(arn, {"AliasArn": arn})


class LayerVersion(Handler):
    """AWS::Lambda::LayerVersion."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Publish the layer."""
        if work.physical_id:
            return _layer(work.physical_id)
        name = properties.get("LayerName") or work.name(64)
        if work.resumed:
            found = await work.call("lambda", "ListLayerVersions", LayerName=name)
            for version in found["LayerVersions"]:
                if work.ours(_created_ms(version["CreatedDate"])):
                    return _layer(version["LayerVersionArn"])
        names = ("CompatibleArchitectures", "CompatibleRuntimes", "Description", "LicenseInfo", "Content")
        made = await work.call("lambda", "PublishLayerVersion", LayerName=name, **chosen(properties, *names))
        return _layer(made["LayerVersionArn"])

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the version."""
        layer, _, version = physical.id.rpartition(":")
        where = {"LayerName": layer, "VersionNumber": int(version)}
        await work.attempt(NOT_FOUND, "lambda", "DeleteLayerVersion", **where)


def _created_ms(value: str) -> int:
    # Lambda writes 2024-01-31T12:00:00.000+0000.
    return int(datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp() * 1000)


def _layer(arn: str) -> Physical:
    return Physical(arn, {"LayerVersionArn": arn})


class LayerVersionPermission(Handler):
    """AWS::Lambda::LayerVersionPermission."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Grant it."""
        layer, _, version = properties["LayerVersionArn"].rpartition(":")
        statement = work.name(100)
        params = chosen(properties, "Action", "Principal", "OrganizationId")
        try:
            where = {"LayerName": layer, "VersionNumber": int(version), "StatementId": statement}
            await work.call("lambda", "AddLayerVersionPermission", **where, **params)
        except ServiceError as error:
            # The statement's name is ours alone.
            if error.code != "ResourceConflictException" or not work.resumed:
                raise
        physical_id = f"{properties['LayerVersionArn']}#{statement}"
        return Physical(physical_id, {"Id": physical_id})

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Take it back."""
        arn, _, statement = physical.id.rpartition("#")
        layer, _, version = arn.rpartition(":")
        where = {"LayerName": layer, "VersionNumber": int(version), "StatementId": statement}
        await work.attempt(NOT_FOUND, "lambda", "RemoveLayerVersionPermission", **where)


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::Lambda::Alias": Alias(),
    "AWS::Lambda::LayerVersion": LayerVersion(),
    "AWS::Lambda::LayerVersionPermission": LayerVersionPermission(),
    "AWS::Lambda::Version": Version(),
}
