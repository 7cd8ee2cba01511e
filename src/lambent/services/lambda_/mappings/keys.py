"""The keys of event source mappings.

=====================  ================================================================
lambda.mapping         account, region, UUID
lambda.mapping_result  UUID: how the last batch of a stream went
=====================  ================================================================

What pollers keep (leases, positions) is in `lambent.bus.pollers.keys`.
"""

from __future__ import annotations

from typing import Final

from lambent.contracts.arn import parse
from lambent.contracts.ports import Reader, Transaction
from lambent.kv.table import Table

from ..errors import ResourceNotFoundException, no_resource
from .model import NOTHING_YET, Mapping, Result

mappings = Table("lambda.mapping", Mapping)
results = Table("lambda.mapping_result", Result)

CHANGED: Final = b"lambda.mappings"
"""The topic that every change of a mapping wakes: pollers look what there is to do."""


def get_mapping(tx: Reader, account: str, region: str, id: str) -> Mapping:
    """The mapping; ResourceNotFoundException when there is none."""
    found = mappings.get(tx, account, region, id)
    if found is None:
        raise no_resource()
    return found


def is_mapping_arn(text: str) -> bool:
    """Whether an ARN is one of a mapping."""
    return text.split(":")[2:3] == ["lambda"] and text.split(":")[5:6] == ["event-source-mapping"]


def mapping_at(tx: Reader, mapping_arn: str) -> Mapping:
    """The mapping of an ARN, for operations on tags, which word its absence in their own way."""
    place = parse(mapping_arn)
    found = mappings.get(tx, place.account, place.region, place.resource.partition(":")[2])
    if found is None:
        raise ResourceNotFoundException(f"Event source mapping not found: {mapping_arn}")
    return found


def put_mapping(tx: Transaction, mapping: Mapping) -> None:
    """Store a mapping and tell the pollers."""
    mappings.put(tx, mapping, mapping.account, mapping.region, mapping.id)
    tx.wake(CHANGED)


def delete_mapping(tx: Transaction, mapping: Mapping) -> None:
    """Remove a mapping for good."""
    mappings.delete(tx, mapping.account, mapping.region, mapping.id)
    results.delete(tx, mapping.id)


def every_mapping(tx: Reader) -> list[Mapping]:
    """All mappings of all accounts and regions."""
    return [mapping for _, mapping in mappings.scan(tx)]


def result(tx: Reader, mapping: Mapping) -> str:
    """How the mapping's last batch went."""
    found = results.get(tx, mapping.id)
    return NOTHING_YET if found is None else found.text


def forget_result(tx: Transaction, mapping: Mapping) -> None:
    """The mapping has no problem any more."""
    if results.get(tx, mapping.id) is not None:
        results.delete(tx, mapping.id)


def note_result(tx: Transaction, mapping: Mapping, text: str) -> None:
    """Keep how the last batch went; written only when it is news."""
    found = results.get(tx, mapping.id)
    if found is None or found.text != text:
        results.put(tx, Result(text), mapping.id)
