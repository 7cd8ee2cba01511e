"""Every key of user pools. "folded" is a name as it is looked up: in lower case where the pool does not mind.

=========================  ======================================================================
cognito.pool               pool
cognito.owned              account, region, pool
cognito.secrets            pool
cognito.client             pool, client
cognito.client_pool        client: where it belongs
cognito.user               pool, folded name
cognito.alias              pool, attribute, folded value
cognito.count              pool: how many users
cognito.group              pool, group
cognito.member             pool, group, folded name
cognito.membership         pool, folded name, group
cognito.code               pool, folded name, purpose
cognito.attempts           pool, folded name: also of those who do not exist
cognito.session            digest of the session
cognito.grant              pool, folded name, grant
cognito.refresh            digest of the refresh token
cognito.resource_server    pool, identifier
cognito.domain             domain
cognito.oauth_code         digest of the code
cognito.browser            digest of the cookie
cognito.expiring           until, key: records to remove when they are over, by whoever adds another
=========================  ======================================================================
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from lambent.contracts.ports import Reader, Transaction
from lambent.kv.table import Table

from .model import (
    Alias,
    Attempts,
    Browser,
    Client,
    Code,
    Count,
    Domain,
    Grant,
    Group,
    OauthCode,
    Owned,
    Pool,
    Refresh,
    ResourceServer,
    Secrets,
    Session,
    User,
)

pools: Final = Table("cognito.pool", Pool)
owned: Final = Table("cognito.owned", Owned)
pool_secrets: Final = Table("cognito.secrets", Secrets)
clients: Final = Table("cognito.client", Client)
client_pools: Final = Table("cognito.client_pool", Alias)
users: Final = Table("cognito.user", User)
aliases: Final = Table("cognito.alias", Alias)
counts: Final = Table("cognito.count", Count)
groups: Final = Table("cognito.group", Group)
members: Final = Table("cognito.member", Owned)
memberships: Final = Table("cognito.membership", Owned)
codes: Final = Table("cognito.code", Code)
attempts: Final = Table("cognito.attempts", Attempts)
sessions: Final = Table("cognito.session", Session)
grants: Final = Table("cognito.grant", Grant)
refreshes: Final = Table("cognito.refresh", Refresh)
resource_servers: Final = Table("cognito.resource_server", ResourceServer)
domains: Final = Table("cognito.domain", Domain)
oauth_codes: Final = Table("cognito.oauth_code", OauthCode)
browsers: Final = Table("cognito.browser", Browser)
expiring: Final = Table("cognito.expiring", Owned)

_OF_A_POOL: Final[tuple[Table[msgspec.Struct], ...]] = (  # type: ignore[assignment]  # tables of different records
    clients, users, aliases, groups, members, memberships, codes, attempts, grants, resource_servers,
)  # fmt: skip
_SWEPT_AT_ONCE: Final = 3


def digest(secret: str) -> bytes:
    """What is kept of a secret that is random and long; a slow hash would protect it no better."""
    return hashlib.sha256(secret.encode()).digest()


def expire(tx: Transaction, key: bytes, until_ms: int, now_ms: int) -> None:
    """Have the record at `key` removed some time after `until_ms`; removes some that are over already."""
    expiring.put(tx, Owned(), until_ms, key)
    sweep(tx, now_ms)


def sweep(tx: Transaction, now_ms: int) -> None:
    """Remove a few records that are over; leaves it to another transaction that does so now."""
    if not tx.try_lock(expiring.key()):
        return
    for row, _ in expiring.scan(tx, limit=_SWEPT_AT_ONCE):
        until_ms, key = expiring.parts(row)
        assert isinstance(until_ms, int)
        assert isinstance(key, bytes)
        if until_ms > now_ms:
            break
        tx.delete(row)
        raw = tx.get(key)
        # A record may have been given more time since; then another entry of the index is its end.
        if raw is not None and _end_ms(raw, key) <= now_ms:
            tx.delete(key)


def _end_ms(raw: bytes, key: bytes) -> int:
    for table in (sessions, attempts, codes, oauth_codes, browsers, grants, refreshes):
        if key.startswith(table.prefix):
            return int(getattr(table.decode(raw), "until_ms", 0))
    return 0


def change_count(tx: Transaction, pool: str, by: int) -> None:
    """There are more, or fewer, users."""
    tx.lock(counts.key(pool))
    found = counts.get(tx, pool)
    counts.put(tx, Count((found.number if found else 0) + by), pool)


def pool_of_client(tx: Reader, client: str) -> tuple[Pool, Client] | None:
    """A client and its pool."""
    where = client_pools.get(tx, client)
    if where is None:
        return None
    pool, found = pools.get(tx, where.user), clients.get(tx, where.user, client)
    return None if pool is None or found is None else (pool, found)


def delete_pool(tx: Transaction, pool: Pool) -> None:
    """Remove a pool with everything in it."""
    for _, client in clients.scan(tx, pool.id):
        client_pools.delete(tx, client.id)
    for _, grant in grants.scan(tx, pool.id):
        forget_refreshes(tx, grant)
    for table in _OF_A_POOL:
        for key, _ in table.scan(tx, pool.id):
            tx.delete(key)
    pools.delete(tx, pool.id)
    owned.delete(tx, pool.account, pool.region, pool.id)
    pool_secrets.delete(tx, pool.id)
    counts.delete(tx, pool.id)


def forget_refreshes(tx: Transaction, grant: Grant) -> None:
    """The refresh tokens of a grant are nothing any more."""
    for one in (grant.refresh, grant.previous):
        if one:
            refreshes.delete(tx, one)


def delete_grant(tx: Transaction, grant: Grant) -> None:
    """All tokens of one origin end."""
    forget_refreshes(tx, grant)
    grants.delete(tx, grant.pool, grant.user, grant.id)


def delete_grants(tx: Transaction, pool: str, user: str) -> None:
    """All tokens of a user end."""
    for _, grant in grants.scan(tx, pool, user):
        delete_grant(tx, grant)
