"""IAM: users, groups, roles, policies, keys; and the directory of all callers."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

__all__ = ["service", "targets"]

targets: Mapping[str, Callable[[Cloud], Target]] = {}


def __getattr__(name: str) -> Any:
    # Every node needs the directory to start, hardly any needs IAM's operations: they are loaded when first asked for.
    if name == "service":
        return importlib.import_module("lambent.services.iam.api").service
    raise AttributeError(name)
