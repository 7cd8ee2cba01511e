"""API Gateway: REST APIs. The design is in DESIGN.md beside this file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

from .service import apigateway as service

__all__ = ["service", "targets"]

targets: Mapping[str, Callable[[Cloud], Target]] = {}

# Importing these modules registers their operations.
_OPERATIONS: tuple[ModuleType, ...] = ()
