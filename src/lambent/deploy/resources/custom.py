"""Custom resources (Custom::* and AWS::CloudFormation::CustomResource), provided by a Lambda function.

The function gets a request with a one-time URL on Lambent, to which it PUTs its answer; see custom_response.py. The
request's id, which is the URL's secret, is stored before the function is called, so that an answer that arrives while
no engine runs is not lost.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.deploy import RESPONSE_PATH
from lambent.contracts.ports import Transaction
from lambent.services.cloudformation import keys
from lambent.services.cloudformation.model import CustomRequest

from .base import Handler, HandlerFailed, Physical, Work

_TIMEOUT_S: Final = 3600
_POLL_MS: Final = 200
_PHYSICAL_ID_MAX: Final = 1024


class ProviderFailed(HandlerFailed):
    """The provider answered FAILED. `physical_id` is what it says it made all the same, or empty."""

    def __init__(self, message: str, physical_id: str) -> None:
        super().__init__(message)
        self.physical_id = physical_id


class CustomResource(Handler):
    """A resource that a function of the user provides."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Have the provider create it."""
        try:
            answer = await _ask(work, properties, {"RequestType": "Create"})
        except ProviderFailed as failed:
            # The rollback asks the provider to delete what it half made.
            if failed.physical_id:
                await work.made(failed.physical_id)
            raise
        return _physical(answer, answer.get("PhysicalResourceId") or work.token)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Have the provider update it; an answer with another physical id means that it was replaced."""
        before = {key: value for key, value in old.items() if key != "ServiceTimeout"}
        request = {"RequestType": "Update", "PhysicalResourceId": physical.id, "OldResourceProperties": before}
        answer = await _ask(work, new, request)
        return _physical(answer, answer.get("PhysicalResourceId") or physical.id)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Have the provider delete it."""
        await _ask(work, properties, {"RequestType": "Delete", "PhysicalResourceId": physical.id})


def _physical(answer: dict[str, Any], physical_id: Any) -> Physical:
    if not isinstance(physical_id, str) or len(physical_id) > _PHYSICAL_ID_MAX:
        raise HandlerFailed("Invalid PhysicalResourceId")
    data = answer.get("Data") or {}
    if not isinstance(data, dict):
        raise HandlerFailed("Invalid Data in the response object: it must be an object")
    return Physical(physical_id, data)


async def _ask(work: Work, properties: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    timeout_s = int(properties.get("ServiceTimeout", _TIMEOUT_S))
    if not 1 <= timeout_s <= _TIMEOUT_S:
        raise HandlerFailed(f"ServiceTimeout must be between 1 and {_TIMEOUT_S} seconds")
    provider = properties["ServiceToken"]
    if not isinstance(provider, str) or ":lambda:" not in provider:
        raise HandlerFailed(f"Lambent has built custom resources of Lambda functions only, not of {provider}.")
    record = await work.cloud.store.write(lambda tx: _begin(tx, work, timeout_s))
    if not record.sent:
        event = {
            **request,
            "ServiceToken": provider,
            "ResponseURL": f"{work.cloud.settings.endpoint}{RESPONSE_PATH}{work.token}",
            "StackId": work.stack.id,
            "RequestId": work.token,
            "LogicalResourceId": work.logical_id,
            "ResourceType": work.type,
            "ResourceProperties": {key: value for key, value in properties.items() if key != "ServiceTimeout"},
        }
        payload = json.dumps(event).encode()
        await work.call("lambda", "Invoke", FunctionName=provider, InvocationType="Event", Payload=payload)
        await work.cloud.store.write(lambda tx: _sent(tx, work.token))
    try:
        return await _answer(work, record.expires_ms)
    finally:
        task = asyncio.current_task()
        if task is not None and not task.cancelling():
            await work.cloud.store.write(lambda tx: keys.requests.delete(tx, work.token))


def _begin(tx: Transaction, work: Work, timeout_s: int) -> CustomRequest:
    found = keys.requests.get(tx, work.token)
    if found is None:
        expires_ms = work.cloud.clock.now_ns() // 1_000_000 + timeout_s * 1000
        found = CustomRequest(stack_id=work.stack.id, logical_id=work.logical_id, expires_ms=expires_ms)
        keys.requests.put(tx, found, work.token)
    return found


def _sent(tx: Transaction, token: str) -> None:
    found = keys.requests.get(tx, token)
    if found is not None:
        keys.requests.put(tx, replace(found, sent=True), token)


async def _answer(work: Work, expires_ms: int) -> dict[str, Any]:
    while True:
        found = await work.cloud.store.read(lambda tx: keys.requests.get(tx, work.token))
        if found is not None and found.response:
            break
        if work.cloud.clock.now_ns() // 1_000_000 >= expires_ms:
            raise HandlerFailed(
                "CloudFormation did not receive a response from your Custom Resource. Please check your logs for "
                f"requestId [{work.token}]. If you are using the Python cfn-response module, you may need to update "
                "your Lambda function code so that CloudFormation can attach the updated version."
            )
        await work.pause(_POLL_MS)
    answer: dict[str, Any] = json.loads(found.response)
    if answer.get("Status") != "SUCCESS":
        reason = answer.get("Reason") or "Unknown"
        physical_id = answer.get("PhysicalResourceId")
        raise ProviderFailed(
            f"Received response status [FAILED] from custom resource. Message returned: {reason} (RequestId: "
            f"{work.token})",
            physical_id if isinstance(physical_id, str) else "",
        )
    return answer


HANDLERS: Final[Mapping[str, Handler]] = {"AWS::CloudFormation::CustomResource": CustomResource()}
