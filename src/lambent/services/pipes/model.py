"""What Pipes keeps."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from lambent.contracts import arn

PRINCIPAL: Final = "pipes.amazonaws.com"
RUNNING: Final = "RUNNING"
STOPPED: Final = "STOPPED"
CREATING: Final = "CREATING"
UPDATING: Final = "UPDATING"
STARTING: Final = "STARTING"
STOPPING: Final = "STOPPING"
DELETING: Final = "DELETING"
DELETED: Final = "DELETED"
TRANSITIONS: Final = frozenset((CREATING, UPDATING, STARTING, STOPPING, DELETING))
"""States that a node ends when it has done what they announce."""


class Pipe(msgspec.Struct, frozen=True, kw_only=True):
    """A pipe. `id` tells it from an earlier one of its name; `revision` grows with every change. `desired` is RUNNING,
    STOPPED or DELETED. Parameters are as they were given; empty where nothing was."""

    account: str
    region: str
    name: str
    id: str
    source: str
    target: str
    role: str
    desired: str
    state: str
    created_ms: int
    modified_ms: int
    revision: int = 1
    reason: str = ""
    description: str = ""
    enrichment: str = ""
    source_parameters: dict[str, Any] = {}
    enrichment_parameters: dict[str, Any] = {}
    target_parameters: dict[str, Any] = {}
    log: dict[str, Any] = {}
    tags: dict[str, str] = {}

    @property
    def arn(self) -> str:
        """The pipe's ARN."""
        return pipe_arn(self.account, self.region, self.name)

    @property
    def place(self) -> tuple[str, str, str]:
        """The parts of its key."""
        return self.account, self.region, self.name

    @property
    def polling(self) -> dict[str, Any]:
        """The parameters of its kind of source."""
        given = self.source_parameters
        found: dict[str, Any] = given.get("SqsQueueParameters") or given.get("DynamoDBStreamParameters") or {}
        return found

    @property
    def filters(self) -> tuple[str, ...] | None:
        """The patterns of which an event has to match one; None when all are wanted."""
        given = self.source_parameters.get("FilterCriteria", {}).get("Filters") or ()
        return tuple(one["Pattern"] for one in given if one.get("Pattern")) or None


def pipe_arn(account: str, region: str, name: str) -> str:
    """The ARN of a pipe."""
    return arn.build("pipes", region, account, f"pipe/{name}")
