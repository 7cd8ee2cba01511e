"""A mapping between an event source and a function: its record and the rules that need nothing else."""

from __future__ import annotations

from functools import cached_property
from typing import Final, Literal

import msgspec

from lambent.contracts import arn

from ..names import Ref

Kind = Literal["sqs", "dynamodb"]

CREATING: Final = "Creating"
ENABLED: Final = "Enabled"
DISABLED: Final = "Disabled"
ENABLING: Final = "Enabling"
DISABLING: Final = "Disabling"
UPDATING: Final = "Updating"
DELETING: Final = "Deleting"
TRANSITIONS: Final = frozenset((CREATING, ENABLING, DISABLING, UPDATING, DELETING))
"""States that a node ends when it has done what they announce."""

BATCH_DEFAULT: Final[dict[Kind, int]] = {"sqs": 10, "dynamodb": 100}
BATCH_FIFO_MAX: Final = 10
BATCH_UNWINDOWED_MAX: Final = 10
"""The largest batch of a queue without a batching window: what one receive gives."""
CONCURRENCY_MAX: Final = 1000
"""Batches of one queue at the same time, where MaximumConcurrency does not say less."""
FILTERS_MAX: Final = 10
NOTHING_YET: Final = "No records processed"
DONE: Final = "OK"


class Mapping(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A mapping. `function` and `qualifier` name what is invoked, `source` is the ARN of the queue or stream.

    `revision` grows with every change: a poller that began with an older one is replaced. Zero or empty means "not
    given", but -1 is AWS's "infinite" in `age_s` (seconds) and `retries`. `filters` are patterns as they were given.
    """

    id: str
    account: str
    region: str
    function: str
    qualifier: str = ""
    source: str
    enabled: bool = True
    state: str = CREATING
    reason: str
    modified_ms: int
    revision: int = 1
    batch: int
    window_s: int = 0
    filters: tuple[str, ...] | None = None
    reports: bool = False
    concurrency: int = 0
    bisect: bool = False
    age_s: int = -1
    retries: int = -1
    parallel: int = 1
    position: str = ""
    tumbling_s: int = 0
    on_failure: str = ""
    metrics: tuple[str, ...] | None = None
    tags: dict[str, str] = {}

    @cached_property
    def kind(self) -> Kind:
        """What kind of source it is, by the service in its ARN."""
        return "sqs" if arn.parse(self.source).service == "sqs" else "dynamodb"

    @cached_property
    def fifo(self) -> bool:
        """Whether the source is a FIFO queue."""
        return self.kind == "sqs" and self.source.endswith(".fifo")

    @cached_property
    def arn(self) -> str:
        """The mapping's own ARN."""
        return mapping_arn(self.account, self.region, self.id)

    @cached_property
    def target(self) -> Ref:
        """The function, version or alias that is invoked."""
        return Ref(self.account, self.region, self.function, self.qualifier)


class Result(msgspec.Struct, frozen=True):
    """What LastProcessingResult says of a mapping's stream: `OK`, or `PROBLEM: ` and why."""

    text: str


def mapping_arn(account: str, region: str, id: str) -> str:
    """The ARN of a mapping."""
    return arn.build("lambda", region, account, f"event-source-mapping:{id}")


def user_reason(kind: Kind) -> str:
    """What StateTransitionReason says of a state that the user asked for; AWS words it by the kind of source."""
    return "USER_INITIATED" if kind == "sqs" else "User action"
