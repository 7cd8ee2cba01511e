"""The engine: the bus's target for work on stacks, and the reader of templates for the service."""

from __future__ import annotations

import logging

import msgspec

from lambent.contracts.deploy import Comparison, Deployed, Prepared, Proposal, TemplateSummary
from lambent.contracts.events import Delivery, TryAgain, Undeliverable
from lambent.contracts.ports import Cloud
from lambent.services.cloudformation.events import Work

from .compare import compare
from .journal import Superseded
from .prepare import prepare, summarize
from .resources import Handlers, Registry
from .runner import Runner

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
            raise TryAgain("the operation is being run", delay_s=5, count=False)
        self._running.add(work.operation)
        try:
            await Runner(self._cloud, self._handlers, work).run()
        except Superseded:
            _log.info("stack %s is under another operation", work.stack_id)
        finally:
            self._running.discard(work.operation)

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
