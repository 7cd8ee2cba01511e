"""Who is calling: what authentication hands on to everything after it."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Principal(StrEnum):
    """The kinds of principal that IAM tells apart."""

    ROOT = "root"
    USER = "user"
    ROLE = "assumed-role"
    FEDERATED = "federated-user"
    SERVICE = "service"
    ANONYMOUS = "anonymous"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """An authenticated principal (or the anonymous one).

    `arn` is what GetCallerIdentity shows (`arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION` for a role session);
    `role_arn` is then the role's own ARN. `session_policies` are policy documents passed to AssumeRole and the like;
    `session_policy_arns` managed policies passed in the same way. `service` is the service principal
    (`s3.amazonaws.com`) of kind SERVICE. `issued_at_ns` is when a temporary credential was issued, else 0.
    `source_identity` was set by AssumeRole and stays with the session;
    `transitive_tags` are the keys of those tags that a session assumed from this one inherits.
    """

    kind: Principal
    account: str
    arn: str
    user_id: str
    access_key: str = ""
    role_arn: str = ""
    service: str = ""
    session_policies: tuple[str, ...] = ()
    session_policy_arns: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    issued_at_ns: int = 0
    mfa: bool = False
    source_identity: str = ""
    transitive_tags: tuple[str, ...] = ()


ANONYMOUS = Caller(kind=Principal.ANONYMOUS, account="anonymous", arn="*", user_id="anonymous")


def root(account: str, access_key: str = "") -> Caller:
    """The root user of `account`."""
    arn = f"arn:aws:iam::{account}:root"
    return Caller(kind=Principal.ROOT, account=account, arn=arn, user_id=account, access_key=access_key)


def service(principal: str, account: str) -> Caller:
    """A service principal such as `s3.amazonaws.com`, acting for `account`."""
    return Caller(kind=Principal.SERVICE, account=account, arn=principal, user_id=principal, service=principal)


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A key pair and whom it stands for. `token` is the session token of a temporary one, else empty;
    `expires_ns` when it ends, 0 for never; `active` False when IAM has set it Inactive."""

    access_key: str
    secret: str
    caller: Caller
    token: str = ""
    expires_ns: int = 0
    active: bool = True


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """What assuming a role needs to know of it. `trust` is its trust policy (JSON text); `session_s_max` the longest
    session that AssumeRole may ask for."""

    arn: str
    account: str
    name: str
    id: str
    trust: str
    tags: tuple[tuple[str, str], ...] = ()
    session_s_max: int = 3600
