"""Which resource types are built, and their handlers. A module per service, loaded when one of its types is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Final, Protocol

from lambent.kit import Service

from .base import Handler, HandlerFailed, Physical, Work

__all__ = ["BUILT", "Handler", "HandlerFailed", "Handlers", "Physical", "Registry", "Work"]

BUILT: Final[Mapping[str, str]] = {
    "AWS::ApiGateway::Account": "apigateway_domains",
    "AWS::ApiGateway::ApiKey": "apigateway_plans",
    "AWS::ApiGateway::Authorizer": "apigateway",
    "AWS::ApiGateway::BasePathMapping": "apigateway_domains",
    "AWS::ApiGateway::ClientCertificate": "apigateway_domains",
    "AWS::ApiGateway::Deployment": "apigateway_stages",
    "AWS::ApiGateway::DocumentationPart": "apigateway_domains",
    "AWS::ApiGateway::DocumentationVersion": "apigateway_domains",
    "AWS::ApiGateway::DomainName": "apigateway_domains",
    "AWS::ApiGateway::GatewayResponse": "apigateway",
    "AWS::ApiGateway::Method": "apigateway_methods",
    "AWS::ApiGateway::Model": "apigateway",
    "AWS::ApiGateway::RequestValidator": "apigateway",
    "AWS::ApiGateway::Resource": "apigateway",
    "AWS::ApiGateway::RestApi": "apigateway",
    "AWS::ApiGateway::Stage": "apigateway_stages",
    "AWS::ApiGateway::UsagePlan": "apigateway_plans",
    "AWS::ApiGateway::UsagePlanKey": "apigateway_plans",
    "AWS::ApiGateway::VpcLink": "apigateway_domains",
    "AWS::ApiGatewayV2::Api": "apigatewayv2",
    "AWS::ApiGatewayV2::ApiGatewayManagedOverrides": "apigatewayv2",
    "AWS::ApiGatewayV2::ApiMapping": "apigatewayv2",
    "AWS::ApiGatewayV2::Authorizer": "apigatewayv2",
    "AWS::ApiGatewayV2::Deployment": "apigatewayv2",
    "AWS::ApiGatewayV2::DomainName": "apigatewayv2",
    "AWS::ApiGatewayV2::Integration": "apigatewayv2",
    "AWS::ApiGatewayV2::IntegrationResponse": "apigatewayv2",
    "AWS::ApiGatewayV2::Model": "apigatewayv2",
    "AWS::ApiGatewayV2::Route": "apigatewayv2",
    "AWS::ApiGatewayV2::RouteResponse": "apigatewayv2",
    "AWS::ApiGatewayV2::Stage": "apigatewayv2",
    "AWS::ApiGatewayV2::VpcLink": "apigatewayv2",
    "AWS::ApplicationAutoScaling::ScalableTarget": "application_autoscaling",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "application_autoscaling",
    "AWS::CDK::Metadata": "cloudformation",
    "AWS::CloudFormation::CustomResource": "custom",
    "AWS::CloudFormation::Stack": "nested",
    "AWS::CloudFormation::WaitConditionHandle": "cloudformation",
    "AWS::CloudWatch::Alarm": "cloudwatch",
    "AWS::CloudWatch::CompositeAlarm": "cloudwatch",
    "AWS::CloudWatch::Dashboard": "cloudwatch",
    "AWS::Cognito::UserPool": "cognito",
    "AWS::Cognito::UserPoolClient": "cognito",
    "AWS::Cognito::UserPoolDomain": "cognito",
    "AWS::Cognito::UserPoolGroup": "cognito",
    "AWS::Cognito::UserPoolResourceServer": "cognito",
    "AWS::Cognito::UserPoolUser": "cognito",
    "AWS::Cognito::UserPoolUserToGroupAttachment": "cognito",
    "AWS::DynamoDB::GlobalTable": "dynamodb_global",
    "AWS::DynamoDB::Table": "dynamodb",
    "AWS::Events::ApiDestination": "events",
    "AWS::Events::Archive": "events",
    "AWS::Events::Connection": "events",
    "AWS::Events::EventBus": "events",
    "AWS::Events::EventBusPolicy": "events",
    "AWS::Events::Rule": "events",
    "AWS::IAM::AccessKey": "iam_users",
    "AWS::IAM::Group": "iam_users",
    "AWS::IAM::InstanceProfile": "iam",
    "AWS::IAM::ManagedPolicy": "iam_policies",
    "AWS::IAM::Policy": "iam_policies",
    "AWS::IAM::Role": "iam",
    "AWS::IAM::User": "iam_users",
    "AWS::IAM::UserToGroupAddition": "iam_users",
    "AWS::Lambda::Alias": "lambda_versions",
    "AWS::Lambda::EventInvokeConfig": "lambda_access",
    "AWS::Lambda::EventSourceMapping": "lambda_access",
    "AWS::Lambda::Function": "lambda_",
    "AWS::Lambda::LayerVersion": "lambda_versions",
    "AWS::Lambda::LayerVersionPermission": "lambda_versions",
    "AWS::Lambda::Permission": "lambda_access",
    "AWS::Lambda::Url": "lambda_access",
    "AWS::Lambda::Version": "lambda_versions",
    "AWS::Logs::LogGroup": "logs",
    "AWS::Logs::LogStream": "logs",
    "AWS::Logs::MetricFilter": "logs",
    "AWS::Logs::ResourcePolicy": "logs",
    "AWS::Logs::SubscriptionFilter": "logs",
    "AWS::Pipes::Pipe": "pipes",
    "AWS::S3::Bucket": "s3",
    "AWS::S3::BucketPolicy": "s3",
    "AWS::SNS::Subscription": "sns",
    "AWS::SNS::Topic": "sns",
    "AWS::SNS::TopicInlinePolicy": "sns",
    "AWS::SNS::TopicPolicy": "sns",
    "AWS::Scheduler::Schedule": "scheduler",
    "AWS::Scheduler::ScheduleGroup": "scheduler",
    "AWS::SQS::Queue": "sqs",
    "AWS::SQS::QueueInlinePolicy": "sqs",
    "AWS::SQS::QueuePolicy": "sqs",
}
"""Resource type to the module that has its handler."""

_NEEDED: Final[Mapping[str, str]] = {
    "AWS::Lambda::EventInvokeConfig": "PutFunctionEventInvokeConfig",
    "AWS::Lambda::EventSourceMapping": "CreateEventSourceMapping",
    "AWS::Lambda::LayerVersionPermission": "AddLayerVersionPermission",
    "AWS::Lambda::Url": "CreateFunctionUrlConfig",
}
"""Operations of Lambda that come later than the service itself: a type whose operation is missing is not built."""


class Handlers(Protocol):
    """Where the engine finds handlers; tests give it their own."""

    def built(self, type_name: str) -> bool:
        """Is there a handler of this type?"""
        ...

    def handler(self, type_name: str) -> Handler:
        """The handler of a built type."""
        ...


class Registry:
    """The handlers of this package."""

    def built(self, type_name: str) -> bool:
        """Is there a handler of this type?"""
        needed = _NEEDED.get(type_name)
        if needed is not None:
            # The service is loaded when a template uses one of these types.
            service: Service = importlib.import_module("lambent.services.lambda_").service
            return needed in service.operations
        return type_name in BUILT or type_name.startswith("Custom::")

    def handler(self, type_name: str) -> Handler:
        """The handler of a built type."""
        # Modules load when they are needed: a stack uses a few of them.
        module = importlib.import_module(f"{__name__}.{BUILT.get(type_name, 'custom')}")
        found = module.HANDLERS.get(type_name) or module.HANDLERS["AWS::CloudFormation::CustomResource"]
        assert isinstance(found, Handler)
        return found
