"""What an HTTP API answers in its own name: a status and `{"message": ...}`."""

from __future__ import annotations

from typing import Final

import orjson

TEXTS: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Refusal(Exception):
    """A request is answered by the gateway itself. `reason` is for logs: `$context.error.message` says AWS's text, and
    `$context.integrationErrorMessage` or `authorizer.error` the reason. `from_integration` and `from_authorizer` say
    whose fault it was."""

    def __init__(
        self,
        status: int,
        reason: str = "",
        headers: tuple[tuple[str, str], ...] = (),
        *,
        authorizer: bool = False,
        integration: bool = False,
    ) -> None:
        super().__init__(reason or TEXTS[status])
        self.status = status
        self.reason = reason
        self.headers = headers
        self.from_authorizer = authorizer
        self.from_integration = integration

    @property
    def text(self) -> str:
        """What the caller is told."""
        return TEXTS[self.status]

    @property
    def body(self) -> bytes:
        """The answer's body."""
        return orjson.dumps({"message": self.text})


def broken(reason: str) -> Refusal:
    """An integration gave no answer that can be passed on."""
    return Refusal(500, reason, integration=True)


def unavailable(reason: str) -> Refusal:
    """An integration gave no answer, or none in time."""
    return Refusal(503, reason, integration=True)
