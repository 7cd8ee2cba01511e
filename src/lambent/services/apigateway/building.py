"""The parts of an API made from what a request says, with AWS's checks: methods, responses, authorizers, models.
Integrations are in integrating.py.

Everything here is pure. `Known` is what a method may refer to; imports pass their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from lambent.contracts.ports import Reader

from . import keys, schemas
from .errors import BadRequestException, ConflictException, invalid_mapping
from .model import Authorizer, Method, MethodResponse, Model, Resource, Validator

VERBS: Final = ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "ANY")
AUTHORIZATIONS: Final = ("NONE", "AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS")
TTL_MAX_S: Final = 3600
SCHEMA_CHARACTERS_MAX: Final = 400_000
_PART: Final = re.compile(r"(?:[a-zA-Z0-9._\-:$]+|\{[a-zA-Z0-9._\-:$]+\+?\})", re.ASCII).fullmatch
_NAME: Final = re.compile(r"[a-zA-Z0-9]+", re.ASCII).fullmatch
_NAMED: Final = r"[a-zA-Z0-9._$\-]+"
_REQUEST_PARAMETER: Final = re.compile(
    rf"method\.request\.(?:path|querystring|multivaluequerystring|header|multivalueheader)\.({_NAMED}(?:\[\])?)"
).fullmatch
_RESPONSE_PARAMETER: Final = re.compile(rf"method\.response\.(?:header|multivalueheader)\.{_NAMED}").fullmatch
_NO_AUTHORIZER: Final = (
    "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid "
    "authorizer."
)


class Known(NamedTuple):
    """What methods may refer to: names of models, ids of validators, authorizers by id."""

    models: Collection[str]
    validators: Collection[str]
    authorizers: Mapping[str, Authorizer]


def known(tx: Reader, api: str) -> Known:
    """What the methods of a stored API may refer to."""
    return Known(
        {model.name for _, model in keys.models.scan(tx, api)},
        {validator.id for _, validator in keys.validators.scan(tx, api)},
        {authorizer.id: authorizer for _, authorizer in keys.authorizers.scan(tx, api)},
    )


# -- resources --------------------------------------------------------------------------------------------------------


def join(parent: str, part: str) -> str:
    """The path of a resource below the path `parent`."""
    return f"{parent.rstrip('/')}/{part}"


def resource(id: str, parent: Resource, part: str, others: Iterable[Resource]) -> Resource:
    """A resource below another; `others` are those that the API has."""
    if not _PART(part):
        raise BadRequestException(
            "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the "
            "beginning and the end."
        )
    if parent.part.endswith("+}"):
        raise BadRequestException(f"Cannot create a child of a resource with a greedy path variable: {parent.path}")
    for sibling in others:
        if sibling.parent != parent.id or sibling.id == id:
            continue
        if sibling.part == part:
            raise ConflictException(f"Another resource with the same parent already has this name: {part}")
        if sibling.part.startswith("{") and part.startswith("{"):
            raise BadRequestException(
                f"A sibling ({sibling.id}) of this resource already has a variable path part -- only one is allowed"
            )
    return Resource(id=id, parent=parent.id, part=part, path=join(parent.path, part))


# -- methods ----------------------------------------------------------------------------------------------------------


def verb(given: str) -> str:
    """A method's verb, checked."""
    if given not in VERBS:
        raise BadRequestException(f"Invalid HttpMethod specified. Valid options are {','.join(VERBS)}")
    return given


def method(given: Mapping[str, Any], there: Known) -> Method:
    """A method as PutMethod's members describe it."""
    return check_method(
        Method(
            http_method=verb(given["httpMethod"]),
            authorization=given.get("authorizationType") or "",
            authorizer_id=given.get("authorizerId") or None,
            scopes=tuple(given.get("authorizationScopes") or ()),
            api_key_required=bool(given.get("apiKeyRequired")),
            validator_id=given.get("requestValidatorId") or None,
            operation_name=given.get("operationName"),
            parameters=_entries(given, "requestParameters"),
            models=_entries(given, "requestModels"),
        ),
        there,
    )


def check_method(made: Method, there: Known) -> Method:
    """A method, if all of it is right; an authorizer that does not apply is dropped."""
    if made.authorization not in AUTHORIZATIONS:
        raise BadRequestException(f"Invalid authorization type specified. Valid options are {','.join(AUTHORIZATIONS)}")
    if made.authorization in ("CUSTOM", "COGNITO_USER_POOLS"):
        found = there.authorizers.get(made.authorizer_id or "")
        if found is None or (found.type == "COGNITO_USER_POOLS") != (made.authorization == "COGNITO_USER_POOLS"):
            raise BadRequestException(_NO_AUTHORIZER)
    else:
        made = replace(made, authorizer_id=None)
    if made.validator_id and made.validator_id not in there.validators:
        raise BadRequestException("Invalid Request Validator identifier specified")
    check_models(made.models, there)
    names = []
    for expression in made.parameters or ():
        fits = _REQUEST_PARAMETER(expression)
        if not fits:
            raise invalid_mapping(expression)
        names.append(fits[1])
    if len(set(names)) < len(names):
        raise BadRequestException("Parameter names must be unique across querystring, header and path")
    return made


