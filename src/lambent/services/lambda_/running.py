"""From a resolved function to its outcome: the version that a weighted alias draws, the spec, the call."""

from __future__ import annotations

from typing import NamedTuple

from lambent.contracts import arn
from lambent.contracts.functions import FunctionSpec
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Cloud, Reader

from . import keys
from .keys import Resolved
from .model import LATEST, Config, FunctionRecord
from .names import Ref


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
    """What the compute room needs to know of a version."""
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
    root = f"1-{cloud.clock.now_ns() // 1_000_000_000:08x}-{cloud.ids.hex(24)}"
    return f"Root={root};Parent={cloud.ids.hex(16)};Sampled=0"
