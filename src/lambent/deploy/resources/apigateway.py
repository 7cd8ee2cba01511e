"""AWS::ApiGateway::RestApi, Resource, Model, RequestValidator, Authorizer and GatewayResponse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from lambent.contracts.errors import ServiceError

from ..template.parameters import text
from .apigateway_base import (
    CONFLICT,
    NOT_FOUND,
    SERVICE,
    escape,
    fetch,
    listed,
    lower,
    made,
    params,
    patched,
    patches,
    put_tags,
    refuse,
    replaced,
    tagged,
    texts,
)
from .base import Handler, HandlerFailed, Physical, Work, document


class RestApi(Handler):
    """AWS::ApiGateway::RestApi. Its id is the API's. What the template says of the API itself goes before what its
    Body says."""

    _PLAIN: Final[Mapping[str, Any]] = {
        "ApiKeySourceType": "HEADER",
        "Description": "",
        "DisableExecuteApiEndpoint": False,
        "MinimumCompressionSize": "",
        "Name": None,
        "Policy": "",
        "Version": "",
    }
    _IMPORTED: Final = ("Body", "BodyS3Location", "FailOnWarnings", "Mode", "Parameters")
    _BUILT: Final = (
        *_PLAIN, *_IMPORTED, "BinaryMediaTypes", "CloneFrom", "EndpointConfiguration", "SecurityPolicy", "Tags",
    )  # fmt: skip

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the API, import its body, and let the template's own words win."""
        refuse(work, properties, self._BUILT)
        body = await _body(work, properties)
        if not work.physical_id:
            given = {"name": self._name(work, properties, body), **self._endpoint(properties)}
            given |= params(properties, "CloneFrom", "SecurityPolicy") | tagged(work, properties)

            async def found() -> Any:
                for one in await listed(work, "GetRestApis"):
                    if one["name"] == given["name"] and work.ours(one["createdDate"]):
                        return one
                return None

            await made(work, "CreateRestApi", given, "id", found)
        return await self._bring(work, work.physical_id, {}, properties, body)

    def _name(self, work: Work, properties: dict[str, Any], body: bytes | None) -> str:
        name = properties.get("Name")
        if not name and body is None:
            raise HandlerFailed("Property Name is required when neither Body nor BodyS3Location is given.")
        # The body's title is the name once the body is imported.
        return str(name or work.name(128))

    def _endpoint(self, properties: dict[str, Any]) -> dict[str, Any]:
        given = properties.get("EndpointConfiguration")
        if not given:
            return {}
        return {"endpointConfiguration": {lower(name): value for name, value in given.items()}}

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Import the body anew where that matters, and set what differs."""
        refuse(work, new, self._BUILT)
        if old.get("CloneFrom") != new.get("CloneFrom"):
            raise HandlerFailed("CloneFrom of an API cannot be updated.")
        body = await _body(work, new) if self._imports_anew(old, new) else None
        result = await self._bring(work, physical.id, old, new, body)
        await put_tags(work, f"/restapis/{physical.id}", old, new)
        return result

    def _imports_anew(self, old: dict[str, Any], new: dict[str, Any]) -> bool:
        """Whether the body is another one, or must speak again where the template no longer does. An import takes away
        what other resources of the stack have added, so none is made without need."""
        changed = any(old.get(name) != new.get(name) for name in (*self._IMPORTED, "BinaryMediaTypes"))
        return changed or any(name in old and name not in new for name in self._PLAIN)

    async def _bring(
        self, work: Work, id: str, old: dict[str, Any], new: dict[str, Any], body: bytes | None
    ) -> Physical:
        if body is not None:
            more = {"failOnWarnings": new["FailOnWarnings"]} if "FailOnWarnings" in new else {}
            if new.get("Parameters"):
                more["parameters"] = texts(_object(new["Parameters"]))
            mode = new.get("Mode", "overwrite")
            await work.call(SERVICE, "PutRestApi", restApiId=id, mode=mode, body=body, **more)
        api = await work.call(SERVICE, "GetRestApi", restApiId=id)
        wanted = [*self._plain(old, new), *_media(api, old, new), *_endpoints(api, new)]
        if wanted:
            api = await work.call(SERVICE, "UpdateRestApi", restApiId=id, patchOperations=wanted)
        return Physical(id, {"RestApiId": id, "RootResourceId": api["rootResourceId"]})

    def _plain(self, old: dict[str, Any], new: dict[str, Any]) -> list[dict[str, str]]:
        """What the template says, and the defaults of what it says no longer (a body has spoken again by then)."""
        imported = "Body" in new or "BodyS3Location" in new
        found = []
        for name, default in self._PLAIN.items():
            path = "/apiKeySource" if name == "ApiKeySourceType" else f"/{lower(name)}"
            if name in new:
                found.append(replaced(path, document(new[name]) if name == "Policy" else new[name]))
            elif name in old and default is not None and (not imported or name == "Policy"):
                found.append(replaced(path, default))
        if "SecurityPolicy" in new and "SecurityPolicy" in old and old["SecurityPolicy"] != new["SecurityPolicy"]:
            found.append(replaced("/securityPolicy", new["SecurityPolicy"]))
        return found

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the API with everything in it."""
        await work.attempt(NOT_FOUND, SERVICE, "DeleteRestApi", restApiId=physical.id)


