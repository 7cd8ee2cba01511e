"""DynamoDB and its streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

from .api import batch, items, partiql, query, scan, settings, tables, tags, transactions, updates
from .events import DynamoTarget
from .service import dynamodb as service

__all__ = ["service", "targets"]

targets: Mapping[str, Callable[[Cloud], Target]] = {"dynamodb": DynamoTarget}

# Importing these modules registers their operations.
_OPERATIONS = (batch, items, partiql, query, scan, settings, tables, tags, transactions, updates)
