"""What the policy room is asked and what it answers; IAM's store fills the question, services add to it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from .caller import Caller


class NamedPolicy(msgspec.Struct, frozen=True):
    """A policy document (JSON text) and the name that a denial shows: a managed policy's ARN, or the name of an
    inline one; for a resource policy, the resource's ARN."""

    name: str
    document: str


class PolicySet(msgspec.Struct, frozen=True):
    """Every policy attached to a caller, apart from the resource's.

    `boundary` None means no permissions boundary. `session` None means no session policy was passed; an empty tuple
    cannot occur. `service_control` has one tuple of policies per level of the organization, empty when there is none.
    """

    identity: tuple[NamedPolicy, ...] = ()
    boundary: NamedPolicy | None = None
    session: tuple[NamedPolicy, ...] | None = None
    service_control: tuple[tuple[NamedPolicy, ...], ...] = ()


class AccessRequest(msgspec.Struct, frozen=True):
    """May `caller` do `action` (`s3:GetObject`) on `resource` (an ARN, or `*`)?

    `conditions` are the request's condition keys with lower-case names; a value is a string or a tuple of strings (a
    multi-valued key). Keys about the caller (aws:PrincipalArn, aws:userid, ...) are added by the policy room itself.
    `resource_policies` are those of the resource; `resource_account` owns it (empty: the caller's own account).
    """

    caller: Caller
    action: str
    resource: str
    conditions: Mapping[str, str | tuple[str, ...]] = {}
    resource_policies: tuple[NamedPolicy, ...] = ()
    resource_account: str = ""


class Decision(msgspec.Struct, frozen=True):
    """The answer. `policy` and `statement` name what decided (the Sid, or the 0-based index as `#2`); both empty for
    an implicit deny. `kind` is the kind of policy that decided or was missing: identity, resource, boundary,
    session, service-control, or root."""

    allowed: bool
    explicit: bool
    kind: str
    policy: str = ""
    statement: str = ""
