"""What Application Auto Scaling keeps: capacities that are scaled, and how. All of the namespace dynamodb."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from lambent.contracts import arn

NAMESPACE: Final = "dynamodb"
DIMENSIONS: Final = {
    "dynamodb:table:ReadCapacityUnits": ("table", "read"),
    "dynamodb:table:WriteCapacityUnits": ("table", "write"),
    "dynamodb:index:ReadCapacityUnits": ("index", "read"),
    "dynamodb:index:WriteCapacityUnits": ("index", "write"),
}
"""What each dimension is of, and the kind of capacity."""
Where = tuple[str, str, str, str]
"""Account, region, resource id, dimension."""


class ScalableTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A capacity that is scaled. `turn` is the number of the next look at it; `out_ms` and `in_ms` are when it was last
    scaled out and in; `suspended` has the kinds of scaling that are suspended."""

    account: str
    region: str
    resource: str
    dimension: str
    id: str
    least: int
    most: int
    created_ms: int
    suspended: dict[str, bool] = {}
    tags: dict[str, str] = {}
    turn: int = 0
    out_ms: int = 0
    in_ms: int = 0

    @property
    def where(self) -> Where:
        """The parts of its key."""
        return self.account, self.region, self.resource, self.dimension

    @property
    def arn(self) -> str:
        """The target's ARN."""
        return arn.build("application-autoscaling", self.region, self.account, f"scalable-target/{self.id}")

    @property
    def table(self) -> str:
        """The table's name."""
        return self.resource.split("/")[1]

    @property
    def index(self) -> str:
        """The index's name; empty for the table's own capacity."""
        parts = self.resource.split("/")
        return parts[3] if len(parts) > 3 else ""

    @property
    def kind(self) -> str:
        """read or write."""
        return DIMENSIONS[self.dimension][1]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A scaling policy: `config` is the configuration of its type, as it was given."""

    name: str
    id: str
    type: str
    config: dict[str, Any]
    created_ms: int


class Scheduled(msgspec.Struct, frozen=True, kw_only=True):
    """A scheduled action. Times are 0 where there is none; `turn` is the number of the firing that is under way."""

    name: str
    id: str
    schedule: str
    zone: str
    created_ms: int
    start_ms: int = 0
    end_ms: int = 0
    least: int | None = None
    most: int | None = None
    turn: int = 0


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """A change of capacity: `status` is Successful or Failed."""

    id: str
    description: str
    cause: str
    status: str
    message: str
    started_ms: int
    ended_ms: int
