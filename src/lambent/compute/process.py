"""The driver for machines without namespaces: plain processes of the same user. Nothing is hidden from the function.

It exists so that Lambent runs everywhere; that functions are not contained is said aloud at start and by `probe`.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from .cgroups import Group
from .sandbox import ENTRY, Channels, Driver, Layout, Plan, Started, limit


class Process(Driver):
    """Starts functions as ordinary processes, each in a session and a working folder of its own."""

    name = "process"

    def __init__(self, folder: Path, endpoint: str) -> None:
        self._folder = folder / "tmp"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._empty = folder / "empty"
        self._empty.mkdir(exist_ok=True)
        self._endpoint = endpoint

    def start(self, plan: Plan, group: Group) -> Started:
        """Start the entry program; its limits are set before it has its orders, so before any code of the user."""
        channels = Channels()
        control = channels.control_inside.fileno()
        tmp = tempfile.mkdtemp(dir=self._folder)
        try:
            process = subprocess.Popen(
                [plan.interpreter.executable, "-I", "-S", "-B", str(ENTRY), str(control), "0", "--die-with-parent"],
                stdin=channels.nothing,
                stdout=channels.log_inside,
                stderr=channels.log_inside,
                pass_fds=[control],
                env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8"},
                start_new_session=True,
            )
        finally:
            channels.close_inside()
        try:
            group.add(process.pid)
            limit(process.pid, group, plan.memory_mb)
            _, listeners, _ = channels.doors()
        except BaseException:
            process.kill()
            process.wait()
            channels.close()
            raise
        layout = Layout(
            str(plan.task),
            str(plan.opt or self._empty),
            str(plan.packages),
            plan.interpreter.prefix,
            tmp,
            self._endpoint,
        )
        return Started(process, process.pid, channels.log, channels.control, listeners, layout)
