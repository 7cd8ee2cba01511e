"""How far the lanes of a shard are, and what of that is put away.

Lanes take turns of their own, so later records may be done before earlier ones. What is kept is the record up to which
all are done, and how far each lane is beyond it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from msgspec.structs import replace

from .keys import LanePosition, Position


class Progress:
    """Of one shard, in `parallel` lanes."""

    def __init__(self, start: Position, parallel: int) -> None:
        self._after = start.after
        self._parallel = parallel
        kept = start.lanes if start.parallel == parallel else {}
        self._lanes: dict[int, LanePosition] = {int(number): lane for number, lane in kept.items()}
        self._under_way: deque[str] = deque()
        self._done: set[str] = set()

    def lane(self, number: int) -> LanePosition:
        """How far a lane is."""
        return self._lanes.get(number, LanePosition())

    def was_done(self, number: int, sequence: str) -> bool:
        """Whether a lane had finished a record before this poller began."""
        after = self.lane(number).after
        return bool(after) and int(sequence) <= int(after)

    def begin(self, sequence: str) -> None:
        """A record was read; they come in order."""
        self._under_way.append(sequence)

    def skip(self, sequence: str) -> None:
        """A record was read that needs nothing done."""
        self._under_way.append(sequence)
        self._done.add(sequence)
        self._move()

    def finish(self, number: int, sequences: Iterable[str]) -> None:
        """A lane is done with its next records."""
        last = ""
        for sequence in sequences:
            self._done.add(sequence)
            last = sequence
        if last:
            self._lanes[number] = replace(self.lane(number), after=last)
        self._move()

    def window(self, number: int, window_s: int, state: str) -> None:
        """A lane's tumbling window and its state; 0 when none is open."""
        self._lanes[number] = replace(self.lane(number), window_s=window_s, state=state)

    def _move(self) -> None:
        while self._under_way and self._under_way[0] in self._done:
            self._after = self._under_way.popleft()
            self._done.discard(self._after)

    @property
    def under_way(self) -> int:
        """How many records were read and are not done, or wait for earlier ones."""
        return len(self._under_way)

    def position(self) -> Position:
        """What is put away."""
        reached = int(self._after or 0)
        lanes = {
            str(number): lane for number, lane in self._lanes.items() if lane.window_s or int(lane.after or 0) > reached
        }
        return Position(self._after, self._parallel, lanes)
