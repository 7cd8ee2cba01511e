"""The connections of one store, and who in this process holds which lock.

A transaction takes a connection with its first read, and only after the locks that it wants are its own among the
process's transactions: those that wait for a lock keep no connection from the others, and the server sees one waiter
for a lock per process at most.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

from .fibers import wait_for
from .postgres_session import Session

Turn = asyncio.Future[None]


class Pool:
    """Up to `connections` sessions, opened in `executor` as they are needed. Belongs to the event loop."""

    def __init__(self, conninfo: str, connections: int, executor: Executor) -> None:
        self._conninfo = conninfo
        self._executor = executor
        self._free = connections
        self._idle: list[Session] = []
        self._queue: deque[Turn] = deque()
        self._locks: dict[int, deque[Turn]] = {}
        self._generation = 0

    def lend(self, begin: bytes, locks: set[int]) -> Lent:
        """A session for one run of a function, which holds `locks` from its beginning."""
        return Lent(self, begin, set(locks))

    def distrust(self, generation: int) -> None:
        """Use no session of this generation or an older one any more."""
        self._generation = max(self._generation, generation + 1)

    def take(self) -> Session:
        """In a fiber: a session. Raises `StoreUnreachable`."""
        if self._free > 0:
            self._free -= 1
        else:
            _queue_up(self._queue, self._released)
        try:
            while self._idle:
                session = self._idle.pop()
                if session.generation == self._generation and session.wire.look():
                    return session
                session.wire.close()
            loop = asyncio.get_running_loop()
            session = wait_for(loop.run_in_executor(self._executor, Session, self._conninfo, self._generation))
            session.wire.attach(loop)
            return session
        except BaseException:
            self._released()
            raise

    def give(self, session: Session) -> None:
        """Take a session back."""
        if not session.wire.lost:
            self._idle.append(session)
        self._released()

    def _released(self) -> None:
        if not _next(self._queue):
            self._free += 1

    def reserve(self, id: int) -> bool:
        """Make a lock the caller's in this process if nobody here has it."""
        if id in self._locks:
            return False
        self._locks[id] = deque()
        return True

    def acquire(self, id: int) -> None:
        """In a fiber: make a lock the caller's in this process."""
        if not self.reserve(id):
            _queue_up(self._locks[id], lambda: self.release(id))

    def release(self, id: int) -> None:
        """Pass a lock on to who waits longest for it here."""
        if not _next(self._locks[id]):
            del self._locks[id]

    def close(self) -> None:
        """Hang up; nothing may be lent any more."""
        while self._idle:
            self._idle.pop().wire.close()


class Lent:
    """What one run of a function has: a session from its first read on, and locks. A `session` that is given from the
    beginning is the caller's own; no `pool` is needed then."""

    def __init__(self, pool: Pool | None, begin: bytes, locks: set[int], session: Session | None = None) -> None:
        self._pool = pool
        self.begin = begin
        self._held: set[int] = set()
        self.locks = locks
        self.session = session

    def take(self) -> Session:
        """The session; the first time, after the locks are this run's in the process, in the order of their ids."""
        if self.session is None:
            assert self._pool is not None
            for id in sorted(self.locks):
                self._pool.acquire(id)
                self._held.add(id)
            session = self._pool.take()
            session.start(self.begin, self.locks)
            self.session = session
        return self.session

    def put_back_unused(self) -> None:
        """Let go of the session and of the process's locks if the transaction has not begun: to wait for one more lock
        in its order, and keep no connection meanwhile."""
        if self._pool is not None and self.session is not None and not self.session.begun:
            self._pool.give(self.session)
            self.session = None
            self._release()

    def _release(self) -> None:
        assert self._pool is not None
        for id in self._held:
            self._pool.release(id)
        self._held.clear()

    def reserve(self, id: int) -> bool:
        """Take a lock among the process's transactions, without waiting."""
        if self._pool is None or not self._pool.reserve(id):
            return False
        self._held.add(id)
        return True

    def give_back(self) -> None:
        """Let go of everything."""
        if self._pool is None:
            return
        try:
            if self.session is not None:
                try:
                    self.session.finish()
                finally:
                    self._pool.give(self.session)
        finally:
            self._release()


def _queue_up(queue: deque[Turn], pass_on: Callable[[], None]) -> None:
    """In a fiber: wait for one's turn, or pass it on when it comes too late."""
    turn = asyncio.get_running_loop().create_future()
    queue.append(turn)
    try:
        wait_for(turn)
    except BaseException:
        if turn.done() and not turn.cancelled():
            pass_on()
        raise


def _next(queue: deque[Turn]) -> bool:
    """Give the turn to who waits longest; False when nobody does."""
    while queue:
        turn = queue.popleft()
        if not turn.done():
            turn.set_result(None)
            return True
    return False
