"""What the simulation asks of a service's file: its stories and its model."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, ClassVar

from .linear import History, Operation
from .loop import Violation
from .outcomes import Answer, Lost, Outcome, Refused, Told
from .world import Client, World

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


class Attempts:
    """Several calls that together are one operation, such as a completion that is repeated until it is answered."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._under_way = 0
        self._closed = self._over = False
        self._uncertain = False

    def told(self) -> Told:
        """One more attempt."""
        self._under_way += 1
        return self._one

    def close(self) -> None:
        """There will be no more."""
        self._closed = True
        self._end()

    def _one(self, outcome: Outcome) -> None:
        self._under_way -= 1
        if self._over:
            return
        if isinstance(outcome, Answer):
            self._over = True
            self._told(outcome)
        elif isinstance(outcome, Refused):
            # Nobody else ends this upload: another attempt has completed it, and it was overwritten since.
            insist(outcome.code == "NoSuchUpload", "a completion was refused:", outcome.code)
            insist(self._uncertain or self._under_way > 0, "an upload is gone that nobody ended")
            self._uncertain = True
        else:
            self._uncertain = self._uncertain or not outcome.certain
        self._end()

    def _end(self) -> None:
        if self._closed and not self._over and not self._under_way:
            self._over = True
            self._told(Lost(certain=not self._uncertain))


def insist(true: bool, *words: object) -> None:
    """Raise `Violation` with these words unless it is true."""
    if not true:
        raise Violation(" ".join(map(str, words)))


__all__ = ["Answer", "Attempts", "Client", "Lost", "Outcome", "Refused", "Story", "Told", "Workload", "insist", "tell"]
