"""Requests to fields of records, and records to what is shown: one table of names for each noun."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from lambent.contracts.ports import Settings

from ..common.addresses import api_url, websocket_url
from .model import AccessLog, Api, Authorizer, Cors, Deployment, Route, RouteResponse, RouteSettings, Stage, VpcLink

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Names = Mapping[str, str]

CORS: Final[Names] = {
    "AllowCredentials": "allow_credentials",
    "AllowHeaders": "allow_headers",
    "AllowMethods": "allow_methods",
    "AllowOrigins": "allow_origins",
    "ExposeHeaders": "expose_headers",
    "MaxAge": "max_age_s",
}
API: Final[Names] = {
    "ApiKeySelectionExpression": "api_key_selection",
    "Description": "description",
    "DisableExecuteApiEndpoint": "execute_api_disabled",
    "DisableSchemaValidation": "schema_validation_disabled",
    "IpAddressType": "ip_address_type",
    "Name": "name",
    "RouteSelectionExpression": "route_selection",
    "Tags": "tags",
    "Version": "version",
}
ROUTE: Final[Names] = {
    "ApiKeyRequired": "api_key_required",
    "AuthorizationScopes": "scopes",
    "AuthorizationType": "authorization_type",
    "AuthorizerId": "authorizer",
    "ModelSelectionExpression": "model_selection",
    "OperationName": "operation_name",
    "RequestModels": "request_models",
    "RouteKey": "key",
    "RouteResponseSelectionExpression": "response_selection",
    "Target": "target",
}
ROUTE_RESPONSE: Final[Names] = {
    "ModelSelectionExpression": "model_selection",
    "ResponseModels": "response_models",
    "RouteResponseKey": "key",
}
INTEGRATION: Final[Names] = {
    "ConnectionId": "connection_id",
    "ConnectionType": "connection_type",
    "ContentHandlingStrategy": "content_handling",
    "CredentialsArn": "credentials",
    "Description": "description",
    "IntegrationMethod": "method",
    "IntegrationSubtype": "subtype",
    "IntegrationType": "type",
    "IntegrationUri": "uri",
    "PassthroughBehavior": "passthrough",
    "PayloadFormatVersion": "payload_format",
    "RequestParameters": "request_parameters",
    "RequestTemplates": "request_templates",
    "ResponseParameters": "response_parameters",
    "TemplateSelectionExpression": "template_selection",
    "TimeoutInMillis": "timeout_ms",
}
INTEGRATION_RESPONSE: Final[Names] = {
    "ContentHandlingStrategy": "content_handling",
    "IntegrationResponseKey": "key",
    "ResponseParameters": "response_parameters",
    "ResponseTemplates": "response_templates",
    "TemplateSelectionExpression": "template_selection",
}
AUTHORIZER: Final[Names] = {
    "AuthorizerCredentialsArn": "credentials",
    "AuthorizerPayloadFormatVersion": "payload_format",
    "AuthorizerResultTtlInSeconds": "ttl_s",
    "AuthorizerType": "type",
    "AuthorizerUri": "uri",
    "EnableSimpleResponses": "simple_responses",
    "IdentitySource": "identity_source",
    "IdentityValidationExpression": "identity_validation",
    "Name": "name",
}
MODEL: Final[Names] = {"ContentType": "content_type", "Description": "description", "Name": "name", "Schema": "schema"}
SETTINGS: Final[Names] = {
    "DataTraceEnabled": "data_trace",
    "DetailedMetricsEnabled": "detailed_metrics",
    "LoggingLevel": "logging_level",
    "ThrottlingBurstLimit": "burst_limit",
    "ThrottlingRateLimit": "rate_limit",
}
STAGE: Final[Names] = {
    "AutoDeploy": "auto_deploy",
    "ClientCertificateId": "client_certificate",
    "DeploymentId": "deployment",
    "Description": "description",
    "StageName": "name",
    "StageVariables": "variables",
    "Tags": "tags",
}


def moment(time_ms: int) -> datetime:
    """A time as the wire takes it: whole seconds, as API Gateway shows them."""
    return _EPOCH + timedelta(seconds=time_ms // 1000)


def fields(req: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """The fields of a record that a request gives; lists become tuples."""
    return {
        field: tuple(value) if isinstance(value, list) else value
        for name, field in names.items()
        if (value := req.get(name)) is not None
    }


def shown(record: msgspec.Struct, names: Names) -> dict[str, Any]:
    """What a record shows: nothing of what was not given."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, field in names.items()
        if (value := getattr(record, field)) is not None
    }


