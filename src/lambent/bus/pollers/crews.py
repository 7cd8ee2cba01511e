"""All pollers of one node: those of event source mappings and those of pipes."""

from __future__ import annotations

import asyncio

from lambent.contracts.ports import Cloud

from .crew import Crew
from .pipes import PipeCrew


class Crews:
    """Both crews; they share nothing but the table of leases."""

    def __init__(self, cloud: Cloud) -> None:
        self._crews: tuple[Crew, ...] = (Crew(cloud), PipeCrew(cloud))

    def start(self) -> None:
        """Begin: look what there is to poll, now and whenever something changes."""
        for crew in self._crews:
            crew.start()

    async def stop(self, grace_s: float) -> None:
        """Receive no more, let batches under way end for `grace_s` seconds, and leave the leases to others."""
        await asyncio.gather(*(crew.stop(grace_s) for crew in self._crews))

    def load(self) -> dict[str, int]:
        """What there is to do: `pollers` that this node has, and `batches` under way in them."""
        loads = [crew.load() for crew in self._crews]
        return {name: sum(load[name] for load in loads) for name in loads[0]}

    def tasks(self) -> list[asyncio.Future[None]]:
        """Everything that runs."""
        return [task for crew in self._crews for task in crew.tasks()]
