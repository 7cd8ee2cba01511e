"""Simulate by hand, or for hours: `python -m tests.simulation --help`."""

from __future__ import annotations

import argparse
import os
import sys

from .runner import run
from .services import WORKLOADS
from .soak import soak, some


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description=f"Services: {', '.join(WORKLOADS)}."
    )
    parser.add_argument("--seed", type=int, help="replay one seed")
    parser.add_argument("--trace", action="store_true", help="with --seed: print what happens")
    parser.add_argument("--seeds", help="FIRST-LAST: run these")
    parser.add_argument("--seconds", type=float, default=60, help="otherwise: run new seeds for so long")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if options.seed is not None:
        print(run(options.seed, trace=print if options.trace else None))
        return 0
    if options.seeds:
        first, last = map(int, options.seeds.split("-"))
        return some(range(first, last + 1))
    return soak(options.seconds, options.processes)


if __name__ == "__main__":
    sys.exit(main())
