"""What Scheduler keeps: schedules, and the groups that they are in."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from lambent.contracts import arn

PRINCIPAL: Final = "scheduler.amazonaws.com"
DEFAULT_GROUP: Final = "default"
ENABLED: Final = "ENABLED"
ACTIVE: Final = "ACTIVE"
DELETING: Final = "DELETING"
RETRIES_DEFAULT: Final = 185
AGE_S_DEFAULT: Final = 86_400


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule group. The group `default` is there without a record until something is said of it."""

    account: str
    region: str
    name: str
    created_ms: int
    modified_ms: int
    state: str = ACTIVE
    tags: dict[str, str] = {}
    token: str = ""

    @property
    def arn(self) -> str:
        """The group's ARN."""
        return group_arn(self.account, self.region, self.name)


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule. `id` tells it from an earlier one of its name; `turn` is the number of its one timer: any other that
    comes is stale. `began_ms` is where rates count from. Times are 0 and texts empty where nothing was given; `target`,
    `window` are as they were given. `token` and `print` (of all other parameters) recognise a repeated call."""

    account: str
    region: str
    group: str
    name: str
    id: str
    expression: str
    zone: str
    target: dict[str, Any]
    window: dict[str, Any]
    state: str
    created_ms: int
    modified_ms: int
    began_ms: int
    start_ms: int = 0
    end_ms: int = 0
    description: str = ""
    after: str = "NONE"
    turn: int = 0
    token: str = ""
    print: str = ""

    @property
    def arn(self) -> str:
        """The schedule's ARN."""
        return schedule_arn(self.account, self.region, self.group, self.name)

    @property
    def place(self) -> tuple[str, str, str, str]:
        """The parts of its key."""
        return self.account, self.region, self.group, self.name

    @property
    def retries(self) -> int:
        """How often a failed invocation is repeated."""
        return int(self.target.get("RetryPolicy", {}).get("MaximumRetryAttempts", RETRIES_DEFAULT))

    @property
    def age_s(self) -> int:
        """How old an invocation may become."""
        return int(self.target.get("RetryPolicy", {}).get("MaximumEventAgeInSeconds", AGE_S_DEFAULT))

    @property
    def window_ms(self) -> int:
        """How long after its time an invocation may begin; 0: at once."""
        flexible = self.window.get("Mode") == "FLEXIBLE"
        return int(self.window["MaximumWindowInMinutes"]) * 60_000 if flexible else 0


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """One invocation on its way, with the target as it was when the time came. `due_ms` is the scheduled time."""

    schedule: str
    id: str
    due_ms: int
    target: dict[str, Any]
    retries: int
    age_s: int


def group_arn(account: str, region: str, name: str) -> str:
    """The ARN of a group."""
    return arn.build("scheduler", region, account, f"schedule-group/{name}")


def schedule_arn(account: str, region: str, group: str, name: str) -> str:
    """The ARN of a schedule."""
    return arn.build("scheduler", region, account, f"schedule/{group}/{name}")


def group_arn_of(schedule: str) -> str:
    """The ARN of the group of a schedule's ARN: roles' trust policies know Scheduler by its groups."""
    place = arn.parse(schedule)
    return group_arn(place.account, place.region, place.resource.split("/")[1])
