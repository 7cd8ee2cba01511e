"""The book store's Postman collection, as a developer's machine or a pipeline runs it."""

from __future__ import annotations

import json
import urllib.request

import pytest

from ..newman import run_collection
from ..node import ROOT
from .conftest import Shop

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.mark.timeout(300)
def test_newman_runs_the_collection(shop: Shop) -> None:
    bucket = shop.url.removeprefix("http://").partition(".")[0]
    with urllib.request.urlopen(f"{shop.node.url}/_aws/s3-website/{bucket}/config.json", timeout=10) as answer:
        config = json.load(answer)
    run_collection(
        ROOT / "apps" / "bookstore" / "postman.json",
        apiUrl=config["apiUrl"],
        cognitoUrl=config["cognitoEndpoint"],
        clientId=config["clientId"],
        email=shop.email,
        password=shop.password,
        origin=shop.url,
    )
