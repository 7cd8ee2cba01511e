"""`python -m tests.drills [NAME ...] [--plain] [--no-blobs] [--keep FOLDER]`: all drills by default, as a table."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path

from .drills import DRILLS, Way, run
from .figures import Figures
from .hosts import namespaces_work
from .table import table


def main() -> None:
    """Run the drills, print what each found, and the table at last; the exit code is 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(DRILLS))
    parser.add_argument("--plain", action="store_true", help="processes side by side, even where namespaces work")
    parser.add_argument("--no-blobs", action="store_true", help="bodies in the database")
    parser.add_argument("--keep", type=Path, help="a folder for histories and logs")
    given = parser.parse_args()
    way = Way(spaces=False if given.plain else namespaces_work(), blobs=not given.no_blobs, keep=given.keep)
    rows: list[Figures] = []
    for name in given.names or DRILLS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        row = run(name, way)
        if row is None:
            print(f"{name}: not on this machine", file=sys.stderr, flush=True)
            continue
        rows.append(row)
        print(f"{name}: {row.verdict}; {row.errors}", file=sys.stderr)
        for problem in row.problems:
            print(f"  {problem}", file=sys.stderr, flush=True)
    where = "network namespaces" if way.spaces else "processes side by side"
    machine = f"{platform.system()} {platform.release()}, {os.cpu_count()} cores"
    print(f"{machine}, Python {platform.python_version()}, {where}\n")
    print(table(rows))
    sys.exit(any(row.problems for row in rows))


if __name__ == "__main__":
    main()
