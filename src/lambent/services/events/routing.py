"""An event on its way through a bus: into its archives, and to the targets of the rules that match.

Rules are found by source and detail-type: an enabled rule stands in the index under each pair of them that its pattern
names, under an empty text where the pattern leaves one open or says it with an operator. So an event looks at four
places, and is compared only with the rules that stand there.
"""

from __future__ import annotations

import itertools
import logging
from typing import Final
from zlib import crc32

import orjson

from lambent import patterns
from lambent.contracts.ports import Metrics, Reader, Transaction
from lambent.patterns import Leaves, Pattern
from lambent.patterns.language import Field

from . import keys, measuring, tasks
from .model import DAY_MS, HOPS_MAX, Archive, Archived, Bus, Holding, Indexed, Rule, Sent
from .tasks import Task

SHARDS: Final = 16
"""Counters of an archive: an event counts in one of them, so that senders do not meet."""
_TIME_MORE_BYTES: Final = 6
"""Archives count an event's time as the text of 20 characters, PutEvents as 14 bytes."""
_PAIRS_MAX: Final = 64
_ANY: Final = ("",)
_log: Final = logging.getLogger("lambent.events")


def ingest(
    tx: Transaction,
    bus: Bus,
    event: Sent,
    now_ms: int,
    *,
    metrics: Metrics,
    hops: int = 0,
    size: int = 0,
    trace: str = "",
    rules: tuple[str, ...] = (),
) -> int:
    """Take an event in; returns how many targets it goes to. `rules` are the ARNs of the only rules that hear it;
    `size` is what it counts as, where that is known."""
    leaves = patterns.flatten(event)
    text = orjson.dumps(event)
    if "replay-name" not in event:
        _archive(tx, bus, event, leaves, text, now_ms, (size or weight(event)) + _TIME_MORE_BYTES)
    sent = 0
    for name in matching(tx, bus, event, leaves):
        rule = keys.rules.get(tx, *bus.place, name)
        if rule is not None and (not rules or rule.arn in rules):
            sent += send(tx, rule, text, now_ms, hops=hops, trace=trace)
            measuring.triggered(tx, metrics, rule, matched=True)
    return sent


def send(tx: Transaction, rule: Rule, text: bytes, now_ms: int, *, hops: int = 0, trace: str = "") -> int:
    """Have an event sent to each target of a rule; returns how many those are."""
    count = 0
    for target in keys.targets_of(tx, rule):
        if hops >= HOPS_MAX and ":event-bus/" in target.spec["Arn"]:
            _log.info("%s does not send on to %s what came from another bus", rule.arn, target.spec["Arn"])
            continue
        task = Task(kind="send", event=text, spec=target.spec, at_ms=now_ms, hops=hops, trace=trace)
        tasks.emit(tx, rule.arn, task)
        count += 1
    return count


def matching(tx: Reader, bus: Bus, event: Sent, leaves: Leaves) -> list[str]:
    """The names of a bus's enabled rules whose patterns an event matches, in order."""
    source, title = _text(event.get("source")), _text(event.get("detail-type"))
    found: set[str] = set()
    for pair in {(source, title), (source, ""), ("", title), ("", "")}:
        for key, entry in keys.index.scan(tx, *bus.place, *pair):
            name = str(keys.index.parts(key)[-1])
            if name not in found and patterns.compile_pattern(entry.pattern).matches(leaves):
                found.add(name)
    return sorted(found)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def index_pairs(pattern: Pattern) -> set[tuple[str, str]]:
    """Where a pattern stands in the index: pairs of source and detail-type."""
    found: set[tuple[str, str]] = set()
    for rule in pattern.rules:
        sources, titles = _named(rule.get("source")), _named(rule.get("detail-type"))
        if len(sources) * len(titles) > _PAIRS_MAX:
            titles = _ANY
        found.update(itertools.product(sources, titles))
    return {("", "")} if len(found) > _PAIRS_MAX else found


def _named(field: Field | None) -> tuple[str, ...]:
    """The only texts that a field takes; the empty one when it takes others too."""
    if field is None or field.questions or field.literals or field.present or field.absent:
        return _ANY
    texts = tuple(value for value in field.values if isinstance(value, str))
    return _ANY if "" in texts or len(texts) < len(field.values) else texts


def reindex(tx: Transaction, old: Rule | None, new: Rule | None) -> None:
    """Move a rule to where its pattern and state put it in the index."""
    for rule in (old, new):
        if rule is None or not rule.pattern:
            continue
        for source, title in index_pairs(patterns.compile_pattern(rule.pattern)):
            place = (rule.account, rule.region, rule.bus, source, title, rule.name)
            if rule is new and rule.enabled:
                keys.index.put(tx, Indexed(rule.pattern), *place)
            else:
                keys.index.delete(tx, *place)


def weight(event: Sent) -> int:
    """The size of an event as AWS counts the entry of it."""
    texts = (event.get("source", ""), event.get("detail-type", ""), *event.get("resources", ()))
    return 14 + sum(len(str(text).encode()) for text in texts) + len(orjson.dumps(event.get("detail", {})))


def _archive(tx: Transaction, bus: Bus, event: Sent, leaves: Leaves, text: bytes, now_ms: int, size: int) -> None:
    for key, _ in keys.of_bus.scan(tx, *bus.place):
        name = str(keys.of_bus.parts(key)[-1])
        archive = keys.archives.get(tx, bus.account, bus.region, name)
        if archive is None:
            continue
        if not archive.pattern or patterns.compile_pattern(archive.pattern).matches(leaves):
            id = str(event["id"])
            if keys.archived.get(tx, archive.id, now_ms, id) is None:
                keys.archived.put(tx, Archived(text, size), archive.id, now_ms, id)
                count(tx, archive.id, id, 1, size)


def count(tx: Transaction, archive_id: str, event_id: str, events: int, size: int) -> None:
    """Change what an archive is known to hold."""
    shard = crc32(event_id.encode()) % SHARDS
    held = keys.holdings.get(tx, archive_id, shard) or Holding(0, 0)
    keys.holdings.put(tx, Holding(held.count + events, held.size + size), archive_id, shard)


def holding(tx: Reader, archive: Archive) -> Holding:
    """What an archive holds."""
    shards = [held for _, held in keys.holdings.scan(tx, archive.id)]
    return Holding(sum(held.count for held in shards), sum(held.size for held in shards))


def expiry_ms(archive: Archive, ingested_ms: int) -> int:
    """When an event leaves an archive that does not keep for ever."""
    return ingested_ms + archive.days * DAY_MS
