"""Every key of Lambda. `place` is (account, region, function name).

=====================  ================================================================
lambda.function        place
lambda.version         place, number
lambda.alias           place, alias
lambda.policy          place, qualifier (empty: the function itself)
lambda.event_config    place, qualifier ($LATEST for the function itself)
lambda.layer           account, region, layer name
lambda.layer_version   account, region, layer name, number
lambda.account         account, region
lambda.slots           place of a function with reserved concurrency; an empty name for all that have none
lambda.secret          what for
=====================  ================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader, Transaction
from lambent.kv.table import Table

from .errors import no_function
from .model import (
    LATEST,
    AccountRecord,
    AliasRecord,
    Config,
    EventConfigRecord,
    FunctionRecord,
    LayerRecord,
    LayerVersionRecord,
    PolicyRecord,
    SecretRecord,
    SlotsRecord,
)
from .names import Ref, is_version

functions = Table("lambda.function", FunctionRecord)
versions = Table("lambda.version", Config)
aliases = Table("lambda.alias", AliasRecord)
policies = Table("lambda.policy", PolicyRecord)
event_configs = Table("lambda.event_config", EventConfigRecord)
layers = Table("lambda.layer", LayerRecord)
layer_versions = Table("lambda.layer_version", LayerVersionRecord)
slots = Table("lambda.slots", SlotsRecord)
_accounts = Table("lambda.account", AccountRecord)
_secrets = Table("lambda.secret", SecretRecord)


class Resolved(NamedTuple):
    """A function, the version that a qualifier leads to, and the alias on the way, if it was one."""

    function: FunctionRecord
    config: Config
    alias: AliasRecord | None


def get_function(tx: Reader, ref: Ref) -> FunctionRecord:
    """The function; its qualifier is not looked at, but named in the error."""
    record = functions.get(tx, *ref.place)
    if record is None:
        raise no_function(ref.qualified)
    return record


def resolve(tx: Reader, ref: Ref) -> Resolved:
    """The function and the version that the reference leads to; of a weighted alias, its main version."""
    function = functions.get(tx, *ref.place)
    if function is None:
        raise no_function(ref.qualified)
    if ref.qualifier in ("", LATEST):
        return Resolved(function, function.latest, None)
    if is_version(ref.qualifier):
        return Resolved(function, get_version(tx, ref, ref.qualifier), None)
    alias = aliases.get(tx, *ref.place, ref.qualifier)
    if alias is None:
        raise no_function(ref.qualified)
    if alias.version == LATEST:
        return Resolved(function, function.latest, alias)
    return Resolved(function, get_version(tx, ref, alias.version), alias)


def get_version(tx: Reader, ref: Ref, version: str) -> Config:
    """A published version, or $LATEST."""
    if version == LATEST:
        return get_function(tx, ref).latest
    record = versions.get(tx, *ref.place, int(version))
    if record is None:
        raise no_function(f"{ref.arn}:{version}")
    return record


def delete_function(tx: Transaction, ref: Ref) -> None:
    """Remove a function and everything that belongs to it."""
    function = get_function(tx, ref)
    if function.reserved is not None:
        note_reserved(tx, ref, function.reserved, 0)
    functions.delete(tx, *ref.place)
    for table in (versions, aliases, policies, event_configs):
        for key, _ in table.scan(tx, *ref.place):
            tx.delete(key)


def reserved_total(tx: Reader, account: str, region: str) -> int:
    """What the functions of an account have reserved together."""
    record = _accounts.get(tx, account, region)
    if record is not None:
        return record.reserved
    # Reservations of before this record was kept; the next change of one writes it.
    return sum(function.reserved or 0 for _, function in functions.scan(tx, account, region))


def note_reserved(tx: Transaction, ref: Ref, old: int, new: int) -> None:
    """Keep the account's sum while a function's reservation is about to change from `old` to `new`."""
    total = reserved_total(tx, ref.account, ref.region) - old + new
    _accounts.put(tx, AccountRecord(total), ref.account, ref.region)


def secret(tx: Reader) -> bytes:
    """The key that signs download addresses. Whoever stores an archive has made it."""
    record = _secrets.get(tx, "download")
    return b"" if record is None else record.key


def ensure_secret(tx: Transaction, ids: Ids) -> None:
    """Make the key that signs download addresses, unless there is one."""
    if _secrets.get(tx, "download") is None:
        _secrets.put(tx, SecretRecord(ids.bytes(32)), "download")


def blobs_in_use(tx: Reader) -> Iterator[str]:
    """The names of all archives of functions and layers."""
    for _, function in functions.scan(tx):
        yield from _of(function.latest)
    for _, version in versions.scan(tx):
        yield from _of(version)
    for _, layer in layer_versions.scan(tx):
        yield layer.archive.blob


def _of(config: Config) -> Iterator[str]:
    yield config.code.blob
    for layer in config.layers:
        yield layer.archive.blob
