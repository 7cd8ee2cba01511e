"""AWS::CloudWatch::Alarm, AWS::CloudWatch::CompositeAlarm and AWS::CloudWatch::Dashboard."""

from __future__ import annotations

from typing import Any, Final

from lambent.contracts.arn import build

from .base import Handler, HandlerFailed, Physical, PutHandler, Work, chosen, document, tag_changes, tag_list, whole

_ACTIONS: Final = ("ActionsEnabled", "AlarmActions", "AlarmDescription", "InsufficientDataActions", "OKActions")
_METRIC: Final = (
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluateLowSampleCountPercentile",
    "EvaluationPeriods",
    "ExtendedStatistic",
    "MetricName",
    "Metrics",
    "Namespace",
    "Period",
    "Statistic",
    "Threshold",
    "TreatMissingData",
    "Unit",
)


class _AnyAlarm(Handler):
    """What both kinds of alarm have in common. An alarm's id is its name."""

    name_property = "AlarmName"
    operation = ""
    built: tuple[str, ...] = ()

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make it; a name of its own that is taken is an error, as on AWS."""
        name = work.physical_id or properties.get("AlarmName") or work.name(255)
        params = self._params(work, properties)
        if not work.physical_id:
            found = await work.call("cloudwatch", "DescribeAlarms", AlarmNames=[name])
            for alarm in (*found["MetricAlarms"], *found["CompositeAlarms"]):
                if not work.ours(alarm["AlarmConfigurationUpdatedTimestamp"]):
                    raise HandlerFailed(f"Resource of type '{work.type}' with identifier '{name}' already exists.")
        tags = tag_list(work, properties)
        more = {"Tags": tags} if tags else {}
        await work.call("cloudwatch", self.operation, AlarmName=name, **params, **more)
        await work.made(name)
        return self._physical(work, name)

    def _params(self, work: Work, properties: dict[str, Any]) -> dict[str, Any]:
        for name in sorted(properties.keys() - {*self.built, *_ACTIONS, "AlarmName", "Tags"}):
            raise HandlerFailed(f"Lambent has not built the property {name} of {work.type} yet.")
        params: dict[str, Any] = whole(chosen(properties, *self.built, *_ACTIONS))
        if "Threshold" in params:
            params["Threshold"] = float(params["Threshold"])
        return params

    def _physical(self, work: Work, name: str) -> Physical:
        return Physical(name, {"Arn": build("cloudwatch", work.region, work.account, f"alarm:{name}")})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Put it anew: an alarm keeps its state."""
        await work.call("cloudwatch", self.operation, AlarmName=physical.id, **self._params(work, new))
        arn = physical.attributes["Arn"]
        gone, changed = tag_changes(work, old, new)
        if gone:
            await work.call("cloudwatch", "UntagResource", ResourceARN=arn, TagKeys=gone)
        if changed:
            tags = [{"Key": key, "Value": value} for key, value in changed.items()]
            await work.call("cloudwatch", "TagResource", ResourceARN=arn, Tags=tags)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Remove it."""
        await work.call("cloudwatch", "DeleteAlarms", AlarmNames=[physical.id])


class Alarm(_AnyAlarm):
    """AWS::CloudWatch::Alarm."""

    operation = "PutMetricAlarm"
    built = _METRIC


class CompositeAlarm(_AnyAlarm):
    """AWS::CloudWatch::CompositeAlarm."""

    operation = "PutCompositeAlarm"
    built = ("AlarmRule",)


class Dashboard(PutHandler):
    """AWS::CloudWatch::Dashboard. Its id is its name."""

    name_property = "DashboardName"

    async def put(self, work: Work, name: str, properties: dict[str, Any]) -> None:
        """Put its body."""
        body = document(properties["DashboardBody"])
        await work.call("cloudwatch", "PutDashboard", DashboardName=name, DashboardBody=body)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Remove it."""
        gone = ("DashboardNotFoundError", "ResourceNotFound")
        await work.attempt(gone, "cloudwatch", "DeleteDashboards", DashboardNames=[physical.id])


HANDLERS: Final = {
    "AWS::CloudWatch::Alarm": Alarm(),
    "AWS::CloudWatch::CompositeAlarm": CompositeAlarm(),
    "AWS::CloudWatch::Dashboard": Dashboard(),
}
