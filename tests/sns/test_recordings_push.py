"""What AWS was recorded to answer to requests about applications, devices and phones.

A row has the name of its recorded case."""

from __future__ import annotations

from typing import Any

import pytest

from .recorded import APPLICATION, ARN, Topics, invalid, missing, row

_SECRETS = {"PlatformCredential": "c", "PlatformPrincipal": "p"}


async def _devices() -> tuple[Topics, str]:
    """An application and the ARN of a device that has it."""
    case = await Topics.begin()
    await case("CreatePlatformApplication", Name="app", Platform="ADM", Attributes=_SECRETS)
    answer = await case("CreatePlatformEndpoint", PlatformApplicationArn=APPLICATION, Token="token_1")
    return case, answer["EndpointArn"]


@pytest.mark.parametrize(
    ("operation", "params", "expected"),
    [
        row(
            "test_create_platform_application_invalid_attributes[missing-credential]",
            "CreatePlatformApplication",
            {"Name": "a", "Platform": "ADM", "Attributes": {"PlatformPrincipal": "p"}},
            invalid("Attributes Reason: PlatformPrincipal attribute provided without PlatformCredential"),
        ),
        row(
            "test_create_platform_application_invalid_attributes[missing-principal]",
            "CreatePlatformApplication",
            {"Name": "a", "Platform": "ADM", "Attributes": {"PlatformCredential": "p"}},
            invalid("Attributes Reason: PlatformCredential attribute provided without PlatformPrincipal"),
        ),
        row(
            "test_create_platform_application_invalid_platform",
            "CreatePlatformApplication",
            {"Name": "a", "Platform": "AAA", "Attributes": _SECRETS},
            invalid("Platform Reason: AAA is not supported"),
        ),
        row(
            "test_set_platform_application_attributes_non_existing_app[dummy-args]",
            "SetPlatformApplicationAttributes",
            {"PlatformApplicationArn": f"{ARN}app/ADM/no", "Attributes": _SECRETS},
            missing("PlatformApplication does not exist"),
        ),
        row(
            "test_create_platform_endpoint_with_invalid_attributes[Data_Too_Long]",
            "CreatePlatformEndpoint",
            {"PlatformApplicationArn": APPLICATION, "Token": "t", "CustomUserData": "x" * 2049},
            invalid(
                "Attributes Reason: Invalid value for attribute: CustomUserData: "
                "must be at most 2048 bytes long in UTF-8 encoding"
            ),
        ),
        row(
            "test_create_platform_endpoint_with_invalid_attributes[Invalid_Name_Generic]",
            "CreatePlatformEndpoint",
            {"PlatformApplicationArn": APPLICATION, "Token": "t", "Attributes": {"InvalidKey": "x"}},
            invalid("Attributes Reason: Invalid attribute name: InvalidKey"),
        ),
        row(
            "test_get_platform_endpoint_attributes_non_existent_endpoint",
            "GetEndpointAttributes",
            {"EndpointArn": f"{ARN}endpoint/ADM/app/none"},
            missing("Endpoint does not exist"),
        ),
        row(
            "test_set_platform_endpoint_attributes_invalid_arn",
            "SetEndpointAttributes",
            {"EndpointArn": f"{ARN}endpoint/ADM", "Attributes": {"Enabled": "true"}},
            invalid("EndpointArn Reason: Wrong number of slashes in relative portion of the ARN."),
        ),
        row(
            "test_set_platform_endpoint_attributes_invalid_attributes[Data_Too_Long]",
            "SetEndpointAttributes",
            {"EndpointArn": "DEVICE", "Attributes": {"CustomUserData": "x" * 2049}},
            invalid(
                "Attributes Reason: Invalid value for attribute: CustomUserData: "
                "must be at most 2048 bytes long in UTF-8 encoding"
            ),
        ),
        row(
            "test_set_platform_endpoint_attributes_invalid_attributes[Invalid_Name_Credential]",
            "SetEndpointAttributes",
            {"EndpointArn": "DEVICE", "Attributes": {"PlatformCredential": "x"}},
            invalid("Attributes Reason: Invalid attribute name: PlatformCredential"),
        ),
        row(
            "test_set_platform_endpoint_attributes_invalid_attributes[Invalid_Name_Generic]",
            "SetEndpointAttributes",
            {"EndpointArn": "DEVICE", "Attributes": {"InvalidKey": "x"}},
            invalid("Attributes Reason: Invalid attribute name: InvalidKey"),
        ),
        row(
            "test_set_platform_endpoint_attributes_non_existent_endpoint",
            "SetEndpointAttributes",
            {"EndpointArn": f"{ARN}endpoint/ADM/app/none", "Attributes": {"Enabled": "true"}},
            missing("Endpoint does not exist"),
        ),
        row(
            "test_create_platform_application_invalid_name[too-long]",
            "CreatePlatformApplication",
            {"Name": "a" * 257, "Platform": "ADM", "Attributes": _SECRETS},
            invalid(f"{'a' * 257} Reason: must be at most 256 characters long"),
        ),
    ],
)
async def test_refused(operation: str, params: dict[str, Any], expected: dict[str, Any]) -> None:
    case, device = await _devices()
    given = {name: device if value == "DEVICE" else value for name, value in params.items()}
    assert await case.error(operation, **given) == expected
