"""The archive's clouds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.archive.clouds import Cloud
from tests.blobs.seaweed import Seaweed, find_binary
from tests.blobs.seaweed import started as started_seaweed
from tests.kv.postgres_cluster import Cluster, find_binaries, started

Maker = Callable[..., Cloud]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server of the tests' own; tests that need it are skipped where it is not installed."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    with started(binaries) as running:
        yield running


@pytest.fixture(scope="session")
def seaweed() -> Iterator[Seaweed]:
    """A SeaweedFS of the tests' own; tests that need it are skipped where it is not installed."""
    pytest.importorskip("aiohttp", reason="aiohttp is not installed")
    binary = find_binary()
    if binary is None:
        pytest.skip("SeaweedFS (weed) is not installed")
    with started_seaweed(binary) as running:
        yield running


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Maker:
    """Makes clouds of a kind, each in a place of its own."""
    count = iter(range(1_000_000))

    def of_kind(kind: str, *, arriving: bool = False) -> Cloud:
        number = next(count)
        url = request.getfixturevalue("cluster").schema() if kind in ("postgres", "s3") else ""
        bucket = request.getfixturevalue("seaweed").url if kind == "s3" else ""
        prefix = f"/{tmp_path.parent.name}/{tmp_path.name}/{number}?"
        return Cloud(kind, tmp_path / str(number), url, bucket.replace("?", prefix, 1), arriving=arriving)

    return of_kind


@pytest.fixture(scope="session")
def cluster_url(cluster: Cluster) -> Callable[[], str]:
    """Gives addresses of empty stores."""
    return cluster.schema
