"""Fixtures of the tests of topics."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lambent.contracts.ports import Cloud
from lambent.services.sns import signing
from lambent.services.sns.model import SigningKey


@pytest.fixture(autouse=True, scope="session")
def _same_key() -> Iterator[None]:
    """An RSA key takes a tenth of a second to make, and another to load: the first cloud's serves all tests."""
    make, made = signing._make, list[SigningKey]()

    def kept(cloud: Cloud) -> SigningKey:
        if not made:
            made.append(make(cloud))
        return made[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signing, "_make", kept)
        yield
