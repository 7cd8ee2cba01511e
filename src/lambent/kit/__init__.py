"""What services are built with."""

from lambent.contracts.errors import NotBuilt, ServiceError

from .context import Context
from .service import Check, Operation, Service

__all__ = ["Check", "Context", "NotBuilt", "Operation", "Service", "ServiceError"]
