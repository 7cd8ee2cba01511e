"""IAM's records. Everything of an account; nothing has a region."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

import msgspec

from lambent.contracts.caller import Caller
from lambent.contracts.ids import Ids

Tags = tuple[tuple[str, str], ...]
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def access_key_id(ids: Ids, prefix: str, account: str) -> str:
    """A new access key id: `prefix` (AKIA, ASIA) and 16 base-32 characters that spell out the account, as AWS's do:
    a one, forty bits of account, 39 random ones. Not secret; whoever stores it checks that it is new."""
    bits = 1 << 79 | int(account) << 39 | ids.random.getrandbits(39)
    return prefix + "".join(_BASE32[bits >> shift & 31] for shift in range(75, -1, -5))


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """What users, groups and roles share. `attached` are ARNs of managed policies, `inline` pairs of name and
    document, both in order of name; `boundary` is a managed policy's ARN or empty."""

    account: str
    name: str
    path: str
    id: str
    created_ms: int
    tags: Tags = ()
    attached: tuple[str, ...] = ()
    inline: tuple[tuple[str, str], ...] = ()
    boundary: str = ""


class User(Entity, frozen=True, kw_only=True):
    """A user. `groups` are names of groups, `keys` access key ids."""

    groups: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def arn(self) -> str:
        """The user's ARN."""
        return f"arn:aws:iam::{self.account}:user{self.path}{self.name}"


class Group(Entity, frozen=True, kw_only=True):
    """A group."""

    @property
    def arn(self) -> str:
        """The group's ARN."""
        return f"arn:aws:iam::{self.account}:group{self.path}{self.name}"


class RoleRecord(Entity, frozen=True, kw_only=True):
    """A role. `trust` is its trust policy; `session_s_max` limits AssumeRole."""

    trust: str
    description: str = ""
    session_s_max: int = 3600

    @property
    def arn(self) -> str:
        """The role's ARN."""
        return f"arn:aws:iam::{self.account}:role{self.path}{self.name}"


AnyEntity = User | Group | RoleRecord


class Version(msgspec.Struct, frozen=True):
    """One version of a managed policy."""

    number: int
    document: str
    created_ms: int


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A customer managed policy. `versions` are in order of number; `next_number` was never used."""

    account: str
    name: str
    path: str
    id: str
    created_ms: int
    updated_ms: int
    versions: tuple[Version, ...]
    default: int = 1
    next_number: int = 2
    description: str = ""
    tags: Tags = ()

    @property
    def arn(self) -> str:
        """The policy's ARN."""
        return f"arn:aws:iam::{self.account}:policy{self.path}{self.name}"

    def version(self, number: int) -> Version | None:
        """The version of that number."""
        return next((version for version in self.versions if version.number == number), None)

    @property
    def document(self) -> str:
        """The default version's document."""
        version = self.version(self.default)
        return version.document if version is not None else ""


class AccessKey(msgspec.Struct, frozen=True, kw_only=True):
    """A long-term key pair; `user` is empty for the root user's."""

    id: str
    secret: str
    account: str
    user: str
    created_ms: int
    active: bool = True


class KeyUse(msgspec.Struct, frozen=True):
    """When and for what a key was used last, to the minute."""

    used_ms: int
    service: str
    region: str


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Temporary credentials."""

    secret: str
    token: str
    caller: Caller
    expires_ns: int


class InstanceProfile(msgspec.Struct, frozen=True, kw_only=True):
    """An instance profile; `role` is a role's name or empty."""

    account: str
    name: str
    path: str
    id: str
    created_ms: int
    role: str = ""
    tags: Tags = ()

    @property
    def arn(self) -> str:
        """The profile's ARN."""
        return f"arn:aws:iam::{self.account}:instance-profile{self.path}{self.name}"


class LoginProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A user's password, as a salted scrypt hash."""

    salt: bytes
    digest: bytes
    created_ms: int
    reset_required: bool


class ServiceCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A user name and password for one service, such as CodeCommit."""

    id: str
    user: str
    service: str
    service_user: str
    password: str
    created_ms: int
    active: bool = True


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What belongs to the account itself. `password_policy` is the JSON of its parameters, or empty."""

    alias: str = ""
    password_policy: str = ""
    root_keys: tuple[str, ...] = ()


class Stamp(msgspec.Struct, frozen=True):
    """Stands for the whole history of an account's permissions: the digest of the last stamp and the last change."""

    digest: bytes


class Mark(msgspec.Struct, frozen=True):
    """An index entry: its key says everything."""


class Text(msgspec.Struct, frozen=True):
    """A record of one string."""

    text: str


def when(ms: int) -> datetime:
    """Milliseconds since the epoch as the model's timestamp; IAM tells whole seconds."""
    return datetime.fromtimestamp(ms // 1000, UTC)


def encoded(document: str) -> str:
    """A policy document as IAM answers it."""
    return quote(document, safe="")


def tag_list(tags: Tags) -> list[dict[str, str]]:
    """Tags as the model has them."""
    return [{"Key": key, "Value": value} for key, value in tags]
