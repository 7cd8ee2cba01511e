"""Where APIs are reached, by how the node was started."""

from __future__ import annotations

import asyncio

import pytest

from lambent.contracts.ports import Settings
from lambent.deploy.outputs import localized
from lambent.services.apigateway.common import addresses, ids
from tests.support import TestCloud


@pytest.mark.parametrize(
    ("endpoint", "url", "socket"),
    [
        ("http://127.0.0.1:4566", "http://a.execute-api.localhost:4566", "ws://a.execute-api.localhost:4566"),
        ("http://[::1]:80", "http://a.execute-api.localhost:80", "ws://a.execute-api.localhost:80"),
        ("http://localhost:4566", "http://a.execute-api.localhost:4566", "ws://a.execute-api.localhost:4566"),
        ("https://cloud.example", "https://a.execute-api.cloud.example", "wss://a.execute-api.cloud.example"),
    ],
)
def test_addresses_of_apis(endpoint: str, url: str, socket: str) -> None:
    settings = Settings(endpoint=endpoint)
    assert addresses.api_url(settings, "a", "us-east-1") == url
    assert addresses.websocket_url(settings, "a", "us-east-1") == socket
    assert addresses.path_url(settings, "a", "dev") == f"{endpoint}/_aws/execute-api/a/dev"
    assert addresses.path_url(settings, "a") == f"{endpoint}/_aws/execute-api/a"


def test_addresses_in_outputs() -> None:
    async def run() -> None:
        cloud = TestCloud()
        api = await cloud.store.write(lambda tx: ids.claim(tx, cloud.ids, "000000000000", "eu-west-1", "REST"))
        here = f"http://{api}.execute-api.localhost:4566"
        there = f"{api}.execute-api.eu-west-1.amazonaws.com"
        for value, expected in (
            (f"https://{there}/dev/x?y=https://{there}", f"{here}/dev/x?y={here}"),
            (f"https://{there}", here),
            (f"wss://{there}/dev", f"ws{here[4:]}/dev"),
            (f"https://{there}.cn/", f"https://{there}.cn/"),
            (f"https://{there}:8443/", f"https://{there}:8443/"),
            (f"See https://{there}. Or not: https://{there}: no", f"See {here}. Or not: {here}: no"),
            (there, there),
            ("https://bbbbbbbbbb.execute-api.eu-west-1.amazonaws.com/", None),
            ("http://bkt.s3-website.eu-central-1.amazonaws.com", "http://bkt.s3-website.localhost:4566"),
            ("http://bkt.s3-website-us-east-1.amazonaws.com/i", "http://bkt.s3-website.localhost:4566/i"),
            ("https://b.s3.amazonaws.com/", None),
        ):
            found = await cloud.store.read(lambda tx, value=value: localized(tx, value, cloud.settings))
            assert found == (value if expected is None else expected)

    asyncio.run(run())


def test_ids_are_of_ten_letters_and_digits_and_come_free() -> None:
    async def run() -> None:
        cloud = TestCloud()
        made = {
            await cloud.store.write(lambda tx: ids.claim(tx, cloud.ids, "000000000000", "us-east-1", "HTTP"))
            for _ in range(50)
        }
        assert len(made) == 50
        assert all(len(id) == 10 and id.isalnum() and id == id.lower() and id[0].isalpha() for id in made)
        one = made.pop()
        assert (await cloud.store.read(lambda tx: ids.find(tx, one))) is not None
        await cloud.store.write(lambda tx: ids.release(tx, one))
        assert (await cloud.store.read(lambda tx: ids.find(tx, one))) is None

    asyncio.run(run())
