"""The Principal and NotPrincipal elements: whom a statement of a resource policy speaks about, and how closely."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Any

from lambent.contracts.caller import Caller, Principal

from .context import canonical_user_id

_ACCOUNT_ARN = re.compile(r"arn:[^:]+:iam::(\d{12}):root")
_ACCOUNT = re.compile(r"\d{12}")
_UNIQUE_ID = re.compile(r"A[A-Z0-9]{15,}")
KINDS = ("AWS", "Service", "Federated", "CanonicalUser")


class Match(IntEnum):
    """How a statement names the caller; the engine reads from it what a grant passes by.

    ACCOUNT: only through its account, which thereby may delegate to it. ROLE: by its role, so the session's own
    limits stay. DIRECT: by itself (user, session, service), or as one of all (`*`).
    """

    NONE = 0
    ACCOUNT = 1
    ROLE = 2
    DIRECT = 3


class Principals:
    """A compiled Principal element."""

    __slots__ = ("_accounts", "_arns", "_canonical", "_everyone", "_federated", "_ids", "_services")

    def __init__(self, element: Any) -> None:
        """`element` is `*` or a mapping of kinds to a name or names; unknown forms match nobody."""
        entries = {"AWS": "*"} if element == "*" else element if isinstance(element, dict) else {}
        named = {kind: set(_listed(entries.get(kind))) for kind in KINDS}
        aws = named["AWS"]
        self._everyone = "*" in aws
        accounts = {match[1] for name in aws if (match := _ACCOUNT_ARN.fullmatch(name))}
        self._accounts = frozenset(accounts | {name for name in aws if _ACCOUNT.fullmatch(name)})
        self._arns = frozenset(name for name in aws if name.startswith("arn:"))
        self._ids = frozenset(name for name in aws if _UNIQUE_ID.fullmatch(name))
        self._services = frozenset(named["Service"])
        self._federated = frozenset(named["Federated"])
        self._canonical = frozenset(named["CanonicalUser"])

    def match(self, caller: Caller) -> Match:
        """How the caller is named here."""
        if self._everyone:
            return Match.DIRECT
        kind = caller.kind
        if kind is Principal.SERVICE:
            named = caller.service in self._services or "*" in self._services
            return Match.DIRECT if named else Match.NONE
        if kind is Principal.ANONYMOUS:
            return Match.NONE
        if caller.arn in self._arns and kind is not Principal.ROOT:
            return Match.DIRECT
        if kind is Principal.FEDERATED and (caller.arn in self._federated or caller.service in self._federated):
            return Match.DIRECT
        if kind is Principal.ROLE and caller.role_arn in self._arns:
            return Match.ROLE
        if self._ids and self._by_id(caller):
            return Match.ROLE if kind is Principal.ROLE else Match.DIRECT
        if caller.account in self._accounts:
            return Match.ACCOUNT
        if self._canonical and canonical_user_id(caller.account) in self._canonical:
            return Match.ACCOUNT
        return Match.NONE

    def _by_id(self, caller: Caller) -> bool:
        # A role that was deleted and made again is another principal: policies that named the first hold its id.
        return caller.user_id in self._ids or caller.user_id.partition(":")[0] in self._ids

    def spares(self, caller: Caller) -> bool:
        """As NotPrincipal: is the caller among those that the statement leaves alone? Naming an account leaves only
        its root user alone; each user and role in it must be named too."""
        match = self.match(caller)
        return match >= Match.ROLE or (match is Match.ACCOUNT and caller.kind is Principal.ROOT)


def _listed(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str)]
