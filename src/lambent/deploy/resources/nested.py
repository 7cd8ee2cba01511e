"""AWS::CloudFormation::Stack: a stack as a resource of another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lambent.contracts.errors import ServiceError

from ..template.parameters import text
from .base import Handler, HandlerFailed, Physical, Work, all_tags

_POLL_MS: Final = 200
_CAPABILITIES: Final = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


class NestedStack(Handler):
    """AWS::CloudFormation::Stack. What the parent acknowledged, its nested stacks may do."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Create the stack and wait for it."""
        _refuse(properties)
        if not work.physical_id:
            token = {"ClientRequestToken": work.token, "OnFailure": "DO_NOTHING"}
            made = await work.call(
                "cloudformation", "CreateStack", StackName=work.name(128), **_params(work, properties), **token
            )
            await work.made(made["StackId"])
        return await self._settled(work, work.physical_id, "CREATE_COMPLETE")

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Update the stack and wait for it."""
        _refuse(new)
        try:
            token = {"ClientRequestToken": work.token}
            await work.call("cloudformation", "UpdateStack", StackName=physical.id, **_params(work, new), **token)
        except ServiceError as error:
            if "No updates are to be performed" not in error.message and not work.resumed:
                raise
        return await self._settled(work, physical.id, "UPDATE_COMPLETE", "CREATE_COMPLETE")

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the stack and wait for it."""
        await work.call("cloudformation", "DeleteStack", StackName=physical.id, ClientRequestToken=work.token)
        try:
            await self._settled(work, physical.id, "DELETE_COMPLETE")
        except ServiceError as error:
            if "does not exist" not in error.message:
                raise

    async def _settled(self, work: Work, stack_id: str, *good: str) -> Physical:
        while True:
            found = (await work.call("cloudformation", "DescribeStacks", StackName=stack_id))["Stacks"][0]
            status = found["StackStatus"]
            if not status.endswith("_IN_PROGRESS"):
                break
            await work.pause(_POLL_MS)
        if status not in good:
            reason = found.get("StackStatusReason", "")
            raise HandlerFailed(f"Embedded stack {stack_id} was not successfully {_verb(good[0])}: {reason or status}")
        outputs = {f"Outputs.{item['OutputKey']}": item["OutputValue"] for item in found.get("Outputs", [])}
        return Physical(stack_id, outputs)


def _verb(status: str) -> str:
    return {"CREATE_COMPLETE": "created", "UPDATE_COMPLETE": "updated"}.get(status, "deleted")


def _refuse(properties: dict[str, Any]) -> None:
    for name in sorted(properties.keys() - {"Parameters", "Tags", "TemplateURL"}):
        raise HandlerFailed(f"Lambent has not built the property {name} of AWS::CloudFormation::Stack yet.")


def _params(work: Work, properties: dict[str, Any]) -> dict[str, Any]:
    given = {key: _joined(value) for key, value in properties.get("Parameters", {}).items()}
    return {
        "TemplateURL": properties["TemplateURL"],
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        "Capabilities": _CAPABILITIES,
        "Tags": [{"Key": key, "Value": value} for key, value in all_tags(work, properties).items()],
    }


def _joined(value: Any) -> str:
    return ",".join(text(item) for item in value) if isinstance(value, list) else text(value)


HANDLERS: Final[Mapping[str, Handler]] = {"AWS::CloudFormation::Stack": NestedStack()}
