"""What the simulation asks of a service's file: its stories and its model."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, ClassVar

from .linear import History, Operation
from .loop import Violation
from .world import Answer, Client, Lost, Outcome, Refused, Told, World

Story = Callable[[Client], Awaitable[None]]


class Workload:
    """A service under test: one object per run. Subclass it in services/<name>.py and list it there.

    A *story* is what a client does in one go: some calls, each told to the model. Stories of several clients run at the
    same time, and a story may be the last thing that a node ever heard.
    """

    name: ClassVar[str]

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world = world
        self.chance = chance

    def install(self) -> None:
        """Before the first node starts: put targets of the simulation's own into `world.ground.targets`."""

    async def prepare(self, client: Client) -> None:
        """In good weather, before all stories: make what they need."""

    def stories(self) -> list[tuple[int, Story]]:
        """What clients do, each with its weight."""
        raise NotImplementedError

    async def settle(self, client: Client) -> None:
        """After each story: look at what could be in too many states (`History.width`), so that it stays checkable."""

    async def check(self, client: Client) -> None:
        """In good weather, when nothing is under way any more: compare everything with the model."""

    async def check_later(self, client: Client) -> None:
        """Three days later, on one node that was started anew: what time must have done has been done."""


def tell(history: History, operation: Operation, observe: Callable[[Any], Hashable]) -> Told:
    """How the end of a call is told to a history: `observe` makes of its result what the model says; of an error, that
    is its code."""

    def told(outcome: Outcome) -> None:
        if isinstance(outcome, Answer):
            history.returns(operation, observe(outcome.result))
        elif isinstance(outcome, Refused):
            history.returns(operation, outcome.code)
        elif outcome.certain:
            history.fails(operation)
        else:
            history.vanishes(operation)

    return told


def insist(true: bool, *words: object) -> None:
    """Raise `Violation` with these words unless it is true."""
    if not true:
        raise Violation(" ".join(map(str, words)))


__all__ = ["Answer", "Client", "Lost", "Outcome", "Refused", "Story", "Told", "Workload", "insist", "tell"]
