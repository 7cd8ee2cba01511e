"""Modules that are loaded when they are first needed, without holding up what goes on meanwhile."""

from __future__ import annotations

import asyncio
import importlib
import sys
from types import ModuleType


async def load(name: str) -> ModuleType:
    """The module `name`. One that is not loaded yet is loaded in a thread: a room of the size of API Gateway's takes a
    tenth of a second and more, which other requests need not wait for."""
    found = sys.modules.get(name)
    # A module is listed while it loads, unfinished; the import system marks it so.
    if found is not None and not getattr(found.__spec__, "_initializing", False):
        return found
    return await asyncio.to_thread(importlib.import_module, name)
