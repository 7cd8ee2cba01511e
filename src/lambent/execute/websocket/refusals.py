"""What a client is told when it cannot be served.

Refusal     a handshake, answered with a status
Failed      an integration: 500 or 502 at a handshake, an error frame later
"""

from __future__ import annotations

import orjson

from lambent.contracts.http import Response

_NAMES = {
    400: "BadRequestException",
    401: "UnauthorizedException",
    403: "ForbiddenException",
    429: "LimitExceededException",
}


class Refusal(Exception):
    """A handshake is refused: `status` and the text of the answer. `headers` go with it."""

    def __init__(
        self, status: int, message: str, headers: tuple[tuple[str, str], ...] = (), member: str = "message"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers
        self.member = member

    def response(self, request_id: str, connection_id: str = "") -> Response:
        """The answer to the handshake."""
        body = {self.member: self.message}
        if connection_id:
            body |= {"connectionId": connection_id, "requestId": request_id}
        other = "BadRequestException" if self.status < 500 else "InternalServerErrorException"
        kind = _NAMES.get(self.status, other)
        headers = [("content-type", "application/json"), ("x-amzn-requestid", request_id), ("x-amzn-errortype", kind)]
        return Response(self.status, [*headers, *self.headers], orjson.dumps(body))


class Failed(Exception):
    """An integration could not be called, or answered nonsense. The text is for the log; clients are told no more than
    `shown`."""

    def __init__(self, why: str, status: int = 500, shown: str = "Internal server error") -> None:
        super().__init__(why)
        self.status = status
        self.shown = shown


def error_frame(message: str, connection_id: str, request_id: str) -> bytes:
    """What a client is sent whose message could not be handled."""
    return orjson.dumps({"message": message, "connectionId": connection_id, "requestId": request_id})
