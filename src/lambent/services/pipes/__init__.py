"""EventBridge Pipes. The pollers that read a pipe's source are in `lambent.bus.pollers.pipes`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

from .api import pipes, tags
from .service import pipes_service as service

__all__ = ["service", "targets"]

targets: Mapping[str, Callable[[Cloud], Target]] = {}

# Importing these modules registers their operations.
_OPERATIONS = (pipes, tags)
