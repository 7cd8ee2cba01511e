"""Records as answers show them. Members that are not set are left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from .model import (
    Authorizer,
    Canary,
    Deployment,
    GatewayResponse,
    Integration,
    IntegrationResponse,
    Method,
    MethodResponse,
    MethodSettings,
    Model,
    Resource,
    RestApi,
    Snapshot,
    Stage,
    Validator,
)

DEFAULT_TEMPLATES: Final = {"application/json": '{"message":$context.error.messageString}'}
"""What a gateway response says when nothing else is said."""


def when(at_ms: int) -> datetime:
    """A time as answers have it: to the second."""
    return datetime.fromtimestamp(at_ms // 1000, UTC)


def shown(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that are set."""
    return {name: value for name, value in members.items() if value is not None}


def show_api(api: RestApi, *, tags: bool = False) -> dict[str, Any]:
    """An API. AWS shows the policy as escaped JSON text, and with `tags` those that there are, even none."""
    endpoint: dict[str, Any] = {"types": list(api.endpoint_types), "ipAddressType": api.ip_address_type}
    if api.vpc_endpoints:
        endpoint["vpcEndpointIds"] = list(api.vpc_endpoints)
    return shown(
        {
            "id": api.id,
            "name": api.name,
            "description": api.description,
            "createdDate": when(api.created_ms),
            "version": api.version,
            "warnings": list(api.warnings) or None,
            "binaryMediaTypes": list(api.binary_media_types) or None,
            "minimumCompressionSize": api.minimum_compression,
            "apiKeySource": api.api_key_source,
            "endpointConfiguration": endpoint,
            "policy": json.dumps(api.policy)[1:-1].replace("/", "\\/") if api.policy else None,
            "tags": dict(api.tags) if api.tags or tags else None,
            "disableExecuteApiEndpoint": api.disable_execute_api,
            "rootResourceId": api.root,
            "securityPolicy": api.security_policy or None,
            "endpointAccessMode": api.endpoint_access_mode or None,
        }
    )


def show_resource(resource: Resource, *, methods: bool = False) -> dict[str, Any]:
    """A resource; its methods whole, or by their verbs only."""
    found = {verb: show_method(method) if methods else {} for verb, method in sorted(resource.methods.items())}
    return shown(
        {
            "id": resource.id,
            "parentId": resource.parent or None,
            "pathPart": resource.part or None,
            "path": resource.path,
            "resourceMethods": found or None,
        }
    )


def show_method(method: Method) -> dict[str, Any]:
    """A method with its responses and its integration."""
    responses = {status: show_method_response(one) for status, one in sorted(method.responses.items())}
    return shown(
        {
            "httpMethod": method.http_method,
            "authorizationType": method.authorization,
            "authorizerId": method.authorizer_id,
            "apiKeyRequired": method.api_key_required,
            "requestValidatorId": method.validator_id,
            "operationName": method.operation_name,
            "requestParameters": method.parameters,
            "requestModels": method.models,
            "methodResponses": responses or None,
            "methodIntegration": show_integration(method.integration) if method.integration else None,
            "authorizationScopes": list(method.scopes) or None,
        }
    )


def show_method_response(response: MethodResponse) -> dict[str, Any]:
    """A status that a method declares."""
    return shown(
        {
            "statusCode": response.status_code,
            "responseParameters": response.parameters,
            "responseModels": response.models,
        }
    )


def show_integration(integration: Integration) -> dict[str, Any]:
    """An integration with its responses."""
    responses = {status: show_integration_response(one) for status, one in sorted(integration.responses.items())}
    return shown(
        {
            "type": integration.type,
            "httpMethod": integration.http_method,
            "uri": integration.uri,
            "connectionType": integration.connection_type,
            "connectionId": integration.connection_id,
            "credentials": integration.credentials,
            "requestParameters": _given(integration.parameters, integration.empty, "requestParameters"),
            "requestTemplates": _templates(integration.templates, integration.empty, "requestTemplates"),
            "passthroughBehavior": integration.passthrough,
            "contentHandling": integration.content_handling,
            "timeoutInMillis": integration.timeout_ms,
            "cacheNamespace": integration.cache_namespace,
            "cacheKeyParameters": list(integration.cache_key_parameters),
            "integrationResponses": responses or None,
            "tlsConfig": None
            if integration.tls_insecure is None
            else {"insecureSkipVerification": integration.tls_insecure},
            "responseTransferMode": None
            if integration.response_transfer_mode == "BUFFERED"
            else integration.response_transfer_mode,
            "integrationTarget": integration.integration_target,
        }
    )


def show_integration_response(response: IntegrationResponse) -> dict[str, Any]:
    """What becomes of an integration's answer."""
    return shown(
        {
            "statusCode": response.status_code,
            "selectionPattern": response.selection_pattern,
            "responseParameters": _given(response.parameters, response.empty, "responseParameters"),
            "responseTemplates": _templates(response.templates, response.empty, "responseTemplates"),
            "contentHandling": response.content_handling,
        }
    )


