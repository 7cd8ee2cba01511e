"""From a resolved function to its outcome: the version that a weighted alias draws, the spec, the call."""

from __future__ import annotations

from typing import Final, NamedTuple

from lambent.contracts import arn
from lambent.contracts.functions import FunctionSpec
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Cloud, Reader

from . import keys
from .keys import Resolved
from .model import LATEST, Config, FunctionRecord
from .names import Ref

SPECS_MAX: Final = 2048
# A pure derivation of immutable records, by their identity, which an entry keeps alive: it can be dropped at any time.
_specs: dict[int, tuple[FunctionRecord, Config, FunctionSpec]] = {}


class Runnable(NamedTuple):
    """A function that is about to run: the reference it was called by, and the version that was drawn."""

    ref: Ref
    function: FunctionRecord
    config: Config


def choose(tx: Reader, ref: Ref, ids: Ids) -> Runnable:
    """The version that `ref` leads to this time."""
    found: Resolved = keys.resolve(tx, ref)
    config = found.config
    if found.alias is not None and found.alias.weights:
        drawn = ids.random.uniform(0.0, 1.0)
        for version, weight in found.alias.weights.items():
            drawn -= weight
            if drawn < 0:
                config = keys.get_version(tx, ref, version)
                break
    return Runnable(ref, found.function, config)


def spec(function: FunctionRecord, config: Config) -> FunctionSpec:
    """What the compute room needs to know of a version. It is the same object for the same records, mostly."""
    known = _specs.get(id(config))
    if known is not None and known[0] is function and known[1] is config:
        return known[2]
    made = _spec(function, config)
    if len(_specs) >= SPECS_MAX:
        _specs.clear()
    _specs[id(config)] = (function, config, made)
    return made


def _spec(function: FunctionRecord, config: Config) -> FunctionSpec:
    owner = arn.parse(function.arn)
    return FunctionSpec(
        arn=f"{function.arn}:{config.version}",
        name=function.name,
        version=config.version,
        account=owner.account,
        region=owner.region,
        runtime=config.runtime,
        handler=config.handler,
        code=config.code.blob,
        layers=tuple(layer.archive.blob for layer in config.layers),
        environment=tuple(sorted((config.environment or {}).items())),
        role=config.role,
        memory_mb=config.memory_mb,
        timeout_s=config.timeout_s,
        tmp_mb=config.tmp_mb,
        architecture=config.architecture,
        log_group=config.log_group,
        revision=config.revision,
        reserved_concurrency=function.reserved,
        code_bytes=config.code.size,
        layer_bytes=tuple(layer.archive.size for layer in config.layers),
    )


def outdated(tx: Reader, specs: list[FunctionSpec]) -> list[FunctionSpec]:
    """Those of `specs` that are not what the store says of their versions any more."""
    return [known for known in specs if _current(tx, known) != known]


def _current(tx: Reader, known: FunctionSpec) -> FunctionSpec | None:
    place = (known.account, known.region, known.name)
    function = keys.functions.get(tx, *place)
    if function is None or known.version == LATEST:
        return None if function is None else spec(function, function.latest)
    config = keys.versions.get(tx, *place, int(known.version))
    return None if config is None else spec(function, config)


def trace_header(cloud: Cloud, given: str = "") -> str:
    """The X-Ray trace header of a call: the caller's own, else a new one, which is not sampled."""
    if given:
        return given
    digits = cloud.ids.hex(40)
    return f"Root=1-{cloud.clock.now_ns() // 1_000_000_000:08x}-{digits[:24]};Parent={digits[24:]};Sampled=0"
