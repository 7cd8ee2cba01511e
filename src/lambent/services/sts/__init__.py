"""STS: who am I, and temporary credentials."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

from .api import identity, roles, sessions
from .base import sts as service

__all__ = ["service", "targets"]

targets: Mapping[str, Callable[[Cloud], Target]] = {}

# Importing these modules registers their operations.
_OPERATIONS = (identity, roles, sessions)