def _object(value: Any) -> dict[str, Any]:
    """A property that may be an object or its JSON text."""
    found = json.loads(value) if isinstance(value, str) else value
    return found if isinstance(found, dict) else {}


async def _body(work: Work, properties: dict[str, Any]) -> bytes | None:
    """The document that an API is imported from; None when it has none."""
    if "Body" in properties:
        body = properties["Body"]
        return (body if isinstance(body, str) else json.dumps(body)).encode()
    if "BodyS3Location" in properties:
        return await fetch(work, properties["BodyS3Location"])
    return None


def _media(api: dict[str, Any], old: dict[str, Any], new: dict[str, Any]) -> list[dict[str, str]]:
    """Patches of the binary media types; templates may write their slashes as `~1`."""
    there = api.get("binaryMediaTypes", [])
    wanted = [name.replace("~1", "/") for name in new.get("BinaryMediaTypes", [])]
    gone = [name.replace("~1", "/") for name in old.get("BinaryMediaTypes", [])]
    found = [{"op": "add", "path": f"/binaryMediaTypes/{escape(name)}"} for name in wanted if name not in there]
    if "Body" in new or "BodyS3Location" in new:
        # The import has just set the body's own types: none of the old ones is left.
        return found
    removed = [name for name in gone if name in there and name not in wanted]
    return found + [{"op": "remove", "path": f"/binaryMediaTypes/{escape(name)}"} for name in removed]


def _endpoints(api: dict[str, Any], new: dict[str, Any]) -> list[dict[str, str]]:
    """Patches of the endpoint's type, addresses and VPC endpoints."""
    there, wanted = api["endpointConfiguration"], new.get("EndpointConfiguration") or {}
    found = []
    kind = there["types"][0]
    if wanted.get("Types") and wanted["Types"] != there["types"]:
        found.append(replaced(f"/endpointConfiguration/types/{kind}", wanted["Types"][0]))
    address = wanted.get("IpAddressType")
    if address and address != there.get("ipAddressType"):
        found.append(replaced("/endpointConfiguration/ipAddressType", address))
    if "VpcEndpointIds" in wanted:
        path, before, after = (
            "/endpointConfiguration/vpcEndpointIds",
            there.get("vpcEndpointIds", []),
            wanted["VpcEndpointIds"],
        )
        found += [{"op": "remove", "path": path, "value": id} for id in before if id not in after]
        found += [{"op": "add", "path": path, "value": id} for id in after if id not in before]
    return found


class Resource(Handler):
    """AWS::ApiGateway::Resource."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the resource."""
        api = properties["RestApiId"]
        given = params(properties, "RestApiId", "ParentId", "PathPart")

        async def found() -> Any:
            for one in await listed(work, "GetResources", restApiId=api):
                if (one.get("parentId"), one.get("pathPart")) == (given["parentId"], given["pathPart"]):
                    return one
            return None

        if not work.physical_id:
            await made(work, "CreateResource", given, "id", found)
        return Physical(work.physical_id, {"ResourceId": work.physical_id})

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the resource."""
        where = {"restApiId": properties["RestApiId"], "resourceId": physical.id}
        await work.attempt(NOT_FOUND, SERVICE, "DeleteResource", **where)


class Model(Handler):
    """AWS::ApiGateway::Model. Its id is its name."""

    name_property = "Name"

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the model."""
        refuse(work, properties, ("ContentType", "Description", "Name", "RestApiId", "Schema"))
        name = work.physical_id or properties.get("Name") or _alphanumeric(work.name(128))
        given = params(properties, "RestApiId", "Description")
        given |= {"name": name, "contentType": properties.get("ContentType", "application/json")}
        given["schema"] = document(properties.get("Schema", {}))
        if not work.physical_id:
            where = {"restApiId": properties["RestApiId"], "modelName": name}
            await made(
                work, "CreateModel", given, "name", lambda: work.attempt(NOT_FOUND, SERVICE, "GetModel", **where)
            )
        return Physical(name)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Describe it otherwise, or set another schema."""
        wanted = [replaced("/schema", document(new.get("Schema", {})))]
        wanted += patches(old, new, {"Description": ""})
        where = {"restApiId": new["RestApiId"], "modelName": physical.id}
        await work.call(SERVICE, "UpdateModel", patchOperations=wanted, **where)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the model."""
        where = {"restApiId": properties["RestApiId"], "modelName": physical.id}
        await work.attempt(NOT_FOUND, SERVICE, "DeleteModel", **where)


