"""Targets that are asked over HTTP: API destinations, and stages of API Gateway. For rules, and for pipes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lambent.contracts.arn import Arn
from lambent.contracts.caller import Caller, Credential
from lambent.contracts.events import TryAgain, Undeliverable
from lambent.contracts.ports import Cloud, Reader

from . import connecting, http, keys, stages
from .connecting import Refused
from .http import Answer, Unreachable
from .model import Connection, Destination

_AGENT: Final = "Amazon/EventBridge/ApiGateway"
DELAY_S_MAX: Final = 500.0
"""With doubling waits up to this one, 185 attempts take 24 hours."""
_NS: Final = 1_000_000_000
_AGAIN: Final = (401, 407, 409, 429)
"""Answers after which AWS tries again, as after all from 500 on."""
_TOKEN_REFUSED: Final = (401, 407)
"""Answers after which AWS gets a new token."""


class Failed(Undeliverable):
    """No attempt will succeed; `code` is what the dead letter tells. `condition` is the limit that was reached."""

    def __init__(self, code: str, message: str, condition: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.condition = condition


class Outgoing:
    """Calls in the name of a role; knows the pace of API destinations on this node."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._slots: dict[str, int] = {}

    def allow(self, tx: Reader, caller: Caller, action: str, resource: str, policy: str, account: str) -> None:
        """`Failed` unless the caller may do it."""
        decision = self._cloud.guard.decide(tx, caller, action, resource, {}, policy or None, account)
        if not decision.allowed:
            raise Failed("NO_PERMISSIONS", f"{caller.arn} is not authorized to perform {action} on {resource}.")

    async def to_destination(self, place: Arn, given: Mapping[str, Any], payload: bytes, caller: Caller) -> Answer:
        """Call an API destination; `given` is HttpParameters. A good answer, `TryAgain` or `Failed`."""

        def look(tx: Reader) -> tuple[Destination, Connection]:
            found = keys.destinations.get(tx, place.account, place.region, place.resource.split("/")[1])
            if found is None or found.arn != str(place):
                raise Failed("RESOURCE_NOT_FOUND", f"{place} does not exist.")
            self.allow(tx, caller, "events:InvokeApiDestination", found.arn, "", found.account)
            connection = connecting.at(tx, found.connection)
            if connection is None or connection.state != "AUTHORIZED":
                raise TryAgain(f"The connection of {found.arn} is not authorized.")
            return found, connection

        destination, connection = await self._cloud.store.read(look)
        self._pace(destination)
        try:
            request = await connecting.request(self._cloud, destination, connection, given, payload)
            answer = await http.ask(self._cloud, request)
            if answer.status in _TOKEN_REFUSED:
                await connecting.refused(self._cloud, connection, request)
        except (Unreachable, Refused) as error:
            raise TryAgain(str(error)) from None
        except ValueError as error:
            raise Failed("INVALID_PARAMETER", str(error)) from None
        return _judged(destination.endpoint, answer)

    async def to_stage(
        self, place: Arn, given: Mapping[str, Any], payload: bytes, credential: Credential | None, source: str
    ) -> Answer:
        """Call a method of an API's stage on behalf of the rule or pipe `source`; as `to_destination`."""
        try:
            answer = await stages.ask(self._cloud, place, given, payload, credential, _AGENT, source)
        except Unreachable as error:
            raise TryAgain(str(error)) from None
        except ValueError as error:
            raise Failed("INVALID_PARAMETER", str(error)) from None
        return _judged(str(place), answer)

    def _pace(self, destination: Destination) -> None:
        """Put an event off while its destination has had as many in this second as it takes. Per node."""
        now_ns = self._cloud.clock.now_ns()
        slot_ns = self._slots.get(destination.arn, 0)
        if slot_ns > now_ns:
            raise TryAgain("the destination takes no more now", delay_s=(slot_ns - now_ns) / _NS, count=False)
        if len(self._slots) > 10_000:
            self._slots = {key: due for key, due in self._slots.items() if due > now_ns}
        self._slots[destination.arn] = now_ns + _NS // destination.rate


def _judged(where: str, answer: Answer) -> Answer:
    """A good answer; the others raise."""
    if 200 <= answer.status < 300:
        return answer
    reason = f"{where} answered {answer.status}"
    if answer.status >= 500 or answer.status in _AGAIN:
        wait: Any = answer.headers.get("retry-after", "")
        raise TryAgain(reason, delay_s=min(float(wait), DELAY_S_MAX) if wait.isdecimal() else None)
    raise Failed("INVALID_PARAMETER", reason)
