"""Domain names and base path mappings as both files of operations look them up."""

from __future__ import annotations

from lambent.contracts.ports import Reader
from lambent.kit import Context

from .common import domains
from .common.domains import DomainName, Mapping
from .errors import NotFoundException

NONE = "(none)"
"""How the API writes the base path that is empty."""


def find_domain(ctx: Context, tx: Reader, name: str) -> DomainName:
    """A domain name of the caller's account and region."""
    found = domains.get_domain(tx, name)
    if found is None or (found.account, found.region) != (ctx.account, ctx.region):
        raise NotFoundException("Invalid domain name identifier specified")
    return found


def find_mapping(ctx: Context, tx: Reader, domain: str, path: str) -> Mapping:
    """The mapping of a base path, as the API writes it."""
    found = domains.get_mapping(tx, find_domain(ctx, tx, domain).name, "" if path == NONE else path)
    if found is None:
        raise NotFoundException("Invalid base path mapping identifier specified")
    return found
