"""The error that every room may raise towards a caller. Only the wire room turns it into bytes.

Draw of the tree::

    ServiceError            code, message, status, fields
    ├── NotBuilt            501 NotImplemented: names what is missing
    └── services/<svc>/errors.py: one class per error of the service
"""

from __future__ import annotations

from typing import Any, ClassVar


class ServiceError(Exception):
    """An error with AWS's code. Subclass it once per error, where someone can react to it.

    `code` defaults to the class's name. `status` 0 means: the one that the service's model gives the code, else 400.
    `fields` are further members of the modelled error shape, by their model names.
    """

    code: ClassVar[str] = ""
    status: ClassVar[int] = 0

    def __init_subclass__(cls) -> None:
        if "code" not in cls.__dict__:
            cls.code = cls.__name__

    def __init__(self, message: str = "", **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields


class NotBuilt(ServiceError):
    """Something AWS has and Lambent has not yet; the message names it."""

    code = "NotImplemented"
    status = 501


def generic(code: str, message: str, status: int = 400, **fields: Any) -> ServiceError:
    """An error whose code is only known at run time (for instance one relayed from another service)."""
    cls = type(code, (ServiceError,), {"code": code, "status": status})
    error: ServiceError = cls(message, **fields)
    return error
