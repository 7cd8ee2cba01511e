"""How a request ends, as the client sees it and as the model is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from lambent.contracts.errors import ServiceError


class Answer(NamedTuple):
    """A request was answered."""

    result: Any


class Refused(NamedTuple):
    """A request was answered by an error of the service."""

    error: ServiceError

    @property
    def code(self) -> str:
        """AWS's code."""
        return self.error.code


class Lost(NamedTuple):
    """A request got no answer, or an internal failure. `certain`: it has had no effect."""

    certain: bool = False


Outcome = Answer | Refused | Lost
Told = Callable[[Outcome], None]
