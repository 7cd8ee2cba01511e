"""Ids of APIs: ten small letters and digits, one namespace for all kinds of API in the whole cloud, so that the data
plane finds an API by its id alone, with one read.

==================  ===============================
apigateway.place    API id
==================  ===============================
"""

from __future__ import annotations

import string
from typing import Final, Literal

import msgspec

from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader, Transaction
from lambent.kv.table import Table

Kind = Literal["REST", "HTTP", "WEBSOCKET"]
API_ID_LENGTH: Final = 10
_LETTERS: Final = string.ascii_lowercase + string.digits


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an API lives and of which kind it is."""

    account: str
    region: str
    kind: Kind


places = Table("apigateway.place", Place)


def new_id(ids: Ids, length: int = API_ID_LENGTH) -> str:
    """`length` random small letters and digits, the first a letter: the form of ids of APIs (10), routes, stages'
    deployments and resources (6 and 7)."""
    return ids.random.choice(string.ascii_lowercase) + "".join(ids.random.choices(_LETTERS, k=length - 1))


def claim(tx: Transaction, ids: Ids, account: str, region: str, kind: Kind) -> str:
    """A new API id, recorded as that of an API of `kind` in the account and region."""
    while True:
        api = new_id(ids)
        if places.get(tx, api) is None:
            places.put(tx, Place(account=account, region=region, kind=kind), api)
            return api


def find(tx: Reader, api: str) -> Place | None:
    """Where the API of an id lives; None when there is none."""
    return places.get(tx, api)


def release(tx: Transaction, api: str) -> None:
    """Forget a deleted API's id."""
    places.delete(tx, api)
