"""The drills: a rig, a load, a fault, and the figures."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from . import faults
from .figures import Figures, Outage, figures
from .rig import Rig, cluster, single

BEFORE_S = 10.0
AFTER_S = 20.0
DISK_MB = 192


class Way(NamedTuple):
    """How drills are run: on hosts of their own (`spaces`) or as processes side by side, with an object store or bodies
    in the database, with how much time around the fault; histories and logs are kept in the folder `keep`."""

    spaces: bool
    blobs: bool = True
    before_s: float = BEFORE_S
    after_s: float = AFTER_S
    keep: Path | None = None


Drill = Callable[[str, Way], Figures | None]


def run(name: str, way: Way) -> Figures | None:
    """Run one of `DRILLS`; None where this machine does not allow it."""
    return DRILLS[name](name, way)


def _on_cluster(fault: Callable[[Rig], Outage], name: str, way: Way) -> Figures:
    return _drill(name, way, cluster(spaces=way.spaces, blobs=way.blobs), fault)


def _on_namespaces(fault: Callable[[Rig], Outage], name: str, way: Way) -> Figures | None:
    return _on_cluster(fault, name, way) if way.spaces else None


def _database_disk(fault: Callable[..., Outage], name: str, way: Way) -> Figures | None:
    with faults.small_disk(DISK_MB) as disk:
        if disk is None:
            return None
        rig = cluster(spaces=way.spaces, disk=disk / "pg", blobs=way.blobs)
        return _drill(name, way, rig, partial(fault, disk=disk))


def _own_disk(name: str, way: Way) -> Figures | None:
    with faults.small_disk(DISK_MB) as disk:
        if disk is None:
            return None
        return _drill(name, way, single(disk / "a"), partial(faults.fill_own_disk, disk=disk))


def _drill(name: str, way: Way, rig: AbstractContextManager[Rig], fault: Callable[[Rig], Outage]) -> Figures:
    with rig as ready:
        try:
            ready.begin()
            time.sleep(way.before_s)
            outage = fault(ready)
            time.sleep(way.after_s)
            seen = ready.end()
        finally:
            if way.keep is not None:
                _keep(ready, way.keep / name)
        return figures(name, ready.where, seen, outage)


def _keep(rig: Rig, kept: Path) -> None:
    for pattern in ("*.jsonl", "*.log", "*/test.log", "weed/log"):
        for path in rig.folder.glob(pattern):
            place = kept / path.relative_to(rig.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
    if len(rig.nodes) > 1:
        (kept / "postgres.log").write_text(rig.postgres.log())


DRILLS: dict[str, Drill] = {
    "kill a node": partial(_on_cluster, faults.kill_node),
    "kill each node": partial(_on_cluster, faults.kill_all_nodes),
    "stop a node": partial(_on_cluster, faults.stop_node),
    "cut a node off": partial(_on_namespaces, faults.cut_node),
    "restart PostgreSQL": partial(_on_cluster, faults.restart_database),
    "cut PostgreSQL off": partial(_on_cluster, faults.cut_database),
    "cut the blobs off": partial(_on_cluster, faults.cut_blobs),
    "fill PostgreSQL's disk": partial(_database_disk, faults.fill_database_disk),
    "fill its log's disk": partial(_database_disk, faults.fill_log_disk),
    "fill RocksDB's disk": _own_disk,
}
