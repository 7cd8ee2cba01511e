"""What is kept of user pools: frozen records and the rules that need nothing else. Times are `_ms` since the epoch."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from lambent.contracts import arn

PRINCIPAL: Final = "cognito-idp.amazonaws.com"
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
ADMIN_SCOPE: Final = "aws.cognito.signin.user.admin"
STANDARD_SCOPES: Final = ("openid", "email", "phone", "profile", ADMIN_SCOPE)

UNCONFIRMED: Final = "UNCONFIRMED"
CONFIRMED: Final = "CONFIRMED"
FORCE_CHANGE_PASSWORD: Final = "FORCE_CHANGE_PASSWORD"
RESET_REQUIRED: Final = "RESET_REQUIRED"


class SchemaAttribute(msgspec.Struct, frozen=True, kw_only=True):
    """An attribute that users of a pool may have. `name` has its `custom:`; `shortest` to `largest` are its bounds,
    empty for none."""

    name: str
    type: str = "String"
    mutable: bool = True
    required: bool = False
    developer_only: bool = False
    shortest: str = ""
    longest: str = ""
    smallest: str = ""
    largest: str = ""


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """A user pool. `settings` are CreateUserPool's parameters as they were given, without name, schema and tags."""

    id: str
    name: str
    account: str
    region: str
    created_ms: int
    modified_ms: int
    schema: tuple[SchemaAttribute, ...]
    settings: dict[str, Any] = {}
    tags: dict[str, str] = {}
    domain: str = ""
    custom_domain: str = ""

    @property
    def arn(self) -> str:
        """Its ARN."""
        return pool_arn(self.region, self.account, self.id)

    @property
    def short(self) -> str:
        """The id without the region: what SRP calls the pool's name."""
        return self.id.partition("_")[2]

    @property
    def mfa(self) -> str:
        """OFF, ON or OPTIONAL."""
        return str(self.settings.get("MfaConfiguration", "OFF"))

    @property
    def signs_in_by(self) -> tuple[str, ...]:
        """The attributes that users have instead of a name: email, phone_number, or none."""
        return tuple(self.settings.get("UsernameAttributes", ()))

    @property
    def aliases(self) -> tuple[str, ...]:
        """The attributes that users may sign in with besides their name."""
        return tuple(self.settings.get("AliasAttributes", ()))

    @property
    def auto_verified(self) -> tuple[str, ...]:
        """The attributes whose values are verified by a code at sign-up."""
        return tuple(self.settings.get("AutoVerifiedAttributes", ()))

    @property
    def case_sensitive(self) -> bool:
        """Whether `Anna` is somebody else than `anna`."""
        return bool(self.settings.get("UsernameConfiguration", {}).get("CaseSensitive", True))

    def fold(self, name: str) -> str:
        """A name or address as it is looked up."""
        return name if self.case_sensitive else name.lower()

    def trigger(self, name: str) -> str:
        """The ARN of the function that is called at a point, or empty."""
        found: str = self.settings.get("LambdaConfig", {}).get(name) or ""
        return found

    def attribute(self, name: str) -> SchemaAttribute | None:
        """The attribute of a name."""
        return next((one for one in self.schema if one.name == name), None)


def pool_arn(region: str, account: str, id: str) -> str:
    """The ARN of a pool."""
    return arn.build("cognito-idp", region, account, f"userpool/{id}")


