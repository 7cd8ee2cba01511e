"""What the execute room remembers on one node, all of it a cache or a batch: one `Room` per cloud.

`room(cloud)` gives it; it is also API Gateway's target, so the registry makes it, once. Parts that belong to one kind
of API are made by `part`, at first use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from lambent.auth import Verifier
from lambent.contracts.events import Delivery, Undeliverable
from lambent.contracts.ports import Cloud

from .sessions import Sessions
from .throttle import Buckets

P = TypeVar("P")


class Room:
    """One node's memory of the APIs that it serves."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.buckets = Buckets()
        self.verifier = Verifier()
        self.sessions = Sessions(cloud)
        self._parts: dict[Callable[[Cloud], Any], Any] = {}

    def part(self, make: Callable[[Cloud], P]) -> P:
        """The one value that `make` (a class, mostly) has made for this cloud."""
        found = self._parts.get(make)
        if found is None:
            found = self._parts[make] = make(self.cloud)
        return found

    async def deliver(self, delivery: Delivery) -> None:
        """Nothing is delivered to APIs by the bus yet."""
        raise Undeliverable("API Gateway takes no events.")

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """As `deliver`."""
        raise Undeliverable("API Gateway takes no events.")


def room(cloud: Cloud) -> Room:
    """The execute room's memory of this cloud's node."""
    found = cloud.targets["apigateway"]
    assert isinstance(found, Room)
    return found
