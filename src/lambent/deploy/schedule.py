"""Running the work of a graph: each node as soon as those it needs are done, everything else at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping


class StepFailed(Exception):
    """The work of one node failed; the text says why."""


async def run_graph(
    needs: Mapping[str, Collection[str]],
    work: Callable[[str], Awaitable[None]],
    *,
    begun: Collection[str] = (),
    keep_going: bool = False,
) -> dict[str, str]:
    """Run `work(node)` for every node of `needs`; a node starts when all that it needs (and that are nodes) are done.

    After a failure no further node starts, unless `keep_going`: then only those that need the failed one do not.
    Nodes of `begun` were begun before a crash; they are run first whatever else failed. Returns failed nodes and why.
    """
    left = {node: {other for other in others if other in needs} for node, others in needs.items()}
    running: dict[asyncio.Future[None], str] = {}
    failed: dict[str, str] = {}
    try:
        while True:
            for node in [n for n, waiting in left.items() if n in begun or not waiting]:
                if failed and not keep_going and node not in begun:
                    continue
                del left[node]
                running[asyncio.ensure_future(work(node))] = node
            if not running:
                return failed
            finished, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in finished:
                node = running.pop(task)
                try:
                    task.result()
                except StepFailed as error:
                    failed[node] = str(error)
                else:
                    for waiting in left.values():
                        waiting.discard(node)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
