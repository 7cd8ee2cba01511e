"""REST APIs: made, shown, changed, and deleted with all that is theirs."""

from __future__ import annotations

import json
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kv.table import Table
from lambent.policy import MalformedPolicyDocument, parse_document

from .. import keys
from ..common.ids import claim, new_id
from ..deleting import delete_api, domains_of
from ..errors import BadRequestException, LimitExceededException, no_api
from ..model import Model, Resource, RestApi
from ..patching import ALL, Patch, Patcher, Rule, flag, member, text
from ..service import find_api, operation, page_of, read_tags
from ..views import show_api

APIS_MAX: Final = 600
ENDPOINTS: Final = ("REGIONAL", "EDGE", "PRIVATE")
COMPRESSION_MAX: Final = 10_485_760
NAME_CHARACTERS_MAX: Final = 255
_COMPRESSION: Final = "Invalid minimum compression size, must be between 0 and 10485760"
_DUALSTACK: Final = "Only dualstack ipAddressType is supported for Private APIs."
_BAD_POLICY: Final = "Invalid policy document. Please check the policy syntax and ensure that Principals are valid."
_DRAFT: Final = "http://json-schema.org/draft-04/schema#"
_EMPTY: Final = {"$schema": _DRAFT, "title": "Empty Schema", "type": "object"}
_ERROR: Final = {
    "$schema": _DRAFT,
    "title": "Error Schema",
    "type": "object",
    "properties": {"message": {"type": "string"}},
}


