"""What blobs raise beside `KeyError` (no such blob) and `ValueError` (bytes that a blob does not have).

Draw of the tree::

    BlobsError               the message is one line that says what to do about it
    ├── BlobsUnreachable     the store of blobs does not answer; it may again at any time
    ├── BlobsRefused         the store of blobs answered, with an error; `code` and `status` are its own
    └── BlobLost             a body ends early: it was removed while it was read or written
"""

from __future__ import annotations


class BlobsError(Exception):
    """Base of the errors of blobs."""


class BlobsUnreachable(BlobsError):
    """The store of blobs does not answer, or not in time. The request in flight fails; the next one tries anew."""


class BlobsRefused(BlobsError):
    """The store of blobs refuses a request. `code` is its word for why (`AccessDenied`), `status` the HTTP status."""

    def __init__(self, message: str, code: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class BlobLost(BlobsError):
    """A blob was removed while it was read, or its writer was silent for so long that its pieces were removed."""
