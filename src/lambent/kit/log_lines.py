"""Lines of a node's own log: one for each message, whatever a stranger's request has put into it."""

from __future__ import annotations

import logging
from typing import Any, Final

FORMAT: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"
_CONTROL: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}


class OneLine(logging.Formatter):
    """Escapes what would end a line, or what a terminal would obey; the lines of a traceback are set in, so that none
    of them looks like a message."""

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's own name
        """See `logging.Formatter`."""
        return super().formatMessage(record).translate(_CONTROL)

    def formatException(self, ei: Any) -> str:  # noqa: N802  # logging's own name
        """See `logging.Formatter`."""
        lines = super().formatException(ei).splitlines()
        return "\n".join(f"  {line.translate(_CONTROL)}" for line in lines)


def begin(stream: Any) -> None:
    """Have all messages from INFO on written to `stream`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLine())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