@operation("write")
def create_rest_api(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Make an API with its root resource and the two models that every API begins with, or as a copy of another."""
    if req.get("description") == "":
        raise BadRequestException("Description cannot be an empty string")
    name = _name(req["name"])
    types, ip_address_type, vpc_endpoints = _endpoint(req.get("endpointConfiguration") or {})
    compression = _compression(req.get("minimumCompressionSize"))
    if len(keys.apis.scan(tx, ctx.account, ctx.region, limit=APIS_MAX)) >= APIS_MAX:
        raise LimitExceededException("Maximum number of APIs for this account has been reached. Please contact AWS if "
                                     "you need additional APIs.")  # fmt: skip
    source = find_api(ctx, tx, req["cloneFrom"]) if req.get("cloneFrom") else None
    api_id = claim(tx, ctx.cloud.ids, ctx.account, ctx.region, "REST")
    api = RestApi(
        id=api_id,
        account=ctx.account,
        region=ctx.region,
        name=name,
        root=source.root if source else new_id(ctx.cloud.ids),
        created_ms=ctx.now_ms,
        description=req.get("description"),
        version=req.get("version"),
        binary_media_types=tuple(req.get("binaryMediaTypes") or ()),
        minimum_compression=compression,
        api_key_source=req.get("apiKeySource") or "HEADER",
        endpoint_types=types,
        vpc_endpoints=vpc_endpoints,
        ip_address_type=ip_address_type,
        security_policy=req.get("securityPolicy") or "",
        endpoint_access_mode=req.get("endpointAccessMode") or "",
        disable_execute_api=bool(req.get("disableExecuteApiEndpoint")),
        tags=read_tags(req.get("tags")),
    )
    api = replace(api, policy=read_policy(api, req.get("policy") or ""))
    if source is not None:
        _copy(tx, source, api)
    else:
        keys.resources.put(tx, Resource(id=api.root), api_id, api.root)
        _first_models(ctx, tx, api_id)
    keys.apis.put(tx, api, api.account, api.region, api_id)
    return show_api(api)


def _first_models(ctx: Context, tx: Transaction, api: str) -> None:
    for name, schema in (("Empty", _EMPTY), ("Error", _ERROR)):
        description = f"This is a default {name.lower()} schema model"
        model = Model(
            id=new_id(ctx.cloud.ids, 6),
            name=name,
            content_type="application/json",
            schema=json.dumps(schema, indent=2),
            description=description,
        )
        keys.models.put(tx, model, api, name)


def _copy(tx: Transaction, source: RestApi, api: RestApi) -> None:
    """All parts of an API under construction become parts of a new one; models refer to the new one's."""
    tables: tuple[Table[Any], ...] = (keys.resources, keys.authorizers, keys.validators)
    for table in tables:
        for key, record in table.scan(tx, source.id):
            table.put(tx, record, api.id, table.parts(key)[1])
    for _, model in keys.models.scan(tx, source.id):
        schema = model.schema.replace(f"/restapis/{source.id}/models/", f"/restapis/{api.id}/models/")
        keys.models.put(tx, replace(model, schema=schema), api.id, model.name)
    for _, response in keys.responses.scan(tx, source.id):
        keys.responses.put(tx, response, api.id, response.type)


def _name(name: str) -> str:
    if not name:
        raise BadRequestException("Name cannot be an empty string")
    if len(name) > NAME_CHARACTERS_MAX:
        raise BadRequestException(f"API name exceeds maximum size of {NAME_CHARACTERS_MAX} characters")
    return name


def _endpoint(given: dict[str, Any]) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """Types, address type and VPC endpoints."""
    types = tuple(given["types"] if given.get("types") is not None else ("EDGE",))
    if not types:
        raise BadRequestException("REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.")
    if len(types) > 1:
        raise BadRequestException("Cannot create an api with multiple Endpoint Types.")
    address_type = given.get("ipAddressType") or ("dualstack" if types == ("PRIVATE",) else "ipv4")
    vpc_endpoints = tuple(given.get("vpcEndpointIds") or ())
    _check_endpoint(types, address_type, vpc_endpoints)
    return types, address_type, vpc_endpoints


def _check_endpoint(types: tuple[str, ...], address_type: str, vpc_endpoints: tuple[str, ...]) -> None:
    if types == ("PRIVATE",) and address_type == "ipv4":
        raise BadRequestException(_DUALSTACK)
    if vpc_endpoints and types != ("PRIVATE",):
        raise BadRequestException("VPCEndpoints can only be specified with PRIVATE apis.")


def _compression(size: Any) -> int | None:
    """A smallest size to compress, in bytes; None: nothing is compressed."""
    if size is None:
        return None
    try:
        number = int(size)
    except ValueError:
        number = -1
    if not 0 <= number <= COMPRESSION_MAX:
        raise BadRequestException(_COMPRESSION)
    return number


def read_policy(api: RestApi, policy: str) -> str:
    """A resource policy, checked; `execute-api:/...` becomes the ARN of this API. Empty: none."""
    if not policy:
        return ""
    try:
        document = json.loads(policy)
        for statement in _statements(document):
            for element in ("Resource", "NotResource"):
                if element in statement:
                    statement[element] = _whole(api, statement[element])
        text = json.dumps(document, separators=(",", ":"))
        parse_document(text, "resource")
    except (MalformedPolicyDocument, ValueError, RecursionError):
        raise BadRequestException(_BAD_POLICY) from None
    return text


def _statements(document: Any) -> list[dict[str, Any]]:
    found = document.get("Statement", []) if isinstance(document, dict) else []
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]


def _whole(api: RestApi, resource: Any) -> Any:
    if isinstance(resource, list):
        return [_whole(api, one) for one in resource]
    if isinstance(resource, str) and resource.startswith("execute-api:/"):
        return f"arn:aws:execute-api:{api.region}:{api.account}:{api.id}/{resource.removeprefix('execute-api:/')}"
    return resource


