"""AWS::ApiGatewayV2::*: HTTP and WebSocket APIs and their parts.

Most parts of an API are alike: a handler `Part` is told by a `Noun` what its operations and properties are called.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from .apigateway_base import fetch
from .apigatewayv2_properties import differing, integration, model, plain, route, stage
from .base import Handler, HandlerFailed, Physical, Work, chosen

_SERVICE: Final = "apigatewayv2"
_NOT_FOUND: Final = ("NotFoundException",)
_PAGE: Final = "500"


def _refuse(work: Work, properties: Mapping[str, Any], built: set[str]) -> None:
    for name in sorted(properties.keys() - built):
        raise HandlerFailed(f"Lambent has not built the property {name} of {work.type} yet.")


class Noun(NamedTuple):
    """What a part of an API is called: the noun of its operations, the member that is its id, the parents that it is
    addressed by, the properties that can change, the one that is unique among its siblings (empty: none), the
    attributes of Fn::GetAtt, and what makes parameters of properties."""

    name: str
    id: str
    parents: tuple[str, ...]
    changeable: tuple[str, ...]
    unique: str = ""
    attributes: tuple[str, ...] = ()
    params: Callable[[dict[str, Any]], dict[str, Any]] = plain
    fixed: tuple[str, ...] = ()


class Part(Handler):
    """A part of an API, or another thing without a name of its own. Its id is the service's."""

    def __init__(self, noun: Noun) -> None:
        self.noun = noun
        if noun.unique in noun.fixed:
            self.name_property = noun.unique

    def _parents(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        return {name: properties[name] for name in self.noun.parents}

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make it."""
        noun = self.noun
        _refuse(work, properties, {*noun.parents, *noun.changeable, *noun.fixed, "Tags"})
        if work.physical_id:
            return self._physical(work.physical_id)
        made = await self._before(work, properties) if work.resumed and noun.unique else None
        if made is None:
            given = noun.params(properties)
            tags = {**work.tags, **properties.get("Tags", {})} if "Tags" in noun.fixed else {}
            given = {
                **{name: value for name, value in given.items() if name != "Tags"},
                **({"Tags": tags} if tags else {}),
            }
            made = await work.call(_SERVICE, f"Create{noun.name}", **given)
        await work.made(made[noun.id])
        return self._physical(made[noun.id])

    async def _before(self, work: Work, properties: Mapping[str, Any]) -> dict[str, Any] | None:
        """What a try that a crash cut short has made."""
        noun = self.noun
        found = await work.call(_SERVICE, f"Get{noun.name}s", MaxResults=_PAGE, **self._parents(properties))
        wanted = properties.get(noun.unique)
        return next((item for item in found.get("Items", []) if item.get(noun.unique) == wanted), None)

    def _physical(self, id: str) -> Physical:
        return Physical(id, dict.fromkeys(self.noun.attributes, id))

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change what differs."""
        noun = self.noun
        _refuse(work, new, {*noun.parents, *noun.changeable, *noun.fixed, "Tags"})
        changes = differing(noun.params(old), noun.params(new), noun.changeable)
        address = {**self._parents(new), noun.id: physical.id}
        if changes:
            await work.call(_SERVICE, f"Update{noun.name}", **{**changes, **address})
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Remove it."""
        address = {**self._parents(properties), self.noun.id: physical.id}
        await work.attempt(_NOT_FOUND, _SERVICE, f"Delete{self.noun.name}", **address)


async def _retag(work: Work, arn: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    before = {**work.old_tags, **old.get("Tags", {})}
    after = {**work.tags, **new.get("Tags", {})}
    removed = [name for name in before if name not in after]
    added = {name: value for name, value in after.items() if before.get(name) != value}
    if removed:
        await work.call(_SERVICE, "UntagResource", ResourceArn=arn, TagKeys=removed)
    if added:
        await work.call(_SERVICE, "TagResource", ResourceArn=arn, Tags=added)


class Api(Handler):
    """AWS::ApiGatewayV2::Api, by its properties or by an OpenAPI document. Its id is the API's."""

    _PLAIN: Final = (
        "ApiKeySelectionExpression",
        "CorsConfiguration",
        "Description",
        "DisableExecuteApiEndpoint",
        "DisableSchemaValidation",
        "IpAddressType",
        "Name",
        "RouteSelectionExpression",
        "Version",
    )
    _QUICK: Final = ("CredentialsArn", "RouteKey", "Target")
    _IMPORT: Final = ("BasePath", "Body", "BodyS3Location", "FailOnWarnings")
    _BUILT: Final = {*_PLAIN, *_QUICK, *_IMPORT, "ProtocolType", "Tags"}

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the API."""
        _refuse(work, properties, self._BUILT)
        id = work.physical_id or await self._left_behind(work, properties)
        if not id:
            if "Body" in properties or "BodyS3Location" in properties:
                made = await work.call(_SERVICE, "ImportApi", **await self._document(work, properties))
            else:
                given = chosen(properties, *self._PLAIN, *self._QUICK)
                tags = {**work.tags, **properties.get("Tags", {})}
                protocol = properties.get("ProtocolType", "HTTP")
                made = await work.call(_SERVICE, "CreateApi", ProtocolType=protocol, Tags=tags, **given)
            id = made["ApiId"]
        await work.made(id)
        if "Body" in properties or "BodyS3Location" in properties:
            await self._refine(work, id, properties)
        return await self._physical(work, id)

    async def _refine(self, work: Work, id: str, properties: dict[str, Any]) -> None:
        """What the template says beside a document."""
        given = chosen(properties, *self._PLAIN)
        if given:
            await work.call(_SERVICE, "UpdateApi", ApiId=id, **given)
        tags = {**work.tags, **properties.get("Tags", {})}
        if tags:
            await work.call(_SERVICE, "TagResource", ResourceArn=_arn(work, id), Tags=tags)

    async def _left_behind(self, work: Work, properties: dict[str, Any]) -> str:
        """The id of an API of our name that a try that a crash cut short has made."""
        if not work.resumed:
            return ""
        body = properties.get("Body")
        title = body.get("info", {}).get("title") if isinstance(body, dict) else None
        name = properties.get("Name", title)
        found = await work.call(_SERVICE, "GetApis", MaxResults=_PAGE)
        ours = (item["ApiId"] for item in found["Items"] if item["Name"] == name and work.ours(item["CreatedDate"]))
        return next(ours, "")

    async def _document(self, work: Work, properties: dict[str, Any]) -> dict[str, Any]:
        if "BodyS3Location" in properties:
            body = (await fetch(work, properties["BodyS3Location"])).decode()
        else:
            body = properties["Body"] if isinstance(properties["Body"], str) else json.dumps(properties["Body"])
        base = {"Basepath": properties["BasePath"]} if "BasePath" in properties else {}
        return {"Body": body, "FailOnWarnings": bool(properties.get("FailOnWarnings", False)), **base}

    async def _physical(self, work: Work, id: str) -> Physical:
        shown = await work.call(_SERVICE, "GetApi", ApiId=id)
        return Physical(id, {"ApiId": id, "ApiEndpoint": shown["ApiEndpoint"]})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Import the document again, or change what differs."""
        _refuse(work, new, self._BUILT)
        names = ("Body", "BodyS3Location", "BasePath")
        documented = "Body" in new or "BodyS3Location" in new
        if documented and any(old.get(name) != new.get(name) for name in names):
            await work.call(_SERVICE, "ReimportApi", ApiId=physical.id, **await self._document(work, new))
            await self._refine(work, physical.id, new)
        else:
            changes = differing(old, new, (*self._PLAIN, *self._QUICK))
            if "CorsConfiguration" in changes and "CorsConfiguration" not in new:
                del changes["CorsConfiguration"]
                await work.call(_SERVICE, "DeleteCorsConfiguration", ApiId=physical.id)
            elif "CorsConfiguration" in changes:
                changes["CorsConfiguration"] = new["CorsConfiguration"]
            if changes:
                await work.call(_SERVICE, "UpdateApi", ApiId=physical.id, **changes)
        await _retag(work, _arn(work, physical.id), old, new)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the API with everything in it."""
        await work.attempt(_NOT_FOUND, _SERVICE, "DeleteApi", ApiId=physical.id)


def _arn(work: Work, id: str, *more: str) -> str:
    return "/".join((f"arn:aws:apigateway:{work.region}::/apis/{id}", *more))


class Route(Part):
    """AWS::ApiGatewayV2::Route. Its id is the route's."""

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change what differs; request parameters that are no longer named are removed."""
        before, after = old.get("RequestParameters", {}), new.get("RequestParameters", {})
        for key in before.keys() - after.keys():
            place = {"ApiId": new["ApiId"], "RouteId": physical.id, "RequestParameterKey": key}
            await work.attempt(_NOT_FOUND, _SERVICE, "DeleteRouteRequestParameter", **place)
        kept = {key: value for key, value in before.items() if key in after}
        await super().update(work, physical, {**old, "RequestParameters": kept}, {**new, "RequestParameters": after})
        return physical


class Stage(Part):
    """AWS::ApiGatewayV2::Stage. Its id is its name."""

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change what differs; settings of routes that are no longer named are removed."""
        place = {"ApiId": new["ApiId"], "StageName": physical.id}
        for key in old.get("RouteSettings", {}):
            if key not in new.get("RouteSettings", {}):
                await work.attempt(_NOT_FOUND, _SERVICE, "DeleteRouteSettings", RouteKey=key, **place)
        kept = {
            key: value for key, value in old.get("RouteSettings", {}).items() if key in new.get("RouteSettings", {})
        }
        if "RouteSettings" in old:
            old = {**old, "RouteSettings": kept}
        await super().update(work, physical, old, new)
        await _retag(work, _arn(work, new["ApiId"], "stages", physical.id), old, new)
        return physical


class DomainName(Part):
    """AWS::ApiGatewayV2::DomainName. Its id is the name."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the domain name."""
        physical = await super().create(work, properties)
        shown = await work.call(_SERVICE, "GetDomainName", DomainName=physical.id)
        configuration = shown["DomainNameConfigurations"][0]
        attributes = {
            "DomainName": physical.id,
            "DomainNameArn": shown["DomainNameArn"],
            "RegionalDomainName": configuration["ApiGatewayDomainName"],
            "RegionalHostedZoneId": configuration["HostedZoneId"],
        }
        return Physical(physical.id, attributes)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change what differs."""
        await super().update(work, physical, old, new)
        await _retag(work, physical.attributes["DomainNameArn"], old, new)
        return physical


_MAPPING: Final = Noun(
    "ApiMapping",
    "ApiMappingId",
    ("DomainName",),
    ("ApiId", "ApiMappingKey", "Stage"),
    "ApiMappingKey",
    ("ApiMappingId",),
)


class ApiMapping(Part):
    """AWS::ApiGatewayV2::ApiMapping. Its id is the mapping's."""

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change it; the API is always said."""
        _refuse(work, new, {*_MAPPING.parents, *_MAPPING.changeable})
        changes = {"ApiMappingKey": "", **chosen(new, *_MAPPING.changeable)}
        await work.call(_SERVICE, "UpdateApiMapping", DomainName=new["DomainName"], ApiMappingId=physical.id, **changes)
        return physical


class ManagedOverrides(Handler):
    """AWS::ApiGatewayV2::ApiGatewayManagedOverrides: what quick create made, changed. Its id is the API's."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Change the integration, route and stage that the API's quick create has made."""
        _refuse(work, properties, {"ApiId", "Integration", "Route", "Stage"})
        api = {"ApiId": properties["ApiId"]}
        await work.made(api["ApiId"])
        for noun, id in (("Integration", "IntegrationId"), ("Route", "RouteId"), ("Stage", "StageName")):
            if noun not in properties:
                continue
            found = await work.call(_SERVICE, f"Get{noun}s", MaxResults=_PAGE, **api)
            made = next((item for item in found["Items"] if item.get("ApiGatewayManaged")), None)
            if made is None:
                raise HandlerFailed(f"The API {api['ApiId']} has no {noun} that is managed by API Gateway.")
            given = stage(properties[noun]) if noun == "Stage" else properties[noun]
            await work.call(_SERVICE, f"Update{noun}", **{**given, **api, id: made[id]})
        return Physical(api["ApiId"])

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change them again."""
        return await self.create(work, new)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Nothing: they stay as they are, and go with the API."""


_AUTHORIZER: Final = (
    *("AuthorizerCredentialsArn", "AuthorizerPayloadFormatVersion", "AuthorizerResultTtlInSeconds", "AuthorizerType"),
    *("AuthorizerUri", "EnableSimpleResponses", "IdentitySource", "IdentityValidationExpression", "JwtConfiguration"),
    "Name",
)
_INTEGRATION: Final = (
    *(
        "ConnectionId",
        "ConnectionType",
        "ContentHandlingStrategy",
        "CredentialsArn",
        "Description",
        "IntegrationMethod",
    ),
    *("IntegrationSubtype", "IntegrationType", "IntegrationUri", "PassthroughBehavior", "PayloadFormatVersion"),
    *("RequestParameters", "RequestTemplates", "ResponseParameters", "TemplateSelectionExpression", "TimeoutInMillis"),
    "TlsConfig",
)
_RESPONSE: Final = (
    *("ContentHandlingStrategy", "IntegrationResponseKey", "ResponseParameters", "ResponseTemplates"),
    "TemplateSelectionExpression",
)
_ROUTE: Final = (
    *("ApiKeyRequired", "AuthorizationScopes", "AuthorizationType", "AuthorizerId", "ModelSelectionExpression"),
    *("OperationName", "RequestModels", "RequestParameters", "RouteKey", "RouteResponseSelectionExpression", "Target"),
)
_ROUTE_RESPONSE: Final = ("ModelSelectionExpression", "ResponseModels", "ResponseParameters", "RouteResponseKey")
_STAGE: Final = (
    *("AccessLogSettings", "AutoDeploy", "ClientCertificateId", "DefaultRouteSettings", "DeploymentId", "Description"),
    *("RouteSettings", "StageVariables"),
)
_DOMAIN: Final = ("DomainNameConfigurations", "MutualTlsAuthentication", "RoutingMode")
_API: Final = ("ApiId",)

HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::ApiGatewayV2::Api": Api(),
    "AWS::ApiGatewayV2::ApiGatewayManagedOverrides": ManagedOverrides(),
    "AWS::ApiGatewayV2::ApiMapping": ApiMapping(_MAPPING),
    "AWS::ApiGatewayV2::Authorizer": Part(
        Noun("Authorizer", "AuthorizerId", _API, _AUTHORIZER, "Name", ("AuthorizerId",))
    ),
    "AWS::ApiGatewayV2::Deployment": Part(
        Noun("Deployment", "DeploymentId", _API, ("Description",), "", ("DeploymentId",), fixed=("StageName",))
    ),
    "AWS::ApiGatewayV2::DomainName": DomainName(
        Noun("DomainName", "DomainName", (), _DOMAIN, "DomainName", fixed=("DomainName", "Tags"))
    ),
    "AWS::ApiGatewayV2::Integration": Part(
        Noun("Integration", "IntegrationId", _API, _INTEGRATION, "", ("IntegrationId",), integration)
    ),
    "AWS::ApiGatewayV2::IntegrationResponse": Part(
        Noun(
            "IntegrationResponse",
            "IntegrationResponseId",
            ("ApiId", "IntegrationId"),
            _RESPONSE,
            "IntegrationResponseKey",
            ("IntegrationResponseId",),
        )
    ),
    "AWS::ApiGatewayV2::Model": Part(
        Noun("Model", "ModelId", _API, ("ContentType", "Description", "Name", "Schema"), "Name", ("ModelId",), model)
    ),
    "AWS::ApiGatewayV2::Route": Route(Noun("Route", "RouteId", _API, _ROUTE, "RouteKey", ("RouteId",), route)),
    "AWS::ApiGatewayV2::RouteResponse": Part(
        Noun(
            "RouteResponse",
            "RouteResponseId",
            ("ApiId", "RouteId"),
            _ROUTE_RESPONSE,
            "RouteResponseKey",
            ("RouteResponseId",),
            route,
        )
    ),
    "AWS::ApiGatewayV2::Stage": Stage(
        Noun(
            "Stage",
            "StageName",
            _API,
            _STAGE,
            "StageName",
            params=stage,
            fixed=("StageName", "AccessPolicyId", "Tags"),
        )
    ),
    "AWS::ApiGatewayV2::VpcLink": Part(
        Noun(
            "VpcLink",
            "VpcLinkId",
            (),
            ("Name",),
            "Name",
            ("VpcLinkId",),
            fixed=("SecurityGroupIds", "SubnetIds", "Tags"),
        )
    ),
}
