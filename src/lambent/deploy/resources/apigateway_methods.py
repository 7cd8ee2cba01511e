"""AWS::ApiGateway::Method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..template.parameters import text
from .apigateway_base import NOT_FOUND, SERVICE, params, refuse, texts
from .base import Handler, Physical, Work

_WHERE: Final = ("RestApiId", "ResourceId", "HttpMethod")
_METHOD: Final = (
    "ApiKeyRequired", "AuthorizationScopes", "AuthorizationType", "AuthorizerId", "OperationName", "RequestModels",
    "RequestParameters", "RequestValidatorId",
)  # fmt: skip
_INTEGRATION: Final = (
    "CacheKeyParameters", "CacheNamespace", "ConnectionId", "ConnectionType", "ContentHandling", "Credentials",
    "IntegrationTarget", "PassthroughBehavior", "RequestParameters", "RequestTemplates", "ResponseTransferMode",
    "TimeoutInMillis", "Type", "Uri",
)  # fmt: skip
_MAPS: Final = frozenset(("requestTemplates", "responseTemplates", "requestModels", "responseModels"))


class Method(Handler):
    """AWS::ApiGateway::Method: a method, its responses, its integration and that one's responses."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the method. One that a crash left half made is made anew."""
        refuse(work, properties, (*_WHERE, *_METHOD, "Integration", "MethodResponses"))
        if work.resumed:
            await self._delete(work, properties)
        id = "-".join((properties["RestApiId"], properties["ResourceId"], properties["HttpMethod"]))
        await self._put(work, properties, id)
        return Physical(id)

    async def _put(self, work: Work, properties: dict[str, Any], id: str) -> None:
        where = params(properties, *_WHERE)
        given = _maps(params(properties, *_METHOD))
        if "requestParameters" in given:
            given["requestParameters"] = _flags(given["requestParameters"])
        given.setdefault("authorizationType", "NONE")
        await work.call(SERVICE, "PutMethod", **where, **given)
        await work.made(id)
        for response in properties.get("MethodResponses", []):
            more = _maps(params(response, "ResponseModels", "ResponseParameters"))
            if "responseParameters" in more:
                more["responseParameters"] = _flags(more["responseParameters"])
            status = text(response["StatusCode"])
            await work.call(SERVICE, "PutMethodResponse", **where, statusCode=status, **more)
        integration = properties.get("Integration")
        if integration is not None:
            declared = {text(response["StatusCode"]) for response in properties.get("MethodResponses", [])}
            await self._integrate(work, where, integration, declared)

    async def _integrate(
        self, work: Work, where: dict[str, Any], integration: dict[str, Any], declared: set[str]
    ) -> None:
        given = _maps(params(integration, *_INTEGRATION))
        if "requestParameters" in given:
            given["requestParameters"] = texts(given["requestParameters"])
        if "IntegrationHttpMethod" in integration:
            given["integrationHttpMethod"] = integration["IntegrationHttpMethod"]
        await work.call(SERVICE, "PutIntegration", **where, **given)
        for response in integration.get("IntegrationResponses", []):
            more = _maps(params(response, "ContentHandling", "ResponseTemplates", "SelectionPattern"))
            if "ResponseParameters" in response:
                more["responseParameters"] = texts(response["ResponseParameters"])
            one = {**where, "statusCode": text(response["StatusCode"])}
            # A template may answer a status that its method does not declare, which the single operations refuse: it
            # is declared for as long as that takes.
            undeclared = one["statusCode"] not in declared
            if undeclared:
                await work.call(SERVICE, "PutMethodResponse", **one)
            await work.call(SERVICE, "PutIntegrationResponse", **one, **more)
            if undeclared:
                await work.call(SERVICE, "DeleteMethodResponse", **one)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Make it anew in its place: what serves requests is a deployment, which this does not touch."""
        refuse(work, new, (*_WHERE, *_METHOD, "Integration", "MethodResponses"))
        await self._delete(work, new)
        await self._put(work, new, physical.id)
        return physical

    async def _delete(self, work: Work, properties: dict[str, Any]) -> None:
        await work.attempt(NOT_FOUND, SERVICE, "DeleteMethod", **params(properties, *_WHERE))

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the method."""
        await self._delete(work, properties)


def _maps(given: dict[str, Any]) -> dict[str, Any]:
    """Parameters with maps of texts made texts."""
    return {name: texts(value) if name in _MAPS else value for name, value in given.items()}


def _flags(value: Mapping[str, Any]) -> dict[str, bool]:
    """A map whose values are flags, which templates may write as texts."""
    return {name: text(flag).lower() == "true" for name, flag in value.items()}


HANDLERS: Final[Mapping[str, Handler]] = {"AWS::ApiGateway::Method": Method()}