class Owned(msgspec.Struct, frozen=True):
    """An entry of an index; the key says it all."""


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """What a pool keeps to itself. `keys` are (key id, private key as PEM): the first signs access tokens, the
    second ID tokens. `pepper` makes what unknown users are told repeatable, and the tokens of forms."""

    keys: tuple[tuple[str, str], ...]
    pepper: bytes


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """An application that signs users in. `settings` are CreateUserPoolClient's parameters; `secrets` are (id, value,
    made), the first one is shown."""

    id: str
    pool: str
    name: str
    created_ms: int
    modified_ms: int
    settings: dict[str, Any] = {}
    secrets: tuple[tuple[str, str, int], ...] = ()

    @property
    def hides_users(self) -> bool:
        """Whether nobody may learn who is a user."""
        return self.settings.get("PreventUserExistenceErrors") == "ENABLED"

    @property
    def revokes(self) -> bool:
        """Whether tokens can be revoked."""
        return bool(self.settings.get("EnableTokenRevocation", True))


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user. `name` is what APIs call them (in pools without names, the `sub`); `attributes` have no `sub`.

    `salt` and `verifier` are SRP's, empty without a password; `earlier` those of earlier ones. `temporary_until_ms`
    ends a password that an administrator gave. `totp` is the authenticator's secret (base 32), `totp_step` the last
    30 seconds of which a code was taken. `mfa` are the factors in use, the preferred one first where there is one.
    `pending` are values of attributes that wait for their code.
    """

    pool: str
    name: str
    sub: str
    status: str
    created_ms: int
    modified_ms: int
    attributes: dict[str, str] = {}
    enabled: bool = True
    salt: bytes = b""
    verifier: bytes = b""
    earlier: tuple[tuple[bytes, bytes], ...] = ()
    temporary_until_ms: int = 0
    totp: str = ""
    totp_step: int = 0
    mfa: tuple[str, ...] = ()
    preferred_mfa: str = ""
    pending: dict[str, str] = {}

    def verified(self, attribute: str) -> bool:
        """Whether an address is known to be theirs."""
        return self.attributes.get(f"{attribute}_verified") == "true"


class Alias(msgspec.Struct, frozen=True):
    """Who is meant by an address or number: the name as it is looked up."""

    user: str


class Count(msgspec.Struct, frozen=True):
    """How many there are."""

    number: int


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group of users."""

    pool: str
    name: str
    created_ms: int
    modified_ms: int
    description: str = ""
    role: str = ""
    precedence: int | None = None


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """A code that was sent. `digest` is its SHA-256; `attribute` what it verifies; `sent` counts those of the hour that
    began at `hour_ms`, `tries` the wrong answers."""

    digest: bytes
    until_ms: int
    attribute: str = ""
    tries: int = 0
    sent: int = 1
    hour_ms: int = 0


class Attempts(msgspec.Struct, frozen=True, kw_only=True):
    """Wrong passwords in a row, and until when the next is not even looked at."""

    count: int
    locked_until_ms: int
    until_ms: int


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in under way, between a challenge and its answer. `user` is as it is looked up, empty for one who does
    not exist; `data` is the challenge's own."""

    challenge: str
    pool: str
    client: str
    user: str
    name: str
    until_ms: int
    tries: int = 0
    data: dict[str, Any] = {}


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a user signed in for: all tokens of one origin hang from it. `id` is their `origin_jti`, `refresh` the
    digest of the refresh token, `previous` of the one before it was rotated, which serves until `previous_until_ms`."""

    id: str
    pool: str
    client: str
    user: str
    sub: str
    auth_ms: int
    until_ms: int
    scopes: tuple[str, ...] = (ADMIN_SCOPE,)
    refresh: bytes = b""
    previous: bytes = b""
    previous_until_ms: int = 0
    hosted: bool = False
    nonce: str = ""


class Refresh(msgspec.Struct, frozen=True):
    """Where the grant of a refresh token is."""

    pool: str
    user: str
    grant: str


class ResourceServer(msgspec.Struct, frozen=True, kw_only=True):
    """An API and its scopes (name, description)."""

    pool: str
    identifier: str
    name: str
    scopes: tuple[tuple[str, str], ...] = ()


class Domain(msgspec.Struct, frozen=True, kw_only=True):
    """The name under which a pool's pages are served. `custom` for a whole host name."""

    name: str
    pool: str
    region: str
    created_ms: int
    custom: bool = False
    certificate: str = ""
    version: int = 1


class OauthCode(msgspec.Struct, frozen=True, kw_only=True):
    """An authorization code. `used` is the grant that was made of it: a second use ends that."""

    pool: str
    client: str
    user: str
    sub: str
    redirect: str
    scopes: tuple[str, ...]
    challenge: str
    nonce: str
    auth_ms: int
    until_ms: int
    used: str = ""


class Browser(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody signed in at the hosted pages, for an hour."""

    pool: str
    user: str
    sub: str
    auth_ms: int
    until_ms: int
