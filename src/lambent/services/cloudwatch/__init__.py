"""CloudWatch: metrics, alarms, dashboards."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

from .api import alarms, dashboards, metrics, tags
from .events import AlarmTarget
from .recording import Recorder
from .service import cloudwatch as service

__all__ = ["Recorder", "service", "targets"]

targets: Mapping[str, Callable[[Cloud], Target]] = {"cloudwatch": AlarmTarget}

# Importing these modules registers their operations.
_OPERATIONS = (alarms, dashboards, metrics, tags)
