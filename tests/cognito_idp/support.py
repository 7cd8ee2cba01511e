"""A cloud with a user pool, and what the tests of user pools share."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest
from jwt import api_jws

from lambent.contracts.caller import ANONYMOUS
from lambent.contracts.errors import ServiceError
from lambent.contracts.events import Undeliverable
from lambent.contracts.functions import Outcome
from lambent.contracts.ids import Ids
from lambent.mail import Letter, letters
from lambent.services.cognito_idp import keypairs, srp
from lambent.services.cognito_idp.model import Secrets
from tests.support import TestCloud

SECOND_NS = 1_000_000_000
MINUTE_S = 60
HOUR_S = 3600
DAY_S = 86_400
PASSWORD = "Correct-horse-7"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:trigger"
FLOWS = (
    "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH",
    "ALLOW_REFRESH_TOKEN_AUTH",
)  # fmt: skip


class Functions:
    """Stands in for Lambda: `answers` has what a trigger's source answers with; `events` what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
        self.events: list[dict[str, Any]] = []
        self.error = ""
        self.missing = False

    async def invoke(self, arn: str, payload: bytes, *, principal: str, source: str, account: str) -> Outcome:
        """Answer one event."""
        assert principal == "cognito-idp.amazonaws.com"
        assert source.startswith("arn:aws:cognito-idp:")
        if self.missing:
            raise Undeliverable("no such function")
        event = json.loads(payload)
        self.events.append(json.loads(payload))
        if self.error:
            return Outcome(payload=json.dumps({"errorMessage": self.error}).encode(), error="Unhandled")
        answer = self.answers.get(event["triggerSource"])
        if answer is not None:
            event["response"] = answer(event["request"])
        return Outcome(payload=json.dumps(event).encode())

    def sources(self) -> list[str]:
        """What the functions were called for."""
        return [event["triggerSource"] for event in self.events]


class PoolCloud(TestCloud):
    """Begin with `cloud = await PoolCloud.begin()`: a pool with mails as names, and a client for every flow."""

    pool: str
    client: str
    secret: str
    functions: Functions

    @classmethod
    async def begin(cls, client: dict[str, Any] | None = None, seed: int = 1, **pool: Any) -> PoolCloud:
        """A cloud whose pool and client have these settings."""
        cloud = cls(seed)
        await cloud.fill(client, **pool)
        return cloud

    async def fill(self, client: dict[str, Any] | None = None, **pool: Any) -> None:
        """Make the pool and its client."""
        self.functions = Functions()
        self.targets["lambda"] = self.functions  # type: ignore[assignment]  # nothing is delivered to it
        given = {"AutoVerifiedAttributes": ["email"], "Policies": {"PasswordPolicy": {"MinimumLength": 8}}, **pool}
        self.pool = (await self.call("cognito-idp", "CreateUserPool", PoolName="p", **given))["UserPool"]["Id"]
        settings = {"ExplicitAuthFlows": list(FLOWS), **(client or {})}
        made = await self.admin("CreateUserPoolClient", ClientName="c", **settings)
        self.client = made["UserPoolClient"]["ClientId"]
        self.secret = made["UserPoolClient"].get("ClientSecret", "")

    async def admin(self, operation: str, **params: Any) -> dict[str, Any]:
        """An operation about the pool, as root."""
        return await self.call("cognito-idp", operation, UserPoolId=self.pool, **params)

    async def anyone(self, operation: str, **params: Any) -> dict[str, Any]:
        """An operation without a signature."""
        return await self.call("cognito-idp", operation, ANONYMOUS, **params)

    async def app(self, operation: str, **params: Any) -> dict[str, Any]:
        """An operation without a signature, through the client."""
        return await self.anyone(operation, ClientId=self.client, **params)

    async def mails(self, to: str = "") -> list[Letter]:
        """What was sent, oldest first."""
        found = await self.store.read(lambda tx: letters(tx, 1000, to=to))
        return found[::-1]

    async def code(self, to: str) -> str:
        """The last code that was sent to somebody."""
        return (await self.mails(to))[-1].details["Code"]

    async def user(self, name: str = "anna", password: str = PASSWORD, **attributes: str) -> str:
        """A confirmed user, made by an administrator; the `sub`."""
        given = {"email": f"{name}@example.com", "email_verified": "true", **attributes}
        made = await self.admin(
            "AdminCreateUser",
            Username=name,
            UserAttributes=[{"Name": key, "Value": value} for key, value in given.items() if value],
            MessageAction="SUPPRESS",
        )
        await self.admin("AdminSetUserPassword", Username=name, Password=password, Permanent=True)
        return next(one["Value"] for one in made["User"]["Attributes"] if one["Name"] == "sub")

    async def sign_in(self, name: str = "anna", password: str = PASSWORD, **params: str) -> dict[str, Any]:
        """The answer to a password."""
        given = {"USERNAME": name, "PASSWORD": password, **params}
        return await self.app("InitiateAuth", AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)

    async def tokens(self, name: str = "anna", password: str = PASSWORD) -> dict[str, str]:
        """The tokens of a user."""
        found: dict[str, str] = (await self.sign_in(name, password))["AuthenticationResult"]
        return found

    async def refresh(self, token: str) -> dict[str, Any]:
        """The tokens for a refresh token."""
        answer = await self.app("InitiateAuth", AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": token})
        found: dict[str, Any] = answer["AuthenticationResult"]
        return found

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        self.clock.advance(int(seconds * SECOND_NS))


def claims(token: str) -> dict[str, Any]:
    """What a token says, whoever signed it."""
    found: dict[str, Any] = json.loads(api_jws.decode_complete(token, options={"verify_signature": False})["payload"])
    return found


def forged(token: str, **changes: Any) -> str:
    """A token with other claims under the old signature."""
    head, body, signature = token.split(".")
    said = {**json.loads(base64.urlsafe_b64decode(body + "==")), **changes}
    return f"{head}.{base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip('=')}.{signature}"


async def refused(work: Any) -> tuple[str, str]:
    """The code and the message of an error."""
    with pytest.raises(ServiceError) as caught:
        await work
    return caught.value.code, caught.value.message


@pytest.fixture(autouse=True, scope="session")
def same_keys() -> Any:
    """RSA keys take a tenth of a second to make: one pair serves all tests."""
    pairs = asyncio.run(keypairs.make(Ids(1))).keys

    async def make(ids: Ids) -> Secrets:
        return Secrets(keys=pairs, pepper=ids.bytes(32))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keypairs, "make", make)
        # Clouds are alike: the same users of the same pools, with the same salts, sign in again and again.
        patch.setattr(srp, "verifier", lru_cache(1000)(srp.verifier))
        asyncio.run(PoolCloud.begin())  # loads what is loaded once
        yield
