"""`python -m tests.crash [--rounds N] [--seed S] [--durability normal|strict]`: half of the rounds each by default."""

from __future__ import annotations

import argparse

from tests.crash.rounds import run


def main() -> None:
    """Run and print what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--durability", choices=("normal", "strict"))
    arguments = parser.parse_args()
    chosen = [arguments.durability] if arguments.durability else ["normal", "strict"]
    for durability in chosen:
        print(f"{durability}: {run(arguments.rounds // len(chosen), durability, arguments.seed, aloud=True)}")


if __name__ == "__main__":
    main()
