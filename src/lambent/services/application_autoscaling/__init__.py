"""Application Auto Scaling, of DynamoDB's tables and indexes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

from .api import activities, policies, scheduled, tags
from .api import targets as _targets
from .evaluation import ScalingTarget
from .service import scaling as service

__all__ = ["service", "targets"]

targets: Mapping[str, Callable[[Cloud], Target]] = {"application-autoscaling": ScalingTarget}

# Importing these modules registers their operations.
_OPERATIONS = (activities, policies, scheduled, tags, _targets)