def _given(entries: Mapping[str, str], empty: tuple[str, ...], name: str) -> dict[str, str] | None:
    return dict(entries) if entries or name in empty else None


def _templates(entries: Mapping[str, str | None], empty: tuple[str, ...], name: str) -> dict[str, str | None] | None:
    """Templates; an empty one is shown as null."""
    return {kind: text or None for kind, text in entries.items()} if entries or name in empty else None


def show_model(model: Model) -> dict[str, Any]:
    """A model."""
    return shown(
        {
            "id": model.id,
            "name": model.name,
            "description": model.description,
            "schema": model.schema or None,
            "contentType": model.content_type,
        }
    )


def show_validator(validator: Validator) -> dict[str, Any]:
    """A request validator."""
    return {
        "id": validator.id,
        "name": validator.name,
        "validateRequestBody": validator.body,
        "validateRequestParameters": validator.parameters,
    }


def show_authorizer(authorizer: Authorizer) -> dict[str, Any]:
    """An authorizer."""
    return shown(
        {
            "id": authorizer.id,
            "name": authorizer.name,
            "type": authorizer.type,
            "providerARNs": list(authorizer.provider_arns) or None,
            "authType": authorizer.auth_type,
            "authorizerUri": authorizer.uri,
            "authorizerCredentials": authorizer.credentials,
            "identitySource": authorizer.identity_source,
            "identityValidationExpression": authorizer.identity_validation,
            "authorizerResultTtlInSeconds": authorizer.ttl_s,
        }
    )


def show_gateway_response(response: GatewayResponse, *, default: bool, status: str | None) -> dict[str, Any]:
    """A gateway response; `status` is what holds when it says none."""
    return shown(
        {
            "responseType": response.type,
            "statusCode": response.status_code or status,
            "responseParameters": dict(response.parameters),
            "responseTemplates": dict(response.templates),
            "defaultResponse": default,
        }
    )


def show_deployment(deployment: Deployment, snapshot: Snapshot | None = None) -> dict[str, Any]:
    """A deployment, with the methods that it serves where `snapshot` is given."""
    summary = None
    if snapshot is not None:
        summary = {
            resource.path: {
                verb: {"authorizationType": method.authorization, "apiKeyRequired": method.api_key_required}
                for verb, method in sorted(resource.methods.items())
            }
            for resource in snapshot.resources
            if resource.methods
        }
    return shown(
        {
            "id": deployment.id,
            "description": deployment.description,
            "createdDate": when(deployment.created_ms),
            "apiSummary": summary,
        }
    )


def show_stage(stage: Stage) -> dict[str, Any]:
    """A stage."""
    log = stage.access_log
    return shown(
        {
            "deploymentId": stage.deployment,
            "clientCertificateId": stage.client_certificate,
            "stageName": stage.name,
            "description": stage.description,
            "cacheClusterEnabled": stage.cache_enabled,
            "cacheClusterSize": stage.cache_size or None,
            "cacheClusterStatus": stage.cache_status,
            "methodSettings": {one.given or path: show_settings(one) for path, one in sorted(stage.settings.items())},
            "variables": dict(stage.variables) or None,
            "documentationVersion": stage.documentation_version,
            "accessLogSettings": shown({"format": log.format or None, "destinationArn": log.destination or None})
            if log
            else None,
            "canarySettings": show_canary(stage.canary) if stage.canary else None,
            "tracingEnabled": stage.tracing,
            "webAclArn": stage.web_acl,
            "tags": dict(stage.tags) or None,
            "createdDate": when(stage.created_ms),
            "lastUpdatedDate": when(stage.updated_ms),
        }
    )


def show_canary(canary: Canary) -> dict[str, Any]:
    """A stage's canary."""
    return shown(
        {
            "percentTraffic": canary.percent,
            "deploymentId": canary.deployment,
            "stageVariableOverrides": dict(canary.variables) or None,
            "useStageCache": canary.use_cache,
        }
    )


def show_settings(settings: MethodSettings) -> dict[str, Any]:
    """Settings of a stage for a method path."""
    return shown(
        {
            "metricsEnabled": settings.metrics,
            "loggingLevel": settings.logging_level,
            "dataTraceEnabled": settings.data_trace,
            "throttlingBurstLimit": settings.throttling_burst,
            "throttlingRateLimit": settings.throttling_rate,
            "cachingEnabled": settings.caching,
            "cacheTtlInSeconds": settings.cache_ttl_s,
            "cacheDataEncrypted": settings.cache_encrypted,
            "requireAuthorizationForCacheControl": settings.cache_authorization,
            "unauthorizedCacheControlHeaderStrategy": settings.cache_unauthorized,
        }
    )
