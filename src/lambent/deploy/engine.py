"""The engine: the bus's target for work on stacks, and the reader of templates for the service."""

from __future__ import annotations

import logging
from typing import Final

import msgspec
from msgspec.structs import replace

from lambent.contracts.deploy import Comparison, Deployed, Prepared, Proposal, TemplateSummary
from lambent.contracts.events import Delivery, TryAgain, Undeliverable
from lambent.contracts.ports import Cloud, Transaction
from lambent.kv import nodes
from lambent.services.cloudformation import keys
from lambent.services.cloudformation.events import Work

from .compare import compare
from .journal import Superseded
from .prepare import prepare, summarize
from .resources import Handlers, Registry
from .runner import Runner

WATCH_AFTER_NS: Final = 300 * 1_000_000_000
"""When an operation that was begun is looked at again."""
ELSEWHERE_S: Final = 5
"""How long an event about an operation waits that another node runs: after so long that node may be dead."""

_log = logging.getLogger("lambent.deploy")


class StackEngine:
    """Implements contracts.deploy.Engine. `handlers` default to the built resource types."""

    def __init__(self, cloud: Cloud, handlers: Handlers | None = None) -> None:
        self._cloud = cloud
        self._handlers = handlers or Registry()
        self._running: set[str] = set()

    async def deliver(self, delivery: Delivery) -> None:
        """Run a stack's operation to its end, from wherever an earlier attempt left it."""
        work = msgspec.json.decode(delivery.event.payload, type=Work)
        if work.operation in self._running:
            raise TryAgain("the operation is being run", delay_s=60, count=False)
        self._running.add(work.operation)
        try:
            await self._take_up(delivery, work)
            await Runner(self._cloud, self._handlers, work).run()
        except Superseded:
            _log.info("stack %s is under another operation", work.stack_id)
        finally:
            self._running.discard(work.operation)

    async def _take_up(self, delivery: Delivery, work: Work) -> None:
        """Become the operation's only runner, unless another node is it and lives; and have the operation looked at
        again later. The bus gives up an event whose nodes keep dying, which may have nothing to do with it; a stack
        must not be left in the middle for that."""
        place, me = (work.account, work.region, work.stack_id), self._cloud.store.node

        def take(tx: Transaction) -> bool:
            stack = keys.stacks.get(tx, *place)
            if stack is None or stack.operation is None or stack.operation.id != work.operation:
                raise Superseded
            operation = stack.operation
            if operation.phase == "done":
                return True
            if operation.runner not in ("", me) and nodes.find(tx, operation.runner) is not None:
                return False
            keys.stacks.put(tx, replace(stack, operation=replace(operation, runner=me)), *place)
            tx.emit(delivery.event, at_ns=self._cloud.clock.now_ns() + WATCH_AFTER_NS)
            return True

        if not await self._cloud.store.write(take):
            raise TryAgain("another node runs the operation", delay_s=ELSEWHERE_S, count=False)

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Stacks are nobody's destination but the service's own."""
        raise Undeliverable(f"{target} cannot be a destination")

    def summary(self, body: str) -> TemplateSummary:
        """Parse a template and describe it."""
        return summarize(body)

    def prepare(self, proposal: Proposal) -> Prepared:
        """Check a proposal, resolve its parameters and run its transforms."""
        return prepare(proposal, self._handlers.built)

    def compare(
        self, proposal: Proposal, prepared: Prepared, deployed: Deployed, tags: tuple[tuple[str, str], ...]
    ) -> Comparison:
        """What executing `prepared` would change."""
        return compare(proposal, prepared, deployed, tags)