@operation("read")
def get_rest_api(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Show an API."""
    return show_api(find_api(ctx, tx, req["restApiId"]), tags=True)


@operation("read")
def get_rest_apis(ctx: Context, tx: Reader, req: dict[str, Any]) -> Any:
    """List the account's APIs, the oldest first."""
    found = [api for _, api in keys.apis.scan(tx, ctx.account, ctx.region)]
    return page_of(found, req, lambda api: f"{api.created_ms:020}{api.id}", show_api)


def _change_compression(api: RestApi, patch: Patch) -> RestApi:
    return replace(api, minimum_compression=_compression(patch.value or None))


def _change_type(api: RestApi, patch: Patch) -> RestApi:
    """Another endpoint type in the place of the one there is, of which the path gives the name or the index; a private
    API has both kinds of addresses."""
    named = patch.value if patch.op == "replace" else patch.name if patch.name in ENDPOINTS else patch.value
    if named not in ENDPOINTS:
        raise BadRequestException(f"Invalid EndpointTypes specified. Valid options are {','.join(ENDPOINTS)}")
    left = () if patch.op == "replace" else tuple(kind for kind in api.endpoint_types if kind != named)
    types = left if patch.op == "remove" else (*left, named)
    private = types == ("PRIVATE",)
    return replace(api, endpoint_types=types, ip_address_type="dualstack" if private else api.ip_address_type)


def _change_address_type(api: RestApi, patch: Patch) -> RestApi:
    if patch.value not in ("ipv4", "dualstack"):
        raise BadRequestException("ipAddressType must be either ipv4 or dualstack.")
    return replace(api, ip_address_type=patch.value)


def _change_key_source(api: RestApi, patch: Patch) -> RestApi:
    if patch.value not in ("HEADER", "AUTHORIZER"):
        raise BadRequestException("Invalid API key source specified. Valid options are HEADER,AUTHORIZER")
    return replace(api, api_key_source=patch.value)


def _change_name(api: RestApi, patch: Patch) -> RestApi:
    return replace(api, name=_name(patch.value or ""))


_TYPE_OPS: Final = "Invalid patch operation specified. Must be 'add'|'remove'|'replace'"
_PATCHER: Final = Patcher(
    Rule("/name", _change_name),
    Rule("/description", text("description"), ALL),
    Rule("/version", text("version"), ALL),
    Rule("/binaryMediaTypes/{}", member("binary_media_types"), ALL),
    Rule("/minimumCompressionSize", _change_compression),
    Rule("/apiKeySource", _change_key_source),
    Rule("/policy", lambda api, patch: replace(api, policy=read_policy(api, patch.value or ""))),
    Rule("/disableExecuteApiEndpoint", flag("disable_execute_api")),
    Rule("/endpointConfiguration/types/{}", _change_type, ALL, _TYPE_OPS),
    Rule("/endpointConfiguration/types", _change_type, ALL, _TYPE_OPS),
    Rule("/endpointConfiguration/ipAddressType", _change_address_type),
    Rule("/endpointConfiguration/vpcEndpointIds", member("vpc_endpoints"), ("add", "remove")),
    Rule("/endpointConfiguration/vpcEndpointIds/{}", member("vpc_endpoints"), ("add", "remove")),
    Rule("/securityPolicy", text("security_policy", "")),
    Rule("/endpointAccessMode", text("endpoint_access_mode", "")),
)


@operation("write")
def update_rest_api(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Change an API."""
    api = find_api(ctx, tx, req["restApiId"])
    api = _PATCHER.apply(api, req.get("patchOperations") or ())
    if len(api.endpoint_types) > 1:
        raise BadRequestException("Cannot create an api with multiple Endpoint Types.")
    if not api.endpoint_types:
        raise BadRequestException("REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.")
    _check_endpoint(api.endpoint_types, api.ip_address_type, api.vpc_endpoints)
    keys.apis.put(tx, api, api.account, api.region, api.id)
    return show_api(api, tags=True)


@operation("write")
def delete_rest_api(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Delete an API and everything that is its."""
    api = keys.apis.get(tx, ctx.account, ctx.region, req["restApiId"])
    if api is None:
        raise no_api(ctx.account, req["restApiId"])
    mapped = domains_of(tx, api)
    if mapped:
        raise BadRequestException(
            f"Deleting RestApi {api.id} failed. Please remove all base path mappings related to the RestApi in your "
            f"domains: {', '.join(mapped)}"
        )
    delete_api(tx, api)
