"""SQS. The design is in DESIGN.md beside this file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

from .api import messages, moves, permissions, queues, tags, visibility
from .events import SqsTarget
from .service import sqs as service

__all__ = ["service", "targets"]

targets: Mapping[str, Callable[[Cloud], Target]] = {"sqs": SqsTarget}

# Importing these modules registers their operations.
_OPERATIONS = (messages, moves, permissions, queues, tags, visibility)
