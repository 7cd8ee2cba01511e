"""Every recorded case is named by a test, or listed with the reason why it cannot be held."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

UNBUILT: Final = {
    "TestApigatewayStepfunctions::test_apigateway_with_step_function_integration[StartExecution]": "Step Functions",
}
"""The cases that need a service which is not built, and that service."""
CASES: Final = (
    # api
    "TestApiGatewayApiAuthorizer::test_authorizer_crud_no_api",
    "TestApiGatewayApiDocumentationPart::test_doc_parts_crud_no_api",
    "TestApiGatewayApiDocumentationPart::test_import_documentation_parts_bad_file",
    "TestApiGatewayApiDocumentationPart::test_invalid_create_documentation_part_operations",
    "TestApiGatewayApiDocumentationPart::test_invalid_delete_documentation_part",
    "TestApiGatewayApiDocumentationPart::test_invalid_get_documentation_part",
    "TestApiGatewayApiDocumentationPart::test_invalid_get_documentation_parts",
    "TestApiGatewayApiDocumentationPart::test_invalid_update_documentation_part",
    "TestApiGatewayApiMethod::test_method_request_parameters",
    "TestApiGatewayApiMethod::test_put_method_model",
    "TestApiGatewayApiMethod::test_put_method_validation",
    "TestApiGatewayApiMethod::test_update_method_validation",
    "TestApiGatewayApiRequestValidator::test_create_request_validator_invalid_api_id",
    "TestApiGatewayApiRequestValidator::test_invalid_delete_request_validator",
    "TestApiGatewayApiRequestValidator::test_invalid_get_request_validator",
    "TestApiGatewayApiRequestValidator::test_invalid_get_request_validators",
    "TestApiGatewayApiRequestValidator::test_request_validator_lifecycle",
    "TestApiGatewayApiResource::test_create_resource_parent_invalid",
    "TestApiGatewayApiRestApi::test_create_rest_api_verify_defaults",
    "TestApiGatewayApiRestApi::test_create_rest_api_with_binary_media_types",
    "TestApiGatewayApiRestApi::test_create_rest_api_with_endpoint_configuration",
    "TestApiGatewayApiRestApi::test_create_rest_api_with_optional_params",
    "TestApiGatewayApiRestApi::test_get_api_case_insensitive",
    "TestApiGatewayApiRestApi::test_list_and_delete_apis",
    "TestApiGatewayApiRestApi::test_update_rest_api_behaviour",
    "TestApiGatewayApiRestApi::test_update_rest_api_compression",
    "TestApiGatewayApiRestApi::test_update_rest_api_ip_address_type",
    "TestApiGatewayApiRestApi::test_update_rest_api_operation_add_remove",
    "TestApiGatewayGatewayResponse::test_update_gateway_response",
    "TestApiGatewayStage::test_stage_access_log_settings",
    "TestApiGatewayStage::test_stage_access_log_settings_validation",
    "TestApiGatewayVpcLink::test_update_vpc_link_invalid_id",
    "TestApigatewayIntegration::test_create_integration_with_vpc_link",
    "TestApigatewayIntegration::test_put_integration_request_parameter_bool_type",
    "TestApigatewayIntegration::test_put_integration_response_validation",
    "TestApigatewayIntegration::test_put_integration_wrong_type",
    "TestApigatewayIntegrationResponse::test_delete_integration_response_errors",
    "TestApigatewayIntegrationResponse::test_integration_response_invalid_statuscode",
    "TestApigatewayIntegrationResponse::test_integration_response_wrong_status_code",
    "TestApigatewayMethodResponse::test_update_method_lack_response_parameters_and_models",
    "TestApigatewayMethodResponse::test_update_method_response",
    "TestApigatewayMethodResponse::test_update_method_wrong_param_names",
    "TestApigatewayTestInvoke::test_invoke_test_method",
    # basic
    "TestAPIGateway::test_api_gateway_mock_integration",
    "TestAPIGateway::test_apigateway_with_custom_authorization_method",
    "TestAPIGateway::test_apigw_test_invoke_method_api",
    "TestIntegrations::test_mock_integration_response[NEVER-UrlType.HOST_BASED-GET]",
    "TestIntegrations::test_mock_integration_response[NEVER-UrlType.HOST_BASED-POST]",
    "TestIntegrations::test_mock_integration_response[NEVER-UrlType.PATH_BASED-GET]",
    "TestIntegrations::test_mock_integration_response[WHEN_NO_MATCH-UrlType.HOST_BASED-GET]",
    "TestIntegrations::test_mock_integration_response[WHEN_NO_MATCH-UrlType.HOST_BASED-POST]",
    "TestIntegrations::test_mock_integration_response[WHEN_NO_TEMPLATES-UrlType.HOST_BASED-GET]",
    "TestIntegrations::test_mock_integration_response[WHEN_NO_TEMPLATES-UrlType.PATH_BASED-POST]",
    # canary
    "TestCanaryDeployments::test_invoking_canary_deployment",
    "TestStageCrudCanary::test_create_canary_deployment",
    "TestStageCrudCanary::test_create_canary_deployment_with_stage",
    "TestStageCrudCanary::test_update_stage_with_copy_ops",
    # common
    "TestApiGatewayCommon::test_api_gateway_request_validator",
    "TestApiGatewayCommon::test_api_gateway_request_validator_with_ref_models",
    "TestApiGatewayCommon::test_api_gateway_request_validator_with_ref_one_ofmodels",
    "TestApiGatewayCommon::test_input_body_formatting",
    "TestApiGatewayCommon::test_input_path_template_formatting",
    "TestApigatewayRouting::test_routing_not_found",
    "TestDeployments::test_create_delete_deployments[False]",
    "TestDeployments::test_create_delete_deployments[True]",
    "TestDeployments::test_create_update_deployments",
    "TestDocumentations::test_documentation_parts_and_versions",
    "TestStages::test_create_update_stages",
    "TestStages::test_update_stage_remove_wildcard",
    "TestUsagePlans::test_usage_plan_crud",
    # dynamodb
    "test_error_aws_proxy_not_supported",
    "test_rest_api_to_dynamodb_integration[PutItem]",
    # eventbridge
    "test_apigateway_to_eventbridge",
    # extended
    "TestApigatewayApiKeysCrud::test_create_api_key_with_invalid_value",
    "TestApigatewayApiKeysCrud::test_create_usage_plan_with_throttle",
    "TestApigatewayApiKeysCrud::test_get_usage_plan_api_keys",
    "TestApigatewayApiKeysCrud::test_negative_get_usage_plan_api_keys",
    "TestApigatewayApiKeysCrud::test_update_api_key_immutable_field",
    "TestApigatewayApiKeysCrud::test_update_api_key_invalid_description_length",
    "TestApigatewayApiKeysCrud::test_update_api_key_invalid_enabled_type",
    "test_export_oas30_openapi[TEST_IMPORT_PETSTORE_SWAGGER]",
    # http
    "test_http_integration_with_lambda[HTTP]",
    "test_http_integration_with_lambda[HTTP_PROXY]",
    "test_http_proxy_integration_request_data_mappings",
    # import
    "TestApiGatewayImportRestApi::test_import_and_validate_rest_api[openapi.spec.tf.json]",
    "TestApiGatewayImportRestApi::test_import_and_validate_rest_api[swagger-mock-cors.json]",
    "TestApiGatewayImportRestApi::test_import_rest_api_with_base_path_oas30[prepend]",
    "TestApiGatewayImportRestApi::test_import_rest_apis_with_base_path_swagger[ignore]",
    "TestApiGatewayImportRestApi::test_import_rest_apis_with_base_path_swagger[split]",
    "TestApiGatewayImportRestApi::test_import_swagger_api",
    "TestApiGatewayImportRestApi::test_import_with_circular_models",
    "TestApiGatewayImportRestApi::test_import_with_circular_models_and_request_validation",
    "TestApiGatewayImportRestApi::test_import_with_global_api_key_authorizer",
    "TestApiGatewayImportRestApi::test_import_with_stage_variables",
    "TestApiGatewayImportRestApi::test_put_rest_api_mode_binary_media_types[overwrite]",
    # integrations
    "TestApiGatewayHeaderRemapping::test_apigateway_header_remapping_aws[AWS]",
    "TestApiGatewayHeaderRemapping::test_apigateway_header_remapping_aws[AWS_PROXY]",
    "TestApiGatewayHeaderRemapping::test_apigateway_header_remapping_http[HTTP]",
    "test_integration_mock_with_request_overrides_in_response_template",
    "test_integration_mock_with_response_override_in_request_template[False]",
    "test_integration_mock_with_response_override_in_request_template[True]",
    "test_put_integration_response_with_response_template",
    "test_put_integration_responses",
    "test_put_integration_validation",
    # lambda
    "test_lambda_aws_integration",
    "test_lambda_aws_proxy_integration_non_post_method",
    "test_lambda_aws_proxy_integration_request_data_mapping",
    "test_put_integration_aws_proxy_uri",
    # lambda_cfn
    "TestApigatewayLambdaIntegration::test_scenario_validate_infra",
    # s3
    "TestApiGatewayS3BinarySupport::test_apigw_s3_binary_support_request[None]",
    "TestApiGatewayS3BinarySupport::test_apigw_s3_binary_support_request_convert_to_binary",
    "TestApiGatewayS3BinarySupport::test_apigw_s3_binary_support_request_convert_to_binary_with_request_template",
    "TestApiGatewayS3BinarySupport::test_apigw_s3_binary_support_response_convert_to_binary",
    "TestApiGatewayS3BinarySupport::test_apigw_s3_binary_support_response_convert_to_binary_with_request_template",
    "TestApiGatewayS3BinarySupport::test_apigw_s3_binary_support_response_no_content_handling",
    "test_apigateway_s3_method_mapping",
    # sqs
    "test_sqs_amz_json_protocol",
    "test_sqs_aws_integration",
    "test_sqs_aws_integration_with_message_attribute[MessageAttribute]",
    "test_sqs_aws_integration_with_message_attribute[MessageAttributes]",
    "test_sqs_request_and_response_xml_templates_integration",
    # stepfunctions
    "TestApigatewayStepfunctions::test_apigateway_with_step_function_integration[StartExecution]",
    # of CloudFormation
    "cloudformation: test_duplicate_resources",
    "cloudformation: test_api_gateway_with_policy_as_dict",
    "cloudformation: test_apigateway_stage_with_access_log_settings",
    "cloudformation: test_cfn_apigateway_rest_api",
    "cloudformation: test_cfn_apigateway_swagger_import",
    "cloudformation: test_cfn_deploy_apigateway_integration",
    "cloudformation: test_cfn_with_apigateway_resources",
    "cloudformation: test_rest_api_serverless_ref_resolving",
)


@cache
def named() -> frozenset[str]:
    """The cases that the tests of API Gateway name."""
    tests = Path(__file__).parents[2]
    files = (*tests.glob("apigateway/recorded/test_*.py"), *tests.glob("execute/rest/test_*.py"))
    found = [re.findall(r'mark\.recorded\(\s*"([^"]+)"', file.read_text()) for file in files]
    return frozenset(name for names in found for name in names)


@pytest.mark.parametrize("case", CASES)
def test_a_test_names_the_case(case: str) -> None:
    assert (case in named()) is not (case in UNBUILT)


def test_no_test_names_a_case_that_is_none() -> None:
    assert named() <= {*CASES}
