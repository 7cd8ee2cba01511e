"""Which cloud a store holds: a random id, made when it is first asked for, that copies of the store keep."""

from __future__ import annotations

from typing import Final

import msgspec

from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader, Store, Transaction

from .table import Table


class Cloud(msgspec.Struct, frozen=True):
    """The one record of the table."""

    id: str


_clouds: Final = Table("kv.cloud", Cloud)


async def cloud_id(store: Store, ids: Ids | None = None) -> str:
    """The id of the cloud in `store`: 32 hexadecimal digits. Nodes that ask at the same time get the same one.

    `ids` is where a new id comes from, for simulations that repeat themselves; otherwise from the system's entropy.
    """

    def look(tx: Reader) -> str | None:
        found = _clouds.get(tx)
        return found.id if found else None

    new = (ids or Ids()).hex(32)

    def make(tx: Transaction) -> str:
        id = look(tx)
        if id is None:
            _clouds.put(tx, Cloud(new))
        return id or new

    known = await store.read(look)
    return known if known is not None else await store.write(make)
