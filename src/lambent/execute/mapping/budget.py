"""What one run of a template may use: a template never holds the event loop for long, and never fills the memory."""

from __future__ import annotations

from typing import Final

from .errors import TemplateFailed

STEPS_MAX: Final = 150_000
"""Nodes evaluated and pieces handled in one run: some tens of milliseconds."""
CHARACTERS_MAX: Final = 40 * 1024 * 1024
"""Characters produced in one run, for the text and everything on the way to it: some times API Gateway's limit of a
payload, 10 MB."""
ITERATIONS_MAX: Final = 1_000
"""Turns of one #foreach; the loop ends there, as API Gateway's does."""
DEPTH_MAX: Final = 40
"""Macros, definitions and nested values within one another."""
_CHARACTERS_A_STEP: Final = 512


class Budget:
    """What is left of a run."""

    __slots__ = ("characters", "depth", "steps")

    def __init__(self, steps: int = STEPS_MAX) -> None:
        self.steps = steps
        self.characters = CHARACTERS_MAX
        self.depth = 0

    def spend(self, steps: int) -> None:
        """Use steps; `TemplateFailed` when none are left."""
        self.steps -= steps
        if self.steps < 0:
            raise TemplateFailed("the template does too much")

    def read(self, length: int) -> None:
        """Look through `length` characters."""
        self.spend(1 + length // _CHARACTERS_A_STEP)

    def produce(self, length: int) -> None:
        """Make `length` characters; called before they are made where they may be many."""
        self.characters -= length
        if self.characters < 0:
            raise TemplateFailed("the template produces too much")
        self.read(length)

    def enter(self) -> None:
        """Go one level down."""
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise TemplateFailed("the template calls itself too deeply")

    def leave(self) -> None:
        """Come back up."""
        self.depth -= 1
