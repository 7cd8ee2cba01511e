"""The functions that a pool calls at points of sign-up and sign-in, and what their answers may be."""

from __future__ import annotations

from typing import Any, Final, cast

import orjson

from lambent.contracts.events import Undeliverable
from lambent.contracts.functions import Invoker, Outcome, TooManyRequests
from lambent.contracts.ports import Cloud
from lambent.kit import outward

from .errors import InvalidLambdaResponseException, UnexpectedLambdaException, UserLambdaValidationException
from .model import PRINCIPAL, Pool, User

TIMEOUT_S: Final = 5.0
_ATTEMPTS: Final = 3
ADMIN_CLIENT: Final = "CLIENT_ID_NOT_APPLICABLE"
"""What functions are told where no client is involved."""


def user_attributes(user: User) -> dict[str, str]:
    """What functions are told of a user."""
    return {"sub": user.sub, "cognito:user_status": user.status, **user.attributes}


async def call(
    cloud: Cloud,
    pool: Pool,
    name: str,
    source: str,
    *,
    user: str,
    client: str,
    request: dict[str, Any],
    response: dict[str, Any],
    arn: str = "",
    version: str = "1",
) -> dict[str, Any] | None:
    """Call the function of the trigger `name` for the reason `source`; its response, None where the pool has no such
    function. `response` is what the function finds there. Refuses what AWS refuses."""
    function = arn or pool.trigger(name)
    if not function:
        return None
    event = {
        "version": version,
        "region": pool.region,
        "userPoolId": pool.id,
        "userName": user,
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": client or ADMIN_CLIENT},
        "triggerSource": source,
        "request": request,
        "response": response,
    }
    outcome = await _invoke(cloud, pool, name, function, orjson.dumps(event))
    try:
        answer = orjson.loads(outcome.payload or b"null")
    except orjson.JSONDecodeError:
        answer = None
    if outcome.error:
        reason = answer.get("errorMessage") if isinstance(answer, dict) else ""
        raise UserLambdaValidationException(f"{name} failed with error {reason or outcome.error}.")
    if not isinstance(answer, dict) or not isinstance(answer.get("response"), dict):
        raise InvalidLambdaResponseException("Unrecognizable lambda output")
    return cast("dict[str, Any]", answer["response"])


async def _invoke(cloud: Cloud, pool: Pool, name: str, function: str, payload: bytes) -> Outcome:
    invoker = cast("Invoker", cloud.targets["lambda"])
    for _ in range(_ATTEMPTS):
        try:
            work = invoker.invoke(function, payload, principal=PRINCIPAL, source=pool.arn, account=pool.account)
            return await outward.within(cloud.clock, TIMEOUT_S, work)
        except TimeoutError:
            continue
        except TooManyRequests:
            raise UnexpectedLambdaException(
                f"{name} invocation failed due to error TooManyRequestsException."
            ) from None
        except Undeliverable:
            raise UnexpectedLambdaException(f"{name} invocation failed due to error AccessDeniedException.") from None
    raise UnexpectedLambdaException(f"{name} invocation failed due to configuration.")


def flag(response: dict[str, Any], name: str) -> bool:
    """A yes or no of an answer; anything else is none."""
    value = response.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise InvalidLambdaResponseException("Invalid lambda function output : Invalid JSON")
    return value


def texts(response: dict[str, Any], name: str) -> dict[str, str]:
    """A map of texts of an answer, for instance a user's attributes; numbers and flags become texts."""
    value = response.get(name) or {}
    if not isinstance(value, dict) or any(isinstance(one, dict | list) for one in value.values()):
        raise InvalidLambdaResponseException("Invalid lambda function output : Invalid JSON")
    return {
        key: str(one).lower() if isinstance(one, bool) else str(one) for key, one in value.items() if one is not None
    }
