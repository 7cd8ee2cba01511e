"""What backup and restore raise; each message is one line for the user.

The tree::

    ArchiveError
    ├── Damaged         the file is no backup, is cut off, or a frame of it is not as it was written
    ├── TooNew          the file was written in a format that this program does not know
    ├── BackupFailed    the backup broke off where it was made: a blob is missing, the store failed
    └── NotEmpty        a restore was asked for where something is already
"""

from __future__ import annotations


class ArchiveError(Exception):
    """Base of the archive's errors."""


class Damaged(ArchiveError):
    """The backup cannot be trusted. `position` is the byte at which the frame begins that is not as it should be."""

    def __init__(self, position: int, frame: int, what: str) -> None:
        super().__init__(f"the backup is damaged: frame {frame} at byte {position}: {what}")
        self.position = position
        self.frame = frame


class TooNew(ArchiveError):
    """The backup's format is one of a newer Lambent."""


class BackupFailed(ArchiveError):
    """Whoever made the backup could not go on."""


class NotEmpty(ArchiveError):
    """The place to restore into holds something."""
