"""CloudWatch Logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

from .api import filtering, groups, ingest, metric_filters, policies, reading, streams, subscriptions
from .events import LogsTarget
from .service import logs as service

__all__ = ["service", "targets"]

targets: Mapping[str, Callable[[Cloud], Target]] = {"logs": LogsTarget}

# Importing these modules registers their operations.
_OPERATIONS = (filtering, groups, ingest, metric_filters, policies, reading, streams, subscriptions)
