"""What the store raises. None of these is an answer to a caller: the gateway turns them into an internal failure.

Draw of the tree::

    StoreError
    ├── StoreInUse          another process has the data folder open
    ├── StoreTooNew         the data folder, or the database, was written by a newer Lambent
    ├── StoreUnreadable     the engine cannot open the data: damaged, or no space to recover in
    ├── StoreUnreachable    the database cannot be connected to, or not any more; nothing of the write is visible
    ├── StoreClosed         used after close()
    ├── WriteFailed         the engine could not commit (disk full, I/O error); nothing of the write is visible
    ├── CommitUnknown       the connection was lost during the commit: all of the write is there, or nothing
    ├── TransactionOver     a transaction was used after its function returned
    ├── TooManyConflicts    the function lost every attempt
    └── RecordTooNew        a record's version is one that this program does not know
"""

from __future__ import annotations


class StoreError(Exception):
    """Base of the store's errors."""


class StoreInUse(StoreError):
    """Another process has the data folder open; the message names the folder and the process."""


class StoreTooNew(StoreError):
    """The data folder has a format that this program does not know; the message says which."""


class StoreUnreadable(StoreError):
    """The engine cannot open the data: it is damaged, or the disk has no space to recover in. `__cause__` is the
    engine's error; the message names the folder and says what the engine said. Nothing was changed."""


class StoreUnreachable(StoreError):
    """The database cannot be connected to, or hangs up. The message is one line, says which and why, and holds no
    password. Nothing of the write is visible: it may be tried again."""


class StoreClosed(StoreError):
    """The store was used after `close`."""


class WriteFailed(StoreError):
    """The engine could not commit. `__cause__` is the engine's error. Nothing of the write is visible."""


class CommitUnknown(StoreError):
    """The connection was lost while it committed: all of the write is there, or nothing. Whoever tries it again must
    bear that it is then done twice, so nothing inside does; a client is told of an internal failure."""


class TransactionOver(StoreError):
    """A transaction or reader was kept and used after its function had returned."""


class TooManyConflicts(StoreError):
    """A function lost against other transactions at every attempt."""


class RecordTooNew(StoreError):
    """A stored record carries a version that this program does not know."""
