"""Resources that are nothing but a name: AWS::CloudFormation::WaitConditionHandle and AWS::CDK::Metadata."""

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


class CdkMetadata(Handler):
    """AWS::CDK::Metadata, which the CDK adds to tell AWS its version. Here nobody is told."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Give it a name."""
        return Physical(work.physical_id or work.name(64))

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """What it says may differ, and nobody listens."""
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Nothing is there."""


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::CDK::Metadata": CdkMetadata(),
    "AWS::CloudFormation::WaitConditionHandle": WaitConditionHandle(),
}
