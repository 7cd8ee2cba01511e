"""DynamoDB Streams, a service of its own to clients: where the registry finds it."""

from __future__ import annotations

from .api import streams as _operations
from .service import streams as service

__all__ = ["service"]

# Importing that module registers the operations.
_OPERATIONS = (_operations,)