def _alphanumeric(name: str) -> str:
    return "".join(letter for letter in name if letter.isalnum())


class RequestValidator(Handler):
    """AWS::ApiGateway::RequestValidator."""

    name_property = "Name"
    _FLAGS: Final[Mapping[str, Any]] = {"ValidateRequestBody": False, "ValidateRequestParameters": False}

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the validator."""
        name = properties.get("Name") or work.name(128)
        given = {**params(properties, "RestApiId", *self._FLAGS), "name": name}
        if not work.physical_id:
            await made(
                work, "CreateRequestValidator", given, "id",
                lambda: _named(work, "GetRequestValidators", properties["RestApiId"], name),
            )  # fmt: skip
        return Physical(work.physical_id, {"RequestValidatorId": work.physical_id})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Validate other things."""
        where = {"restApiId": new["RestApiId"], "requestValidatorId": physical.id}
        await patched(work, "UpdateRequestValidator", patches(old, new, self._FLAGS), **where)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the validator."""
        where = {"restApiId": properties["RestApiId"], "requestValidatorId": physical.id}
        await work.attempt(NOT_FOUND, SERVICE, "DeleteRequestValidator", **where)


async def _named(work: Work, operation: str, api: str, name: str) -> Any:
    """The thing of an API with a name; None when there is none."""
    return next((one for one in await listed(work, operation, restApiId=api) if one.get("name") == name), None)


class Authorizer(Handler):
    """AWS::ApiGateway::Authorizer."""

    name_property = "Name"
    _PLAIN: Final[Mapping[str, Any]] = {
        "AuthType": None,
        "AuthorizerCredentials": "",
        "AuthorizerResultTtlInSeconds": 300,
        "AuthorizerUri": None,
        "IdentitySource": None,
        "IdentityValidationExpression": "",
        "Name": None,
        "Type": None,
    }

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the authorizer."""
        refuse(work, properties, (*self._PLAIN, "ProviderARNs", "RestApiId"))
        name = properties["Name"]
        given = params(properties, *self._PLAIN, "ProviderARNs", "RestApiId")
        if not work.physical_id:
            await made(
                work, "CreateAuthorizer", given, "id",
                lambda: _named(work, "GetAuthorizers", properties["RestApiId"], name),
            )  # fmt: skip
        return Physical(work.physical_id, {"AuthorizerId": work.physical_id})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Set what differs."""
        refuse(work, new, (*self._PLAIN, "ProviderARNs", "RestApiId"))
        wanted = patches(old, new, self._PLAIN)
        before, after = old.get("ProviderARNs", []), new.get("ProviderARNs", [])
        wanted += [{"op": "add", "path": "/providerARNs", "value": arn} for arn in after if arn not in before]
        wanted += [{"op": "remove", "path": "/providerARNs", "value": arn} for arn in before if arn not in after]
        await patched(work, "UpdateAuthorizer", wanted, restApiId=new["RestApiId"], authorizerId=physical.id)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the authorizer."""
        where = {"restApiId": properties["RestApiId"], "authorizerId": physical.id}
        await work.attempt(NOT_FOUND, SERVICE, "DeleteAuthorizer", **where)


class GatewayResponse(Handler):
    """AWS::ApiGateway::GatewayResponse."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Say it."""
        id = f"{properties['RestApiId']}:{properties['ResponseType']}"
        await work.made(id)
        given = params(properties, "RestApiId", "ResponseType")
        given |= {
            lower(n): texts(properties[n]) for n in ("ResponseParameters", "ResponseTemplates") if n in properties
        }
        if "StatusCode" in properties:
            given["statusCode"] = text(properties["StatusCode"])
        await work.call(SERVICE, "PutGatewayResponse", **given)
        return Physical(id, {"Id": id})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Say something else in its place."""
        return await self.create(work, new)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Let API Gateway answer in its own words again."""
        try:
            await work.attempt(
                NOT_FOUND, SERVICE, "DeleteGatewayResponse", **params(properties, "RestApiId", "ResponseType")
            )
        except ServiceError as error:
            if error.code != CONFLICT:
                raise


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::ApiGateway::Authorizer": Authorizer(),
    "AWS::ApiGateway::GatewayResponse": GatewayResponse(),
    "AWS::ApiGateway::Model": Model(),
    "AWS::ApiGateway::RequestValidator": RequestValidator(),
    "AWS::ApiGateway::Resource": Resource(),
    "AWS::ApiGateway::RestApi": RestApi(),
}
