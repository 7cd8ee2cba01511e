"""AWS's managed policies: data files, read at first use."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import msgspec

_FOLDER = Path(__file__).parent / "managed"
PREFIX = "arn:aws:iam::aws:policy/"


class ManagedPolicy(msgspec.Struct, frozen=True):
    """A policy of AWS's own. `version` is the default version's number, `document` its JSON text."""

    name: str
    path: str
    version: int
    description: str
    document: str

    @property
    def arn(self) -> str:
        """The policy's ARN."""
        return f"arn:aws:iam::aws:policy{self.path}{self.name}"


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """The names of all policies that there is a file for, in order."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.json")))


@lru_cache(maxsize=256)
def by_name(name: str) -> ManagedPolicy | None:
    """The policy of that name."""
    if name not in names():
        return None
    source = json.loads((_FOLDER / f"{name}.json").read_text())
    document = json.dumps(source["Document"], indent=4)
    return ManagedPolicy(name, source["Path"], source["Version"], source["Description"], document)


def find(arn: str) -> ManagedPolicy | None:
    """The policy of that ARN."""
    if not arn.startswith(PREFIX):
        return None
    policy = by_name(arn.rpartition("/")[2])
    return policy if policy is not None and policy.arn == arn else None
