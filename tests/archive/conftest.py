"""The archive's clouds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.archive.clouds import Cloud
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


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Maker:
    """Makes clouds of a kind, each in a place of its own."""
    count = iter(range(1_000_000))

    def of_kind(kind: str, *, arriving: bool = False) -> Cloud:
        url = request.getfixturevalue("cluster").schema() if kind == "postgres" else ""
        return Cloud(kind, tmp_path / str(next(count)), url, arriving=arriving)

    return of_kind


@pytest.fixture(scope="session")
def cluster_url(cluster: Cluster) -> Callable[[], str]:
    """Gives addresses of empty stores."""
    return cluster.schema
