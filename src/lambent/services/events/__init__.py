"""EventBridge. The design is in DESIGN.md beside this file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

from .api import archives, buses, connections, destinations, publish, replays, rules, tags
from .api import targets as _targets
from .events import EventsTarget
from .service import events as service

__all__ = ["service", "targets"]

targets: Mapping[str, Callable[[Cloud], Target]] = {"events": EventsTarget}

# Importing these modules registers their operations.
_OPERATIONS = (archives, buses, connections, destinations, publish, replays, rules, tags, _targets)
