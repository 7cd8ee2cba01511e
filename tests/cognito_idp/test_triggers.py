"""The functions that a pool calls: what they are told, and what their answers do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from .support import FUNCTION, PASSWORD, PoolCloud, claims, refused

HIDES = {"PreventUserExistenceErrors": "ENABLED"}
WRONG = ("NotAuthorizedException", "Incorrect username or password.")


def run(scenario: Callable[[PoolCloud], Coroutine[Any, Any, None]], client: Any = None, **pool: Any) -> None:
    async def main() -> None:
        await scenario(await PoolCloud.begin(client=client, **pool))

    asyncio.run(main())


def test_functions_hear_of_sign_ins_and_change_tokens() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        await cloud.admin(
            "CreateGroup", GroupName="staff", Precedence=1, RoleArn="arn:aws:iam::000000000000:role/staff"
        )
        await cloud.admin("AdminAddUserToGroup", GroupName="staff", Username="anna")
        plain = claims((await cloud.tokens())["IdToken"])
        assert (plain["cognito:groups"], plain["cognito:preferred_role"]) == (
            ["staff"], "arn:aws:iam::000000000000:role/staff",
        )  # fmt: skip
        assert cloud.functions.sources() == [
            "PreAuthentication_Authentication", "PostAuthentication_Authentication", "TokenGeneration_Authentication",
        ]  # fmt: skip
        cloud.functions.answers["TokenGeneration_RefreshTokens"] = lambda asked: {
            "claimsOverrideDetails": {
                "claimsToAddOrOverride": {"shelf": "A1", "sub": "root", "iss": "evil"},
                "claimsToSuppress": ["email"],
                "groupOverrideDetails": {"groupsToOverride": ["guests"]},
            }
        }
        found = await cloud.refresh((await cloud.tokens())["RefreshToken"])
        said = claims(found["IdToken"])
        assert (said["shelf"], said["sub"], said["iss"]) == ("A1", plain["sub"], plain["iss"])
        assert "email" not in said
        assert claims(found["AccessToken"])["cognito:groups"] == ["guests"]
        cloud.functions.error = "Closed"
        assert await refused(cloud.sign_in()) == (
            "UserLambdaValidationException", "PreAuthentication failed with error Closed.",
        )  # fmt: skip

    names = ("PreAuthentication", "PostAuthentication", "PreTokenGeneration")
    run(scenario, LambdaConfig=dict.fromkeys(names, FUNCTION))


def test_the_second_version_changes_access_tokens_and_scopes() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        cloud.functions.answers["TokenGeneration_Authentication"] = lambda asked: {
            "claimsAndScopeOverrideDetails": {
                "accessTokenGeneration": {"claimsToAddOrOverride": {"tenant": {"id": 7}}, "scopesToAdd": ["api/read"]},
                "idTokenGeneration": {"claimsToAddOrOverride": {"theme": "dark"}},
            }
        }
        found = await cloud.tokens()
        access = claims(found["AccessToken"])
        assert (access["tenant"], access["scope"]) == ({"id": 7}, "aws.cognito.signin.user.admin api/read")
        assert claims(found["IdToken"])["theme"] == "dark"
        assert cloud.functions.events[0]["version"] == "2"

    config = {"PreTokenGenerationConfig": {"LambdaVersion": "V2_0", "LambdaArn": FUNCTION}}
    run(scenario, LambdaConfig=config)


def test_users_move_in_at_their_first_sign_in() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        cloud.functions.answers["UserMigration_Authentication"] = lambda asked: (
            {"userAttributes": {"email": "old@example.com", "email_verified": "true"}, "finalUserStatus": "CONFIRMED"}
            if asked["password"] == PASSWORD
            else {}
        )
        assert await refused(cloud.sign_in("old", "nonsense")) == WRONG
        assert claims((await cloud.tokens("old"))["IdToken"])["email"] == "old@example.com"
        assert cloud.functions.sources() == ["UserMigration_Authentication"] * 2
        await cloud.tokens("old")
        assert len(cloud.functions.events) == 2

    run(scenario, HIDES, LambdaConfig={"UserMigration": FUNCTION})


def test_a_pool_asks_its_own_questions() -> None:
    def define(asked: dict[str, Any]) -> dict[str, Any]:
        steps = asked["session"]
        if steps and steps[-1]["challengeResult"]:
            return {"issueTokens": True, "failAuthentication": False}
        return {"challengeName": "CUSTOM_CHALLENGE", "issueTokens": False, "failAuthentication": len(steps) > 1}

    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        cloud.functions.answers |= {
            "DefineAuthChallenge_Authentication": define,
            "CreateAuthChallenge_Authentication": lambda asked: {
                "publicChallengeParameters": {"question": "6 x 7"},
                "privateChallengeParameters": {"answer": "42"},
                "challengeMetadata": "SUM",
            },
            "VerifyAuthChallengeResponse_Authentication": lambda asked: {
                "answerCorrect": asked["challengeAnswer"] == asked["privateChallengeParameters"]["answer"]
            },
        }

        async def begin(name: str = "anna") -> dict[str, Any]:
            return await cloud.app("InitiateAuth", AuthFlow="CUSTOM_AUTH", AuthParameters={"USERNAME": name})

        async def say(asked: dict[str, Any], answer: str, name: str = "anna") -> dict[str, Any]:
            given = {"USERNAME": name, "ANSWER": answer}
            return await cloud.app(
                "RespondToAuthChallenge", ChallengeName="CUSTOM_CHALLENGE", Session=asked["Session"],
                ChallengeResponses=given,
            )  # fmt: skip

        asked = await begin()
        assert asked["ChallengeParameters"] == {"USERNAME": "anna", "question": "6 x 7"}
        asked = await say(asked, "41")
        assert "AccessToken" in (await say(asked, "42"))["AuthenticationResult"]
        assert (await refused(say(asked, "42")))[0] == "NotAuthorizedException"
        asked = await begin()
        assert await refused(say(await say(asked, "1"), "2")) == WRONG
        # Somebody who does not exist is asked as well, and never gets in.
        asked = await begin("nobody")
        assert await refused(say(await say(asked, "42", "nobody"), "42", "nobody")) == WRONG

    names = ("DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse")
    run(scenario, HIDES, LambdaConfig=dict.fromkeys(names, FUNCTION))
