"""A store says which cloud it holds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lambent.contracts.ids import Ids
from lambent.kv.identity import cloud_id
from tests.kv.contract import Engine
from tests.kv.postgres_cluster import Cluster


async def test_a_cloud_keeps_its_id(engine: Engine, tmp_path: Path) -> None:
    path = str(tmp_path / "copy")
    async with engine.store() as store:
        ids = await asyncio.gather(*(cloud_id(store) for _ in range(5)))
        assert len(set(ids)) == 1
        assert len(ids[0]) == 32
        await store.checkpoint(path)
    copy = engine.restore(path)
    try:
        assert await cloud_id(copy) == ids[0]
    finally:
        await copy.close()
    if engine.persistent:
        async with engine.store() as again:
            assert await cloud_id(again, Ids(5)) == ids[0]


async def test_clouds_differ(engine: Engine) -> None:
    async with engine.store() as store:
        mine = await cloud_id(store, Ids(7))
    assert mine == Ids(7).hex(32)
    assert mine != Ids(8).hex(32)


@pytest.mark.slow
async def test_nodes_that_start_together_agree(cluster: Cluster) -> None:
    pytest.importorskip("psycopg")
    from tests.kv.test_postgres import node, open_nodes  # deferred: needs psycopg

    url = cluster.schema()
    async with open_nodes(node(url, 1), node(url, 2), node(url, 3)) as nodes:
        assert len(set(await asyncio.gather(*(cloud_id(store) for store in nodes)))) == 1