def check_models(models: Mapping[str, str] | None, there: Known) -> None:
    """Refuse models that there are not."""
    for name in (models or {}).values():
        if name not in there.models:
            raise BadRequestException(f"Invalid model identifier specified: {name}")


def method_response(given: Mapping[str, Any], there: Known) -> MethodResponse:
    """A method's response as PutMethodResponse's members describe it."""
    return check_method_response(
        MethodResponse(
            status_code=given["statusCode"],
            parameters=_entries(given, "responseParameters"),
            models=_entries(given, "responseModels"),
        ),
        there,
    )


def check_method_response(made: MethodResponse, there: Known) -> MethodResponse:
    """A method's response, if all of it is right."""
    check_models(made.models, there)
    for expression in made.parameters or ():
        if not _RESPONSE_PARAMETER(expression):
            raise invalid_mapping(expression, noun="expression parameter")
    return made


def _entries(given: Mapping[str, Any], member: str) -> dict[str, Any] | None:
    found = given.get(member)
    return None if found is None else dict(found)


# -- authorizers, validators and models -------------------------------------------------------------------------------


def authorizer(given: Mapping[str, Any], id: str) -> Authorizer:
    """An authorizer as CreateAuthorizer's members describe it."""
    kind = given["type"]
    return check_authorizer(
        Authorizer(
            id=id,
            name=given["name"],
            type=kind,
            provider_arns=tuple(given.get("providerARNs") or ()),
            auth_type=given.get("authType") or ("cognito_user_pools" if kind == "COGNITO_USER_POOLS" else "custom"),
            uri=given.get("authorizerUri"),
            credentials=given.get("authorizerCredentials"),
            identity_source=given.get("identitySource"),
            identity_validation=given.get("identityValidationExpression"),
            ttl_s=given.get("authorizerResultTtlInSeconds"),
        )
    )


def check_authorizer(made: Authorizer) -> Authorizer:
    """An authorizer, if all of it is right."""
    if not made.name:
        raise BadRequestException("Authorizer name cannot be empty")
    if made.ttl_s is not None and not 0 <= made.ttl_s <= TTL_MAX_S:
        raise BadRequestException("Authorizer result TTL must be between 0 and 3600 seconds")
    if made.type == "COGNITO_USER_POOLS":
        if not made.provider_arns or not all(":userpool/" in arn for arn in made.provider_arns):
            raise BadRequestException("Invalid Authorizer: providerARNs must be ARNs of Cognito user pools")
        return made
    if not made.uri or not _is_function(made.uri):
        raise BadRequestException(f"Invalid Authorizer URI: {made.uri}. Authorizer URI should be a valid API Gateway "
                                  "ARN that represents a Lambda function invocation.")  # fmt: skip
    caching = made.type == "TOKEN" or made.ttl_s != 0
    if caching and not made.identity_source:
        raise BadRequestException("Identity source should be specified for the authorizer")
    return made


def _is_function(uri: str) -> bool:
    """Whether a URI invokes a Lambda function; stage variables may stand for any part of its name."""
    return uri.startswith("arn:") and ":lambda:path/" in uri and "/functions/" in uri


def validator(given: Mapping[str, Any], id: str) -> Validator:
    """A request validator as CreateRequestValidator's members describe it."""
    return Validator(
        id=id,
        name=given.get("name") or "",
        body=bool(given.get("validateRequestBody")),
        parameters=bool(given.get("validateRequestParameters")),
    )


def model(given: Mapping[str, Any], id: str) -> Model:
    """A model as CreateModel's members describe it."""
    return check_model(
        Model(
            id=id,
            name=given["name"],
            content_type=given["contentType"],
            schema=given.get("schema") or "",
            description=given.get("description"),
        )
    )


def check_model(made: Model) -> Model:
    """A model, if all of it is right."""
    if not _NAME(made.name):
        raise BadRequestException(f"Model name must be alphanumeric: {made.name}")
    if len(made.schema) > SCHEMA_CHARACTERS_MAX:
        raise BadRequestException(f"Model schema exceeds maximum size of {SCHEMA_CHARACTERS_MAX} characters")
    if made.schema and made.content_type.endswith("json"):
        try:
            schema = json.loads(made.schema)
        except (ValueError, RecursionError):
            schema = None
        if not isinstance(schema, dict) or schemas.too_deep(schema):
            raise BadRequestException(
                "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified]"
            )
    return made
