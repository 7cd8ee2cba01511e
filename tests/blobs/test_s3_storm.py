"""Bodies through a network that breaks all the time: each is whole or an error, never something else."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter

import pytest

from lambent.blobs.errors import BlobsUnreachable
from lambent.contracts.clock import SystemClock
from lambent.contracts.ids import Ids
from tests.blobs.conftest import open_blobs
from tests.blobs.proxy import Proxy
from tests.blobs.seaweed import Seaweed
from tests.blobs.test_contract import content, data_of, stream

pytest.importorskip("aiohttp", reason="aiohttp is not installed")

from lambent.blobs.s3 import S3Blobs
from lambent.blobs.s3.client import Limits

SIZES = (0, 1000, 100_000, 3_000_000, 9_000_000, 20_000_000)
ROUNDS = 5
WORKERS = 4


class Storm:
    """Cuts, stalls and refusals, one after another, until it is over."""

    def __init__(self, proxy: Proxy, chance: random.Random) -> None:
        self._proxy = proxy
        self._chance = chance

    async def rage(self) -> None:
        """Go on until cancelled."""
        proxy, chance = self._proxy, self._chance
        while True:
            await asyncio.sleep(chance.uniform(0.02, 0.4))
            match chance.choice(["cut", "cut", "cut", "later", "refuse", "stall"]):
                case "cut":
                    proxy.cut()
                case "later":
                    proxy.cut_after_bytes += [chance.randrange(3_000_000) for _ in range(2)]
                case "refuse":
                    await proxy.refuse()
                    proxy.cut()
                    await asyncio.sleep(chance.uniform(0, 0.3))
                    await proxy.accept()
                case "stall":
                    proxy.stall()
                    await asyncio.sleep(chance.uniform(0, 0.6))
                    proxy.flow()


async def work(far: S3Blobs, chance: random.Random, kept: dict[str, bytes], told: Counter[str]) -> None:
    """Write, read and join bodies; `kept` are those that are said to be there."""
    for _ in range(ROUNDS):
        data = data_of(chance.choice(SIZES))
        offset = chance.randrange(len(data) + 1)
        try:
            info = await far.write(stream(data, 500_000), ("md5",))
            kept[info.name] = data
            assert info.digests["md5"] == hashlib.md5(data).digest()
            assert await far.read(info.name) == data
            assert await content(far.slice(info.name, offset, len(data) - offset)) == data[offset:]
            both = await far.concat([(info.name, offset, len(data) - offset), (info.name, 0, len(data))])
            kept[both.name] = data[offset:] + data
            told["done"] += 1
        except BlobsUnreachable:
            told["unreachable"] += 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
async def test_bodies_survive_a_storm(seaweed: Seaweed, s3_url: str, seed: int) -> None:
    chance = random.Random(seed)
    near = await open_blobs(s3_url, "a-cloud", SystemClock(), Ids())
    kept: dict[str, bytes] = {}
    told: Counter[str] = Counter()
    async with Proxy(seaweed.port) as proxy:
        limits = Limits(patience_s=2.0, silence_s=0.5, connect_s=0.5)
        far = S3Blobs(s3_url.replace(seaweed.endpoint, proxy.endpoint), SystemClock(), Ids(), limits=limits)
        raging = asyncio.create_task(Storm(proxy, chance).rage())
        await asyncio.gather(*(work(far, random.Random(chance.random()), kept, told) for _ in range(WORKERS)))
        raging.cancel()
        await asyncio.wait([raging])
        proxy.flow()
        await far.close()
    assert told.total() == WORKERS * ROUNDS
    assert told["done"] >= told.total() // 4
    for name, data in kept.items():
        assert await near.read(name) == data
    # What is left over was told to be an error, and the collector finds it.
    await near.collect(set(kept), grace_s=0, upload_grace_s=0)
    assert await near.collect(set(kept), grace_s=0, upload_grace_s=0) == 0
    await near.close()
