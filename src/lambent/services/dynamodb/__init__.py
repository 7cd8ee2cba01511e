"""DynamoDB and its streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

from .api import (
    backups,
    batch,
    global_tables,
    items,
    partiql,
    query,
    recovery,
    scan,
    settings,
    tables,
    tags,
    transactions,
    transfers,
    updates,
)
from .background import Background
from .service import dynamodb as service

__all__ = ["service", "targets"]

targets: Mapping[str, Callable[[Cloud], Target]] = {"dynamodb": Background}

# Importing these modules registers their operations.
_OPERATIONS = (
    backups,
    batch,
    global_tables,
    items,
    partiql,
    query,
    recovery,
    scan,
    settings,
    tables,
    tags,
    transactions,
    transfers,
    updates,
)
