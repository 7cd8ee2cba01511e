"""Every operation of the services that users' own users are near asks IAM, but for those that AWS leaves open."""

from __future__ import annotations

from typing import Any, Final

import pytest

from lambent import model
from lambent.contracts.caller import ANONYMOUS, Caller, Principal
from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Request
from lambent.kit import Context
from lambent.model.shapes import Shape
from lambent.registry import load_service
from tests.support import ACCOUNT, REGION, TestCloud

SERVICES: Final = ("apigateway", "apigatewayv2", "cognito-idp", "cloudwatch")
OPEN: Final = {
    "cognito-idp": {
        *("AssociateSoftwareToken", "ChangePassword", "ConfirmForgotPassword", "ConfirmSignUp", "DeleteUser"),
        *("DeleteUserAttributes", "ForgotPassword", "GetTokensFromRefreshToken", "GetUser"),
        *("GetUserAttributeVerificationCode", "GetUserAuthFactors", "GlobalSignOut", "InitiateAuth"),
        *("ResendConfirmationCode", "RespondToAuthChallenge", "RevokeToken", "SetUserMFAPreference", "SignUp"),
        *("UpdateUserAttributes", "VerifySoftwareToken", "VerifyUserAttribute"),
    }
}
"""What AWS authorizes by a token, a code or a client's secret in place of IAM."""
NOBODY: Final = Caller(
    kind=Principal.USER, account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:user/nobody", user_id="AIDANOBODY"
)


def example(shape: Shape, depth: int = 0) -> Any:
    """Some value of a shape, with what it must have."""
    if shape.kind == "structure":
        return {name: example(shape.members[name], depth + 1) for name in shape.required}
    if shape.kind == "list":
        return [example(shape.element, depth + 1)] if depth < 6 else []
    if shape.kind == "map":
        return {}
    if shape.kind in ("integer", "long", "double", "float"):
        return int(shape.trait("min", 1))
    if shape.kind == "boolean":
        return False
    if shape.kind == "blob":
        return b"x"
    if shape.kind == "timestamp":
        return None
    return shape.enum[0] if shape.enum else "x" * max(int(shape.trait("min", 1)), 1)


def operations() -> list[tuple[str, str]]:
    return [(service, name) for service in SERVICES for name in sorted(load_service(service).operations)]


@pytest.mark.parametrize("service", SERVICES)
def test_only_what_aws_leaves_open_is_open(service: str) -> None:
    built = load_service(service).operations
    assert {name for name, one in built.items() if one.authorize is None} == OPEN.get(service, set())
    assert {name for name, one in built.items() if one.anonymous} == OPEN.get(service, set())


@pytest.mark.parametrize("service", SERVICES)
async def test_who_has_no_permission_may_nothing_and_nobody_less(service: str) -> None:
    """The question comes before the handler looks anything up, so nobody learns what is there either."""
    cloud = TestCloud(validate=False)
    for name in sorted(load_service(service).operations):
        if name in OPEN.get(service, set()):
            continue
        shape = model.service_model(service).operations[name].input
        params = example(shape) if shape is not None else {}
        for caller in (NOBODY, ANONYMOUS):
            with pytest.raises(ServiceError) as refused:
                await cloud.api.call(caller, REGION, service, name, params)
            assert refused.value.code in ("AccessDenied", "AccessDeniedException"), (name, caller.kind)


@pytest.mark.parametrize("service", SERVICES)
async def test_whoever_may_one_thing_may_not_another(service: str) -> None:
    """What is asked names the operation's own verb, and no wildcard of resources where the request names one."""
    cloud = TestCloud(validate=False)
    ctx = Context(cloud, NOBODY, REGION, "id", None)
    for name, one in load_service(service).operations.items():
        if one.authorize is None:
            continue
        shape = model.service_model(service).operations[name].input
        params = example(shape) if shape is not None else {}
        asked: Any = await cloud.store.read(lambda tx, one=one, params=params: one.authorize(ctx, tx, params))  # type: ignore[misc]
        assert asked, name
        prefix = "apigateway" if service.startswith("apigateway") else service
        verb = model.service_model(service).operations[name].http["method"] if prefix == "apigateway" else name
        assert asked[0].action == f"{prefix}:{verb}"
        if shape is not None and "UserPoolId" in shape.required:
            assert asked[0].resource.endswith(f":userpool/{params['UserPoolId']}"), name
        if prefix == "apigateway":
            assert asked[0].resource.startswith(f"arn:aws:apigateway:{REGION}::/"), name


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
async def test_connections_are_for_who_signs(method: str) -> None:
    cloud = TestCloud()
    host = {"host": "abcdefghij.execute-api.localhost:4566"}
    answer = await cloud.front(Request(method, "/prod/@connections/abc=", "", host))
    assert answer.status == 403
    assert not any(one.anonymous for one in load_service("apigatewaymanagementapi").operations.values())
