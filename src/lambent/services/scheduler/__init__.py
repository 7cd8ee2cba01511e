"""EventBridge Scheduler."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

from .api import groups, schedules, tags
from .events import SchedulerTarget
from .service import scheduler as service

__all__ = ["service", "targets"]

targets: Mapping[str, Callable[[Cloud], Target]] = {"scheduler": SchedulerTarget}

# Importing these modules registers their operations.
_OPERATIONS = (groups, schedules, tags)
