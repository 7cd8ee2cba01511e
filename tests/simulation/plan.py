"""What kind of run a seed makes: how many nodes and clients, which services, and which troubles."""

from __future__ import annotations

import random

import msgspec


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of run. Times in seconds; `*_every_s` are means, 0 for never; shares from 0 to 1."""

    nodes: int
    shared: bool
    clients: int
    operations: int
    services: tuple[str, ...]
    shuffled: bool
    delay_s_max: float
    think_s_max: float
    conflict_share: float
    failure_share: float
    read_failure_share: float
    blob_failure_share: float
    crash_every_s: float
    crash_at_step: bool
    """Crashes strike a node while it runs, whichever step it is at, instead of at a time."""
    strike_share: float
    """Of the commits: the node is killed within the steps around it."""
    leave_every_s: float
    pause_every_s: float
    pause_s_max: float
    jump_every_s: float
    jump_s_max: float
    collect_every_s: float

    @property
    def calm(self) -> bool:
        """Whether nothing goes wrong but conflicts, which nobody is to notice."""
        shares = (self.failure_share, self.read_failure_share, self.blob_failure_share, self.strike_share)
        return not any((*shares, self.crash_every_s, self.leave_every_s, self.pause_every_s, self.jump_every_s))

    @classmethod
    def draw(cls, chance: random.Random, services: tuple[str, ...], calm: bool = False) -> Plan:
        """A plan by chance: each kind of trouble is there or not, so that a run is not always of everything."""

        calm = calm or chance.random() < 0.2

        def maybe(value: float, share: float = 0.5) -> float:
            return value if not calm and chance.random() < share else 0.0

        shared = chance.random() < 0.8
        count = chance.randint(1, len(services))
        return cls(
            nodes=chance.randint(1, 3) if shared else 1,
            shared=shared,
            clients=chance.randint(1, 6),
            operations=chance.choice((60, 150, 300)),
            services=tuple(sorted(chance.sample(services, count))),
            shuffled=chance.random() < 0.3,
            delay_s_max=chance.choice((0.0, 0.01, 0.3)),
            think_s_max=chance.choice((0.01, 1.0, 8.0)),
            conflict_share=maybe(chance.choice((0.05, 0.4))),
            failure_share=maybe(chance.choice((0.01, 0.1)), 0.4),
            blob_failure_share=maybe(0.02, 0.3),
            read_failure_share=maybe(chance.choice((0.01, 0.05)), 0.3),
            crash_every_s=maybe(chance.choice((1, 10, 60)), 0.7),
            crash_at_step=chance.random() < 0.5,
            strike_share=maybe(chance.choice((0.005, 0.02)), 0.3),
            leave_every_s=maybe(chance.choice((5, 30)), 0.4),
            pause_every_s=maybe(chance.choice((10, 60))),
            pause_s_max=chance.choice((5, 20, 60)),
            jump_every_s=maybe(chance.choice((5, 60)), 0.4),
            jump_s_max=chance.choice((0.5, 5, 20)),
            collect_every_s=chance.choice((0, 20, 120)),
        )
