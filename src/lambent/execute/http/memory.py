"""What one node remembers of HTTP APIs, all a cache: compiled deployments, issuers' keys, authorizers' verdicts."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final, NamedTuple

from lambent.contracts.ports import Cloud, Reader
from lambent.services.apigateway.v2 import keys

from ..caching import Kept
from ..jwt import Tokens
from .outside import get
from .plan import Plan

PLANS_MAX: Final = 500
VERDICTS_BYTES_MAX: Final = 64 << 20


class Verdict(NamedTuple):
    """What a Lambda authorizer said: yes or no for everything (`document` empty), or a policy. `context` is what
    functions are told."""

    allowed: bool
    context: dict[str, Any] | None
    principal: str = ""
    document: str = ""


class Memory:
    """One per cloud: `room.part(Memory)`."""

    def __init__(self, cloud: Cloud) -> None:
        self.tokens = Tokens(cloud, get(cloud))
        self.verdicts: Kept[Verdict] = Kept(bytes_max=VERDICTS_BYTES_MAX)
        self._plans: OrderedDict[tuple[str, str], Plan] = OrderedDict()

    def plan(self, tx: Reader, api: str, deployment: str) -> Plan | None:
        """The deployment of an API, compiled; None when there is none. Deployments never change, so nothing here gets
        old."""
        found = self._plans.get((api, deployment))
        if found is not None:
            return found
        snapshot = keys.get_snapshot(tx, api, deployment) if deployment else None
        if snapshot is None:
            return None
        found = self._plans[api, deployment] = Plan(snapshot)
        if len(self._plans) > PLANS_MAX:
            self._plans.popitem(last=False)
        return found
