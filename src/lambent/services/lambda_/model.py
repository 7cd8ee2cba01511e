"""Records of Lambda and the pure rules about them. Times are milliseconds since the epoch, sizes bytes unless named."""

from __future__ import annotations

import datetime

import msgspec
from msgspec.structs import replace

LATEST = "$LATEST"
CODE_ZIPPED_BYTES_MAX = 52_428_800
CODE_UNZIPPED_BYTES_MAX = 262_144_000
CODE_TOTAL_BYTES_MAX = 80_530_636_800
CONCURRENCY_MAX = 1000
CONCURRENCY_UNRESERVED_MIN = 100
LAYERS_MAX = 5
TAGS_MAX = 50
PAYLOAD_BYTES_MAX = 6_291_456
EVENT_BYTES_MAX = 1_048_576


class Archive(msgspec.Struct, frozen=True):
    """A stored zip: the blob's name, its size zipped and unzipped, its SHA-256 in base64."""

    blob: str
    size: int
    unzipped: int
    sha256: str


class LayerUse(msgspec.Struct, frozen=True):
    """A layer version as a function uses it; the function keeps working when the layer is deleted."""

    arn: str
    archive: Archive


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All that a version of a function is. `environment` None was never given. `revision` changes with every update."""

    version: str
    runtime: str
    handler: str
    role: str
    code: Archive
    description: str = ""
    timeout_s: int = 3
    memory_mb: int = 128
    environment: dict[str, str] | None = None
    layers: tuple[LayerUse, ...] = ()
    architecture: str = "x86_64"
    tmp_mb: int = 512
    tracing: str = "PassThrough"
    log_group: str
    dead_letter: str = ""
    revision: str
    modified_ms: int


class FunctionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A function. `published` is what $LATEST was when the newest version, `version`, was published."""

    name: str
    arn: str
    latest: Config
    version: int = 0
    published: Config | None = None
    tags: dict[str, str] = {}
    reserved: int | None = None


class AliasRecord(msgspec.Struct, frozen=True):
    """An alias; `weights` are the shares (0 to 1) of versions other than `version`."""

    name: str
    version: str
    description: str
    weights: dict[str, float]
    revision: str


class PolicyRecord(msgspec.Struct, frozen=True):
    """A resource policy: statements as JSON texts, in the order in which they came."""

    statements: tuple[str, ...]
    revision: str


class EventConfigRecord(msgspec.Struct, frozen=True):
    """How asynchronous events of a function, version or alias are treated; None and empty mean the default."""

    retries: int | None
    age_s: int | None
    on_success: str
    on_failure: str
    modified_ms: int


class LayerRecord(msgspec.Struct, frozen=True):
    """A layer's name, and the number of its newest version, which is never given again."""

    name: str
    version: int


class LayerVersionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a layer."""

    arn: str
    version: int
    archive: Archive
    description: str
    license: str | None
    runtimes: tuple[str, ...] | None
    architectures: tuple[str, ...] | None
    created_ms: int
    policy: PolicyRecord | None = None


class AccountRecord(msgspec.Struct, frozen=True):
    """An account in a region: the sum of what its functions have reserved."""

    reserved: int


class SlotsRecord(msgspec.Struct, frozen=True):
    """How many calls may run on each node, by the node's name in the store (`Store.node`); 0 is not kept."""

    holders: dict[str, int]


class SecretRecord(msgspec.Struct, frozen=True):
    """The key that signs download addresses."""

    key: bytes


def same_content(a: Config, b: Config) -> bool:
    """Whether two states of $LATEST differ in nothing that a version would keep."""
    return replace(a, revision="", modified_ms=0) == replace(b, revision="", modified_ms=0)


def timestamp(time_ms: int) -> str:
    """`2024-01-01T12:00:00.000+0000`, as Lambda writes times."""
    moment = datetime.datetime.fromtimestamp(time_ms / 1000, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}+0000"
