"""Records of SNS, and rules that need nothing else. Times are milliseconds since the epoch unless named otherwise."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import msgspec

from lambent.contracts import arn

PRINCIPAL: Final = "sns.amazonaws.com"
MESSAGE_BYTES_MAX: Final = 262_144
BATCH_MAX: Final = 10
PAGE: Final = 100
TAGS_MAX: Final = 50
FIFO_SUBSCRIPTIONS_MAX: Final = 100
FILTERS_MAX: Final = 200
DEDUPLICATION_MS: Final = 300_000
TOKEN_MS: Final = 2 * 86_400_000
"""How long a confirmation can be given."""
DAY_MS: Final = 86_400_000
SEQUENCE_BASE: Final = 10**19
PROTOCOLS: Final = ("http", "https", "email", "email-json", "sms", "sqs", "application", "lambda", "firehose")
CONFIRMED: Final = ("http", "https", "email", "email-json")
"""Protocols whose receivers must say that they want to hear."""


class Topic(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A topic. `id` is new with each creation, so nothing of a deleted topic is found by its successor. `attributes`
    are those that were set, as they were given; `policy` is empty for the default one. Counters are not here: writing
    the topic with every message would make it everybody's hot key."""

    account: str
    region: str
    name: str
    id: str
    created_ms: int
    fifo: bool = False
    attributes: dict[str, str] = {}
    policy: str = ""
    tags: dict[str, str] = {}
    protection: str = ""

    @cached_property
    def arn(self) -> str:
        """The topic's ARN."""
        return arn.build("sns", self.region, self.account, self.name)

    @property
    def deduplicates_content(self) -> bool:
        """Whether a message without deduplication id gets one by its content."""
        return self.attributes.get("ContentBasedDeduplication") == "true"

    @property
    def scope(self) -> str:
        """What deduplication ids are unique in: `Topic` or `MessageGroup`."""
        return self.attributes.get("FifoThroughputScope", "Topic")

    @property
    def signature_version(self) -> str:
        """1 (SHA-1) or 2 (SHA-256)."""
        return self.attributes.get("SignatureVersion", "1")


class Subscription(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A subscription. `principal` is who subscribed; `pending` until it is confirmed; `authenticated` whether the
    owner did that; `locked` that only the owner may unsubscribe. `attributes` are those that were set."""

    topic: str
    id: str
    protocol: str
    endpoint: str
    owner: str
    principal: str
    created_ms: int
    pending: bool = False
    authenticated: bool = False
    locked: bool = False
    attributes: dict[str, str] = {}

    @cached_property
    def arn(self) -> str:
        """The subscription's ARN."""
        return f"{self.topic}:{self.id}"

    @property
    def raw(self) -> bool:
        """Whether messages go out without the envelope."""
        return self.attributes.get("RawMessageDelivery") == "true"

    @property
    def filter(self) -> str:
        """The filter policy (JSON text); empty without one."""
        return self.attributes.get("FilterPolicy", "")

    @property
    def filters_body(self) -> bool:
        """Whether the filter policy is about the message's body."""
        return self.attributes.get("FilterPolicyScope") == "MessageBody"


Attribute = tuple[str, str, str]
"""A message attribute: name, data type, value (that of a Binary in base64)."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A published message. `texts` are those of MessageStructure json by protocol, empty otherwise; `sequence` 0 on a
    standard topic; `replayed` that it comes from the archive."""

    id: str
    topic: str
    text: str
    published_ms: int
    texts: dict[str, str] = {}
    subject: str | None = None
    attributes: tuple[Attribute, ...] = ()
    group: str = ""
    deduplication: str = ""
    sequence: int = 0
    replayed: bool = False

    def text_for(self, protocol: str) -> str:
        """What a protocol's receivers get."""
        return self.texts.get(protocol, self.text)


class Named(msgspec.Struct, frozen=True):
    """An index entry: the id of what it leads to."""

    id: str


class Owned(msgspec.Struct, frozen=True):
    """An index entry of an account's subscriptions: the topic's ARN."""

    topic: str


class Token(msgspec.Struct, frozen=True):
    """A token that was sent to confirm a subscription: the topic's ARN and the subscription's id, valid until.
    `restores` is a subscription that was ended, and that the token brings back."""

    topic: str
    id: str
    until_ms: int
    restores: Subscription | None = None


class Duplicate(msgspec.Struct, frozen=True):
    """What was published under a deduplication id."""

    id: str
    sequence: int
    until_ms: int


class Chain(msgspec.Struct, frozen=True):
    """Messages of a group are on their way to a subscription, one after another; `link` numbers the event of the
    first."""

    link: int


class Count(msgspec.Struct, frozen=True):
    """A counter."""

    value: int


class Counts(msgspec.Struct, frozen=True):
    """How many subscriptions a topic has: confirmed, pending, with a filter policy; and how many were removed."""

    confirmed: int = 0
    pending: int = 0
    filtered: int = 0
    removed: int = 0


class Mark(msgspec.Struct, frozen=True):
    """An index entry: everything is in its key."""


class SigningKey(msgspec.Struct, frozen=True, dict=True):
    """The cloud's key for signatures, and its certificate (PEM)."""

    key: str
    certificate: str
    name: str


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """A platform application (mobile push). `attributes` has what may be shown."""

    account: str
    region: str
    platform: str
    name: str
    attributes: dict[str, str]

    @property
    def arn(self) -> str:
        """The application's ARN."""
        return arn.build("sns", self.region, self.account, f"app/{self.platform}/{self.name}")


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A platform endpoint: a device that has the application."""

    application: str
    id: str
    attributes: dict[str, str]

    @property
    def arn(self) -> str:
        """The endpoint's ARN."""
        return f"{self.application.replace(':app/', ':endpoint/', 1)}/{self.id}"


class SmsSettings(msgspec.Struct, frozen=True):
    """An account's settings for text messages."""

    attributes: dict[str, str] = {}


class SandboxNumber(msgspec.Struct, frozen=True):
    """A number that was registered for tests."""

    number: str
    status: str
    password: str