def show_api(api: Api, settings: Settings) -> dict[str, Any]:
    """An API as GetApi shows it."""
    url = api_url if api.protocol == "HTTP" else websocket_url
    return {
        **shown(api, API),
        **({"CorsConfiguration": shown(api.cors, CORS)} if api.cors is not None else {}),
        **({"ImportInfo": list(api.import_info)} if api.import_info else {}),
        **({"Warnings": list(api.warnings)} if api.warnings else {}),
        "ApiEndpoint": url(settings, api.id, api.region),
        "ApiId": api.id,
        "CreatedDate": moment(api.created_ms),
        "ProtocolType": api.protocol,
    }


def show_route(route: Route) -> dict[str, Any]:
    """A route as GetRoute shows it."""
    view = shown(route, ROUTE)
    if not route.scopes:
        del view["AuthorizationScopes"]
    if route.request_parameters is not None:
        view["RequestParameters"] = constraints_shown(route.request_parameters)
    return {**view, "RouteId": route.id, **({"ApiGatewayManaged": True} if route.managed else {})}


def constraints(given: Mapping[str, Mapping[str, Any]]) -> dict[str, bool]:
    """Which parameters are required."""
    return {name: bool(constraint.get("Required", False)) for name, constraint in given.items()}


def constraints_shown(required: Mapping[str, bool]) -> dict[str, dict[str, bool]]:
    """The reverse of `constraints`."""
    return {name: {"Required": value} for name, value in required.items()}


def show_route_response(response: RouteResponse) -> dict[str, Any]:
    """A route's response as GetRouteResponse shows it."""
    view = {**shown(response, ROUTE_RESPONSE), "RouteResponseId": response.id}
    if response.response_parameters is not None:
        view["ResponseParameters"] = constraints_shown(response.response_parameters)
    return view


def show_authorizer(authorizer: Authorizer) -> dict[str, Any]:
    """An authorizer as GetAuthorizer shows it."""
    view = {**shown(authorizer, AUTHORIZER), "AuthorizerId": authorizer.id}
    jwt = shown(authorizer, {"Audience": "audience", "Issuer": "issuer"})
    return {**view, "JwtConfiguration": jwt} if jwt else view


def authorizer_fields(req: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an authorizer that a request gives."""
    jwt = fields(req.get("JwtConfiguration") or {}, {"Audience": "audience", "Issuer": "issuer"})
    return {**fields(req, AUTHORIZER), **jwt}


def show_deployment(deployment: Deployment) -> dict[str, Any]:
    """A deployment as GetDeployment shows it."""
    names = {"Description": "description", "DeploymentStatusMessage": "status_message", "AutoDeployed": "auto"}
    return {
        **shown(deployment, names),
        "CreatedDate": moment(deployment.created_ms),
        "DeploymentId": deployment.id,
        "DeploymentStatus": deployment.status,
    }


def settings_of(given: Mapping[str, Any]) -> RouteSettings:
    """Route settings from a request."""
    return RouteSettings(**fields(given, SETTINGS))


def show_stage(stage: Stage) -> dict[str, Any]:
    """A stage as GetStage shows it."""
    view = shown(stage, STAGE)
    if not stage.deployment:
        del view["DeploymentId"]
    if not stage.auto_deploy:
        del view["AutoDeploy"]
    if stage.access_log is not None:
        view["AccessLogSettings"] = shown(stage.access_log, {"DestinationArn": "destination", "Format": "format"})
    if stage.last_status is not None:
        view["LastDeploymentStatusMessage"] = stage.last_status
    # AWS always shows this one of the default's members.
    default = {"DetailedMetricsEnabled": False, **shown(stage.default_settings, SETTINGS)}
    return {
        **view,
        **({"ApiGatewayManaged": True} if stage.managed else {}),
        "CreatedDate": moment(stage.created_ms),
        "LastUpdatedDate": moment(stage.updated_ms),
        "DefaultRouteSettings": default,
        "RouteSettings": {key: shown(value, SETTINGS) for key, value in stage.route_settings.items()},
    }


def access_log(given: Mapping[str, Any]) -> AccessLog | None:
    """Where access logs go; None where nothing says it."""
    made = AccessLog(destination=given.get("DestinationArn") or None, format=given.get("Format") or None)
    return made if made.destination or made.format else None


def cors_of(given: Mapping[str, Any]) -> Cors:
    """A CORS configuration from a request."""
    return Cors(**fields(given, CORS))


def show_vpc_link(link: VpcLink) -> dict[str, Any]:
    """A VPC link as GetVpcLink shows it."""
    return {
        "CreatedDate": moment(link.created_ms),
        "Name": link.name,
        "SecurityGroupIds": list(link.security_groups),
        "SubnetIds": list(link.subnets),
        "Tags": link.tags,
        "VpcLinkId": link.id,
        "VpcLinkStatus": "AVAILABLE",
        "VpcLinkStatusMessage": "VPC link is ready to route traffic",
        "VpcLinkVersion": "V2",
    }
