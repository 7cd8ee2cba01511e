"""Who is called after a commit: listeners of topics, and how a callback is called that must harm nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any


class Topics:
    """The listeners of one store, by topic. Belongs to the event loop."""

    def __init__(self) -> None:
        self._listeners: dict[bytes, dict[object, Callable[[], None]]] = {}

    def listen(self, topic: bytes, fn: Callable[[], None]) -> Callable[[], None]:
        """Have `fn` called when `topic` is woken, until what is returned is called (any number of times)."""
        token = object()
        self._listeners.setdefault(topic, {})[token] = fn

        def end() -> None:
            listeners = self._listeners.get(topic, {})
            listeners.pop(token, None)
            if not listeners:
                self._listeners.pop(topic, None)

        return end

    def call(self, topics: Iterable[bytes]) -> None:
        """Call the listeners of `topics`; one that fails or stops listening meanwhile harms no other."""
        for topic in topics:
            for fn in list(self._listeners.get(topic, {}).values()):
                safely(fn)

    def call_all(self) -> None:
        """Call every listener, for what was missed is not known."""
        self.call(list(self._listeners))


def safely(fn: Callable[..., None], *arguments: Any) -> None:
    """Call `fn` after a commit: what it raises goes to the event loop's handler of exceptions."""
    try:
        fn(*arguments)
    except Exception as error:
        asyncio.get_running_loop().call_exception_handler(
            {"message": f"a callback after commit failed: {fn!r}", "exception": error}
        )
