"""Every engine keeps the contract."""

from __future__ import annotations

from tests.kv.contract import AfterCommitContract, AtomicityContract, LifeContract, StoreContract, WakeContract


class TestStore(StoreContract):
    """Reads and writes."""


class TestAtomicity(AtomicityContract):
    """All or nothing."""


class TestAfterCommit(AfterCommitContract):
    """Events and callbacks."""


class TestLife(LifeContract):
    """Opening, closing, copies."""


class TestWake(WakeContract):
    """Topics."""
