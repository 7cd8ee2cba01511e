"""What services are built with."""

from lambent.contracts.errors import NotBuilt, ServiceError

from .context import Context
from .service import Check, Operation, Service, pass_role

__all__ = ["Check", "Context", "NotBuilt", "Operation", "Service", "ServiceError", "pass_role"]
