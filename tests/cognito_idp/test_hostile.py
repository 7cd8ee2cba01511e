"""Attacks on user pools, each of which has to fail."""

from __future__ import annotations

import contextlib

import pytest

from lambent.contracts.errors import ServiceError
from lambent.services.cognito_idp.errors import LimitExceededException

from .support import PoolCloud

MINE, THEIRS = "mallory@example.com", "victim@example.com"


async def change(cloud: PoolCloud, token: str, **attributes: str) -> None:
    given = [{"Name": name, "Value": value} for name, value in attributes.items()]
    await cloud.anyone("UpdateUserAttributes", AccessToken=token, UserAttributes=given)


async def verify(cloud: PoolCloud, token: str, code: str) -> None:
    await cloud.anyone("VerifyUserAttribute", AccessToken=token, AttributeName="email", Code=code)


async def shown(cloud: PoolCloud, token: str) -> dict[str, str]:
    found = await cloud.anyone("GetUser", AccessToken=token)
    return {one["Name"]: one["Value"] for one in found["UserAttributes"]}


@pytest.mark.parametrize("auto_verified", [["email"], []])
async def test_a_code_proves_the_address_that_it_was_sent_to_and_no_other(auto_verified: list[str]) -> None:
    """A code for one's own address is kept; then the address is changed to somebody else's."""
    cloud = await PoolCloud.begin(AutoVerifiedAttributes=auto_verified)
    await cloud.user("mallory", email=MINE, email_verified="false")
    token = (await cloud.tokens("mallory"))["AccessToken"]
    for _ in range(5):  # as often as codes are sent in an hour
        await cloud.anyone("GetUserAttributeVerificationCode", AccessToken=token, AttributeName="email")
    code = await cloud.code(MINE)
    with contextlib.suppress(LimitExceededException):  # no further code is sent, but the change is made
        await change(cloud, token, email=THEIRS)
    with pytest.raises(ServiceError):
        await verify(cloud, token, code)
    assert (await shown(cloud, token))["email_verified"] == "false"


async def test_a_code_for_an_address_proves_no_pending_one() -> None:
    settings = {"AttributesRequireVerificationBeforeUpdate": ["email"]}
    cloud = await PoolCloud.begin(UserAttributeUpdateSettings=settings)
    await cloud.user("mallory", email=MINE, email_verified="false")
    token = (await cloud.tokens("mallory"))["AccessToken"]
    for _ in range(5):
        await cloud.anyone("GetUserAttributeVerificationCode", AccessToken=token, AttributeName="email")
    code = await cloud.code(MINE)
    with contextlib.suppress(LimitExceededException):  # no further code is sent, but the change is made
        await change(cloud, token, email=THEIRS)
    with pytest.raises(ServiceError):
        await verify(cloud, token, code)
    assert (await shown(cloud, token))["email"] == MINE


async def test_a_code_is_not_taken_for_an_address_that_an_administrator_changed() -> None:
    cloud = await PoolCloud.begin()
    await cloud.user("mallory", email=MINE, email_verified="false")
    token = (await cloud.tokens("mallory"))["AccessToken"]
    await cloud.anyone("GetUserAttributeVerificationCode", AccessToken=token, AttributeName="email")
    code = await cloud.code(MINE)
    given = [{"Name": "email", "Value": THEIRS}]
    await cloud.admin("AdminUpdateUserAttributes", Username="mallory", UserAttributes=given)
    with pytest.raises(ServiceError):
        await verify(cloud, token, code)


async def test_a_deny_of_a_pools_tags_holds_however_its_arn_is_written() -> None:
    cloud = await PoolCloud.begin()
    own = f"arn:aws:cognito-idp:us-east-1:000000000000:userpool/{cloud.pool}"
    await cloud.call("cognito-idp", "TagResource", ResourceArn=own, Tags={"a": "b"})
    for other in (own.replace("cognito-idp", "sqs"), own.replace("arn:aws:", "arn:aws-cn:")):
        with pytest.raises(ServiceError):
            await cloud.call("cognito-idp", "TagResource", ResourceArn=other, Tags={"a": "c"})
    assert (await cloud.call("cognito-idp", "ListTagsForResource", ResourceArn=own))["Tags"] == {"a": "b"}
