"""Every key of Scheduler.

======================  ========================================
scheduler.group         account, region, name
scheduler.schedule      account, region, group, name
======================  ========================================

Timers and invocations are events in the outbox.
"""

from __future__ import annotations

from typing import Final

from lambent.contracts.ports import Reader
from lambent.kv.table import Table

from .errors import no_group
from .model import DEFAULT_GROUP, Group, Schedule

groups: Final = Table("scheduler.group", Group)
schedules: Final = Table("scheduler.schedule", Schedule)


def find_group(tx: Reader, account: str, region: str, name: str) -> Group:
    """The group; `ResourceNotFoundException` when there is none."""
    found = groups.get(tx, account, region, name)
    if found is None and name == DEFAULT_GROUP:
        return Group(account=account, region=region, name=name, created_ms=0, modified_ms=0)
    if found is None:
        raise no_group(name)
    return found
