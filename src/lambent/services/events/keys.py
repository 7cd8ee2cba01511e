"""Every key of EventBridge.

==================  ==============================================================================================
events.bus          account, region, name
events.rule         account, region, bus, name
events.target       account, region, bus, rule, target id
events.by_target    account, region, bus, target's ARN, rule, target id
events.index        account, region, bus, source, detail-type, rule: how an event finds enabled rules; an empty source
                    or detail-type stands for any
events.archive      account, region, name
events.of_bus       account, region, bus, archive: the archives of a bus
events.archived     archive id, ingested, event id
events.holding      archive id, shard: how much it holds
events.replay       account, region, name
events.connection   account, region, name
events.token        connection's ARN
events.destination  account, region, name
==================  ==============================================================================================
"""

from __future__ import annotations

from lambent.contracts.arn import parse
from lambent.contracts.ports import Reader, Transaction
from lambent.kv.table import Table

from . import errors
from .model import (
    DEFAULT,
    Archive,
    Archived,
    Bus,
    Connection,
    Destination,
    Holding,
    Indexed,
    Mark,
    Replay,
    Rule,
    Target,
    Token,
)

buses = Table("events.bus", Bus)
rules = Table("events.rule", Rule)
targets = Table("events.target", Target)
by_target = Table("events.by_target", Mark)
index = Table("events.index", Indexed)
archives = Table("events.archive", Archive)
of_bus = Table("events.of_bus", Mark)
archived = Table("events.archived", Archived)
holdings = Table("events.holding", Holding)
replays = Table("events.replay", Replay)
connections = Table("events.connection", Connection)
tokens = Table("events.token", Token)
destinations = Table("events.destination", Destination)


def find_bus(tx: Reader, account: str, region: str, name: str) -> Bus | None:
    """A bus; None when there is none. The default one is always there."""
    found = buses.get(tx, account, region, name)
    return Bus(account=account, region=region, name=name) if found is None and name == DEFAULT else found


def bus_at(tx: Reader, bus_arn: str) -> Bus | None:
    """The bus of a well-formed ARN; None when there is none."""
    place = parse(bus_arn)
    return find_bus(tx, place.account, place.region, place.resource.partition("/")[2])


def get_bus(tx: Reader, account: str, region: str, name: str) -> Bus:
    """A bus, or AWS's error."""
    found = find_bus(tx, account, region, name)
    if found is None:
        raise errors.no_bus(name)
    return found


def put_bus(tx: Transaction, bus: Bus) -> None:
    """Store a bus."""
    buses.put(tx, bus, *bus.place)


def get_rule(tx: Reader, account: str, region: str, bus: str, name: str) -> Rule:
    """A rule, or AWS's error about it or its bus."""
    get_bus(tx, account, region, bus)
    found = rules.get(tx, account, region, bus, name)
    if found is None:
        raise errors.no_rule(name, bus)
    return found


def rule_at(tx: Reader, rule_arn: str) -> Rule | None:
    """The rule of a well-formed ARN; None when there is none."""
    place = parse(rule_arn)
    bus, _, name = place.resource.partition("/")[2].rpartition("/")
    return rules.get(tx, place.account, place.region, bus or DEFAULT, name)


def targets_of(tx: Reader, rule: Rule) -> list[Target]:
    """A rule's targets, by id."""
    return [target for _, target in targets.scan(tx, *rule.place)]
