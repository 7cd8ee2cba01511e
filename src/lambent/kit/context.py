"""What a handler knows about the call it serves."""

from __future__ import annotations

from lambent.contracts import arn
from lambent.contracts.caller import Caller
from lambent.contracts.http import Request
from lambent.contracts.ports import Cloud


class Context:
    """One call: who, where, through which node. `request` is None for calls made inside the cloud."""

    __slots__ = ("account", "caller", "cloud", "region", "request", "request_id")

    def __init__(self, cloud: Cloud, caller: Caller, region: str, request_id: str, request: Request | None) -> None:
        self.cloud = cloud
        self.caller = caller
        self.account = caller.account
        self.region = region
        self.request_id = request_id
        self.request = request

    @property
    def now_ms(self) -> int:
        """The clock, in milliseconds since the epoch."""
        return self.cloud.clock.now_ns() // 1_000_000

    @property
    def now_ns(self) -> int:
        """The clock, in nanoseconds since the epoch."""
        return self.cloud.clock.now_ns()

    def arn(self, service: str, resource: str) -> str:
        """An ARN in the call's account and region."""
        return arn.build(service, self.region, self.account, resource)
