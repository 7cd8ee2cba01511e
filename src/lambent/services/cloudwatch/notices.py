"""What alarms send: the message to a topic, the event to a function, the event on the default bus."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import orjson

from lambent.contracts.arn import build
from lambent.contracts.events import Event
from lambent.contracts.ports import Cloud

from .model import PRINCIPAL, Alarm

_REGIONS: Final = {
    "us-east-1": "US East (N. Virginia)",
    "us-east-2": "US East (Ohio)",
    "us-west-1": "US West (N. California)",
    "us-west-2": "US West (Oregon)",
    "eu-west-1": "EU (Ireland)",
    "eu-west-2": "EU (London)",
    "eu-west-3": "EU (Paris)",
    "eu-central-1": "EU (Frankfurt)",
    "eu-north-1": "EU (Stockholm)",
    "ap-south-1": "Asia Pacific (Mumbai)",
    "ap-southeast-1": "Asia Pacific (Singapore)",
    "ap-southeast-2": "Asia Pacific (Sydney)",
    "ap-northeast-1": "Asia Pacific (Tokyo)",
    "ap-northeast-2": "Asia Pacific (Seoul)",
    "sa-east-1": "South America (Sao Paulo)",
    "ca-central-1": "Canada (Central)",
}
_TRIGGER: Final = (
    "MetricName",
    "Namespace",
    "Period",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "ComparisonOperator",
    "Threshold",
)


def stamp(time_ms: int) -> str:
    """As in `2026-11-21T10:00:00.000+0000`."""
    when = datetime.fromtimestamp(time_ms / 1000, UTC)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}+0000"


def topic_notice(old: Alarm, new: Alarm) -> bytes:
    """The message that a topic's subscribers get."""
    settings = orjson.loads(new.settings)
    notice: dict[str, Any] = {
        "AlarmName": new.name,
        "AlarmDescription": settings.get("AlarmDescription"),
        "AWSAccountId": new.account,
        "AlarmConfigurationUpdatedTimestamp": stamp(new.configured_ms),
        "NewStateValue": new.state,
        "NewStateReason": new.reason,
        "StateChangeTime": stamp(new.transitioned_ms),
        "Region": _REGIONS.get(new.region, new.region),
        "AlarmArn": new.arn,
        "OldStateValue": old.state,
        "OKActions": settings.get("OKActions", []),
        "AlarmActions": settings.get("AlarmActions", []),
        "InsufficientDataActions": settings.get("InsufficientDataActions", []),
        "ActionExecutedAfterMuteWindow": False,
    }
    if new.composite:
        notice["AlarmRule"] = settings["AlarmRule"]
        notice["TriggeringChildren"] = [
            {"Arn": one["arn"], "State": {"Value": one["state"]["value"], "Timestamp": one["state"]["timestamp"]}}
            for one in orjson.loads(new.reason_data or "{}").get("triggeringAlarms", ())
        ]
    else:
        notice["Trigger"] = _trigger(settings)
    return orjson.dumps(notice)


def _trigger(settings: dict[str, Any]) -> dict[str, Any]:
    trigger: dict[str, Any] = {name: settings[name] for name in _TRIGGER if name in settings}
    if "Metrics" in settings:
        trigger["Metrics"] = settings["Metrics"]
    else:
        statistic = settings.get("Statistic")
        trigger["StatisticType"] = "Statistic" if statistic else "ExtendedStatistic"
        if statistic:
            trigger["Statistic"] = _upper(statistic)
        else:
            trigger["ExtendedStatistic"] = settings["ExtendedStatistic"]
        trigger["Unit"] = settings.get("Unit")
        trigger["Dimensions"] = [{"value": one["Value"], "name": one["Name"]} for one in settings.get("Dimensions", ())]
    trigger["TreatMissingData"] = settings.get("TreatMissingData", "missing")
    trigger["EvaluateLowSampleCountPercentile"] = settings.get("EvaluateLowSampleCountPercentile", "")
    return trigger


def _upper(statistic: str) -> str:
    return "SAMPLE_COUNT" if statistic == "SampleCount" else statistic.upper()


def _state(alarm: Alarm) -> dict[str, Any]:
    state = {"value": alarm.state, "reason": alarm.reason, "timestamp": stamp(alarm.updated_ms)}
    return state | ({"reasonData": alarm.reason_data} if alarm.reason_data else {})


def _configuration(alarm: Alarm) -> dict[str, Any]:
    settings = orjson.loads(alarm.settings)
    configuration: dict[str, Any] = {}
    if "AlarmDescription" in settings:
        configuration["description"] = settings["AlarmDescription"]
    if alarm.composite:
        return {"alarmRule": settings["AlarmRule"], **configuration}
    if "Metrics" in settings:
        configuration["metrics"] = [_lowered(one) for one in settings["Metrics"]]
        return configuration
    metric = {
        "namespace": settings["Namespace"],
        "name": settings["MetricName"],
        "dimensions": {one["Name"]: one["Value"] for one in settings.get("Dimensions", ())},
    }
    stat: dict[str, Any] = {
        "metric": metric,
        "period": settings["Period"],
        "stat": settings.get("Statistic") or settings.get("ExtendedStatistic"),
    }
    if "Unit" in settings:
        stat["unit"] = settings["Unit"]
    # The id stays the same for an alarm, as AWS's does.
    configuration["metrics"] = [{"id": alarm.turn, "metricStat": stat, "returnData": True}]
    return configuration


def _lowered(value: Any) -> Any:
    """A structure with its members' names as events have them."""
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: _lowered(one) for name, one in value.items()}
    return [_lowered(one) for one in value] if isinstance(value, list) else value


def lambda_notice(old: Alarm, new: Alarm) -> bytes:
    """The event that a function gets."""
    return orjson.dumps(
        {
            "source": "aws.cloudwatch",
            "alarmArn": new.arn,
            "accountId": new.account,
            "time": stamp(new.transitioned_ms),
            "region": new.region,
            "alarmData": {
                "alarmName": new.name,
                "state": _state(new),
                "previousState": _state(old),
                "configuration": _configuration(new),
            },
        }
    )


def change_event(cloud: Cloud, old: Alarm, new: Alarm) -> Event:
    """The event on the default bus."""
    when = datetime.fromtimestamp(new.transitioned_ms / 1000, UTC)
    body = {
        "version": "0",
        "id": cloud.ids.uuid(),
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": new.account,
        "time": f"{when:%Y-%m-%dT%H:%M:%SZ}",
        "region": new.region,
        "resources": [new.arn],
        "detail": {
            "alarmName": new.name,
            "state": _state(new),
            "previousState": _state(old),
            "configuration": _configuration(new),
        },
    }
    return Event(
        target=build("events", new.region, new.account, "event-bus/default"),
        payload=orjson.dumps(body),
        source=new.arn,
        principal=PRINCIPAL,
        account=new.account,
        region=new.region,
    )
