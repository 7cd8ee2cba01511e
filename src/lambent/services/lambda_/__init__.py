"""Lambda. `LambdaHost` is what the compute room is given; `blobs_in_use` what the collector of bodies asks;
`forget_node` frees what a dead node's calls held; `downloads` holds the door from which archives are downloaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

from . import downloads
from .api import concurrency, event_config, event_sources, functions, invoke, layers, permissions, versions
from .events import LambdaTarget
from .host import LambdaHost
from .keys import blobs_in_use
from .service import lambda_ as service
from .slots import forget_node

__all__ = ["LambdaHost", "blobs_in_use", "downloads", "forget_node", "service", "targets"]

targets: Mapping[str, Callable[[Cloud], Target]] = {"lambda": LambdaTarget}

# Importing these modules registers their operations.
_OPERATIONS = (concurrency, event_config, event_sources, functions, invoke, layers, permissions, versions)
