"""Records of EventBridge, and limits. Times are milliseconds since the epoch unless named otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from lambent.contracts import arn

PRINCIPAL: Final = "events.amazonaws.com"
DEFAULT: Final = "default"
ENTRIES_BYTES_MAX: Final = 1_048_576
"""What the entries of one PutEvents may have together: AWS's limit since it was raised from 256 KB."""
TARGETS_MAX: Final = 5
TAGS_MAX: Final = 50
POLICY_BYTES_MAX: Final = 10_240
PAGE: Final = 100
HOPS_MAX: Final = 1
"""How often an event is sent on from bus to bus: what came from another bus is not sent to a third one."""
RETRIES_MAX: Final = 185
AGE_S_MAX: Final = 86_400
RATE_MAX: Final = 300
DAY_MS: Final = 86_400_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Sent = dict[str, Any]
"""An event as targets get it: version, id, detail-type, source, account, time, region, resources, detail."""


class Bus(msgspec.Struct, frozen=True, kw_only=True):
    """An event bus. The default one of each account and region exists without a record. `policy` is a JSON text, empty
    for none; `settings` are the members of CreateEventBus that are only stored and shown."""

    account: str
    region: str
    name: str
    created_ms: int = 0
    modified_ms: int = 0
    description: str = ""
    policy: str = ""
    settings: dict[str, Any] = {}
    tags: dict[str, str] = {}

    @property
    def arn(self) -> str:
        """The bus's ARN."""
        return arn.build("events", self.region, self.account, f"event-bus/{self.name}")

    @property
    def place(self) -> tuple[str, str, str]:
        """The parts of its key."""
        return self.account, self.region, self.name


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule. `bus` is its bus's name; `pattern` and `schedule` are empty where it has none. `begun_ms` is when the
    schedule was set; `timer` is new with it, so that alarms of an older one do nothing."""

    account: str
    region: str
    bus: str
    name: str
    pattern: str = ""
    schedule: str = ""
    state: str = "ENABLED"
    description: str = ""
    role: str = ""
    managed_by: str = ""
    tags: dict[str, str] = {}
    created_by: str = ""
    begun_ms: int = 0
    timer: str = ""

    @property
    def arn(self) -> str:
        """The rule's ARN; the default bus is not named in it."""
        path = self.name if self.bus == DEFAULT else f"{self.bus}/{self.name}"
        return arn.build("events", self.region, self.account, f"rule/{path}")

    @property
    def place(self) -> tuple[str, str, str, str]:
        """The parts of its key."""
        return self.account, self.region, self.bus, self.name

    @property
    def enabled(self) -> bool:
        """Whether it does anything."""
        return self.state != "DISABLED"


class Target(msgspec.Struct, frozen=True):
    """A rule's target, as PutTargets gave it."""

    spec: dict[str, Any]


class Indexed(msgspec.Struct, frozen=True):
    """A rule as it is found by source and detail-type of an event: its pattern."""

    pattern: str


class Mark(msgspec.Struct, frozen=True):
    """An index entry: everything is in its key."""


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """An archive of a bus. `id` is new with each creation; `days` 0 keeps for ever;
    `sweeper` numbers the alarms that remove what is too old."""

    account: str
    region: str
    name: str
    id: str
    bus: str
    created_ms: int
    pattern: str = ""
    description: str = ""
    days: int = 0
    kms: str = ""
    sweeper: int = 0

    @property
    def arn(self) -> str:
        """The archive's ARN."""
        return arn.build("events", self.region, self.account, f"archive/{self.name}")

    @property
    def bus_arn(self) -> str:
        """The bus that it is of."""
        return arn.build("events", self.region, self.account, f"event-bus/{self.bus}")


class Archived(msgspec.Struct, frozen=True):
    """An archived event (JSON) and its size as AWS counts it."""

    event: bytes
    size: int


class Holding(msgspec.Struct, frozen=True):
    """What one shard of an archive holds."""

    count: int
    size: int


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """A replay. `rules` are the ARNs of the only rules that hear it; empty: all. `last_ms` is the time of the
    event that was replayed last, 0 before the first; `after` the key of the last one in the page before, so that a
    page is replayed once though its task is heard twice."""

    account: str
    region: str
    name: str
    id: str
    archive: str
    archive_id: str
    bus: str
    rules: tuple[str, ...]
    begin_ms: int
    end_ms: int
    state: Literal["STARTING", "RUNNING", "CANCELLING", "COMPLETED", "CANCELLED", "FAILED"]
    started_ms: int
    description: str = ""
    reason: str = ""
    ended_ms: int = 0
    last_ms: int = 0
    after: bytes = b""

    @property
    def arn(self) -> str:
        """The replay's ARN."""
        return arn.build("events", self.region, self.account, f"replay/{self.name}")


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """A connection: how API destinations authorize. `auth` is AuthParameters as it was given, with its secrets;
    `version` counts changes, so that an old token or an old attempt to get one is known as such."""

    account: str
    region: str
    name: str
    id: str
    secret: str
    kind: str
    auth: dict[str, Any]
    state: str
    created_ms: int
    modified_ms: int
    authorized_ms: int = 0
    description: str = ""
    reason: str = ""
    kms: str = ""
    version: int = 0

    @property
    def arn(self) -> str:
        """The connection's ARN."""
        return arn.build("events", self.region, self.account, f"connection/{self.name}/{self.id}")

    @property
    def secret_arn(self) -> str:
        """The name that AWS's secret of it would have."""
        return arn.build(
            "secretsmanager", self.region, self.account, f"secret:events!connection/{self.name}/{self.secret}"
        )


class Token(msgspec.Struct, frozen=True):
    """An OAuth access token of a connection's `version`, good until."""

    version: int
    kind: str
    value: str
    until_ms: int


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """An API destination. `rate` is how many calls a second it takes."""

    account: str
    region: str
    name: str
    id: str
    connection: str
    endpoint: str
    method: str
    created_ms: int
    modified_ms: int
    rate: int = RATE_MAX
    description: str = ""

    @property
    def arn(self) -> str:
        """The API destination's ARN."""
        return arn.build("events", self.region, self.account, f"api-destination/{self.name}/{self.id}")


def timestamp(time_ms: int) -> datetime:
    """A time as answers have it."""
    return datetime.fromtimestamp(time_ms / 1000, UTC)


def milliseconds(time: datetime) -> int:
    """A time of a request; what is finer is cut off, for an event is of the second in which it happened."""
    return (time - _EPOCH) // timedelta(milliseconds=1)


def moment(time_ms: int) -> str:
    """A time as events have it: in whole seconds."""
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def present(**members: Any) -> dict[str, Any]:
    """The members that say something: answers leave the others out."""
    return {name: value for name, value in members.items() if value not in ("", None)}
