"""Which service a signing name, a target prefix or an API version belongs to: an index over all of AWS's models.

Reading four hundred models takes seconds, so the index is a data file in the package, made from botocore's data by
`python -m lambent.model.index`; a test says when it has become wrong.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from .load import compile_model, services

FILE = Path(__file__).parent / "index.json"


class ServiceEntry(msgspec.Struct, frozen=True):
    """What finding a service needs: its signing name, target prefix (or empty), API version and main protocol."""

    signing: str
    prefix: str
    version: str
    protocol: str


@cache
def entries() -> dict[str, ServiceEntry]:
    """Every service of AWS by botocore's name."""
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, ServiceEntry])


@cache
def by_signing_name() -> dict[str, tuple[str, ...]]:
    """The services that sign with a name; the one of that very name first."""
    found: dict[str, list[str]] = {}
    for name, entry in entries().items():
        found.setdefault(entry.signing, []).append(name)
    return {signing: tuple(sorted(names, key=lambda n: (n != signing, n))) for signing, names in found.items()}


@cache
def by_target_prefix() -> dict[str, tuple[str, ...]]:
    """The services whose X-Amz-Target begins with a prefix."""
    found: dict[str, list[str]] = {}
    for name, entry in entries().items():
        if entry.prefix:
            found.setdefault(entry.prefix, []).append(name)
    return {prefix: tuple(names) for prefix, names in found.items()}


@cache
def by_query_version() -> dict[str, tuple[str, ...]]:
    """The services that speak the query protocol, by the API version that their forms carry."""
    found: dict[str, list[str]] = {}
    for name, entry in entries().items():
        if entry.protocol == "query":
            found.setdefault(entry.version, []).append(name)
    return {version: tuple(names) for version, names in found.items()}


def entry_of(name: str) -> ServiceEntry:
    """The entry of a service, made from its model."""
    metadata: dict[str, Any] = compile_model(name)["metadata"]
    signing = metadata.get("signingName") or metadata["endpointPrefix"]
    return ServiceEntry(signing, metadata.get("targetPrefix", ""), metadata["apiVersion"], metadata["protocol"])


def main() -> None:
    """Write the index anew."""
    found = {name: entry_of(name) for name in services()}
    lines = ",\n".join(
        f"{msgspec.json.encode(k).decode()}: {msgspec.json.encode(v).decode()}" for k, v in found.items()
    )
    FILE.write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
