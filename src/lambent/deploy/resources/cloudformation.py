"""AWS::CloudFormation::WaitConditionHandle: a resource that is nothing but a URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .base import Handler, Physical, Work


class WaitConditionHandle(Handler):
    """AWS::CloudFormation::WaitConditionHandle. Wait conditions are not built, so nothing listens at its URL."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make up the URL."""
        return Physical(work.physical_id or f"{work.cloud.settings.endpoint}/_lambent/cfn-response/{work.token}")

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Nothing can differ."""
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Nothing is there."""


HANDLERS: Final[Mapping[str, Handler]] = {"AWS::CloudFormation::WaitConditionHandle": WaitConditionHandle()}
