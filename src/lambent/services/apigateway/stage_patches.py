"""What UpdateStage can patch: members of the stage, its variables, its canary, its logs, and the settings of methods,
whose paths are open: `/{resourcePath}/{httpMethod}/throttling/burstLimit`, `/*/*/metrics/enabled`.

A resource path may be written in one segment (`~1books~1{id}`) or in several (`books/{id}`); both mean the same. The
settings' key has the first form, and answers show the one that was used first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from .errors import BadRequestException
from .model import AccessLog, Canary, MethodSettings, Stage
from .patching import ALL, REPLACE, Change, Patch, Patcher, Rule, escape, flag, is_true, text, unescape, whole
from .staging import check_canary, check_variable, with_cache

BURST_LIMIT: Final = 5000
RATE_LIMIT: Final = 10_000.0
"""What an account may at most ask for, which settings begin with: requests at once, and a second."""
NO_LIMIT: Final = -1
_BURST_MAX: Final = 2**31 - 1
_SETTINGS: Final = (
    "metrics/enabled, logging/dataTrace, logging/loglevel, throttling/burstLimit throttling/rateLimit "
    "caching/ttlInSeconds, caching/enabled, caching/dataEncrypted, caching/requireAuthorizationForCacheControl, "
    "caching/unauthorizedCacheControlHeaderStrategy"
)
_LEVELS: Final = ("OFF", "ERROR", "INFO")
_STRATEGIES: Final = ("FAIL_WITH_403", "SUCCEED_WITH_RESPONSE_HEADER", "SUCCEED_WITHOUT_RESPONSE_HEADER")
_LOG_PATHS: Final = "[/accessLogSettings/destinationArn, /accessLogSettings/format]"
_COPIES: Final = {
    "/deploymentId": "/canarySettings/deploymentId",
    "/variables": "/canarySettings/stageVariableOverrides",
}


def _all_paths() -> str:
    """The paths as AWS lists them, with its own slips of punctuation."""
    wide = ", ".join(f"/*/*/{one}" for one in _SETTINGS.split(", "))
    wide = wide.replace(" throttling/", " /*/*/throttling/").replace(" caching/ttl", " /*/*/caching/ttl")
    method = "/{resourcePath}/{httpMethod}/"
    single = ", ".join(method + one for one in _SETTINGS.split(", "))
    single = single.replace(" throttling/", f"{method}throttling/").replace(" caching/ttl", f"{method}caching/ttl")
    return (
        "[/deploymentId, /description, /cacheClusterEnabled, /cacheClusterSize, /clientCertificateId, "
        f"/accessLogSettings, /accessLogSettings/destinationArn, /accessLogSettings/format, {single}, {wide}, "
        "/variables/{variable_name}, /tracingEnabled]"
    )


# -- members ----------------------------------------------------------------------------------------------------------


def _change_cache(stage: Stage, patch: Patch) -> Stage:
    return with_cache(stage, is_true(patch), stage.cache_size)


def _change_cache_size(stage: Stage, patch: Patch) -> Stage:
    return with_cache(stage, stage.cache_enabled, patch.value or "")


def _change_deployment(stage: Stage, patch: Patch) -> Stage:
    if patch.op == "copy":
        return replace(stage, deployment=_promoted(stage).deployment)
    return replace(stage, deployment=patch.value or "")


def _promoted(stage: Stage) -> Canary:
    if stage.canary is None:
        raise BadRequestException("Promotion not available. Canary does not exist.")
    return stage.canary


def _copy_variables(stage: Stage, patch: Patch) -> Stage:
    return replace(stage, variables={**stage.variables, **_promoted(stage).variables})


def _with(variables: Mapping[str, str], patch: Patch) -> dict[str, str]:
    """Variables with one more, or another value, or one less."""
    left = {name: value for name, value in variables.items() if name != patch.name}
    if patch.op == "remove":
        return left
    check_variable(patch.name, patch.value or "")
    return {**left, patch.name: patch.value or ""}


def _change_variable(stage: Stage, patch: Patch) -> Stage:
    return replace(stage, variables=_with(stage.variables, patch))


# -- canaries ---------------------------------------------------------------------------------------------------------


def _canary(change: Change) -> Change:
    """Changes the stage's canary, which there is from then on."""

    def whole_change(stage: Stage, patch: Patch) -> Stage:
        canary = stage.canary or Canary(deployment=stage.deployment)
        return replace(stage, canary=check_canary(change(canary, patch)))

    return whole_change


def _change_percent(canary: Canary, patch: Patch) -> Canary:
    return replace(canary, percent=_number(patch, "Percent traffic must be between 0.0 and 100.0"))


def _number(patch: Patch, refusal: str) -> float:
    try:
        return float(patch.value or "")
    except ValueError:
        raise BadRequestException(refusal) from None


def _change_overrides(canary: Canary, patch: Patch) -> Canary:
    return replace(canary, variables=_with(canary.variables, patch))


# -- access logs ------------------------------------------------------------------------------------------------------


def _change_log(field: str) -> Change:
    def change(stage: Stage, patch: Patch) -> Stage:
        if not patch.value:
            raise BadRequestException("Access Log value must not be empty")
        if field == "format" and "\n" in patch.value.rstrip("\n"):
            raise BadRequestException("Access Log format must be single line, new line character is allowed only at "
                                      "end of the format")  # fmt: skip
        return replace(stage, access_log=replace(stage.access_log or AccessLog(), **{field: patch.value}))

    return change


# -- settings of methods ----------------------------------------------------------------------------------------------


def _change_level(settings: MethodSettings, patch: Patch) -> MethodSettings:
    if patch.value not in _LEVELS:
        raise BadRequestException(f"Invalid logging level specified. Valid options are {','.join(_LEVELS)}")
    return replace(settings, logging_level=patch.value)


def _change_ttl(settings: MethodSettings, patch: Patch) -> MethodSettings:
    seconds = whole(patch, "Invalid cache TTL, must be between 0 and 3600")
    if not 0 <= seconds <= 3600:
        raise BadRequestException("Invalid cache TTL, must be between 0 and 3600")
    return replace(settings, cache_ttl_s=seconds)


def _change_strategy(settings: MethodSettings, patch: Patch) -> MethodSettings:
    if patch.value not in _STRATEGIES:
        raise BadRequestException(f"Invalid unauthorized cache control header strategy specified. Valid options are "
                                  f"{','.join(_STRATEGIES)}")  # fmt: skip
    return replace(settings, cache_unauthorized=patch.value)


def _change_burst(settings: MethodSettings, patch: Patch) -> MethodSettings:
    burst = whole(patch, "Invalid throttling burst limit specified")
    if not NO_LIMIT <= burst <= _BURST_MAX:
        raise BadRequestException("Invalid throttling burst limit specified")
    return replace(settings, throttling_burst=burst)


def _change_rate(settings: MethodSettings, patch: Patch) -> MethodSettings:
    rate = _number(patch, "Invalid throttling rate limit specified")
    if not NO_LIMIT <= rate <= _BURST_MAX:
        raise BadRequestException("Invalid throttling rate limit specified")
    return replace(settings, throttling_rate=rate)


_METHOD: Final[Mapping[tuple[str, str], Change]] = {
    ("metrics", "enabled"): flag("metrics"),
    ("logging", "dataTrace"): flag("data_trace"),
    ("logging", "loglevel"): _change_level,
    ("throttling", "burstLimit"): _change_burst,
    ("throttling", "rateLimit"): _change_rate,
    ("caching", "enabled"): flag("caching"),
    ("caching", "ttlInSeconds"): _change_ttl,
    ("caching", "dataEncrypted"): flag("cache_encrypted"),
    ("caching", "requireAuthorizationForCacheControl"): flag("cache_authorization"),
    ("caching", "unauthorizedCacheControlHeaderStrategy"): _change_strategy,
}


def method_path(given: str) -> str:
    """The key of the settings that a method path means: `books/{id}/GET` and `~1books~1{id}/GET` are the same."""
    resource, _, verb = given.rpartition("/")
    if resource == "*":
        return f"*/{verb}"
    path = unescape(resource)
    return f"{escape(path if path.startswith('/') else f'/{path}')}/{verb}"


def _change_settings(stage: Stage, patch: Patch) -> Stage:
    """What no rule knows: settings of a method, or nothing at all."""
    segments = patch.path.removeprefix("/").split("/")
    if segments[0] == "accessLogSettings" and patch.op != "remove":
        raise BadRequestException(f"Invalid accessLogSettings path. Must be one of : {_LOG_PATHS}")
    if patch.op == "remove":
        return _without_settings(stage, patch.path.removeprefix("/"))
    change = _METHOD.get((segments[-2], segments[-1])) if len(segments) > 3 else None
    if change is None:
        raise BadRequestException(f"Invalid method setting path: {patch.path}. Must be one of: {_all_paths()}")
    if patch.op != "replace":
        raise BadRequestException("Invalid patch operation specified. Must be one of: [replace]")
    given = "/".join(segments[:-2])
    key = method_path(given)
    first = MethodSettings(throttling_burst=BURST_LIMIT, throttling_rate=RATE_LIMIT)
    settings = stage.settings.get(key) or replace(stage.settings.get("*/*", first), given=given)
    return replace(stage, settings={**stage.settings, key: change(settings, patch)})


def _without_settings(stage: Stage, given: str) -> Stage:
    key = method_path(given)
    if key not in stage.settings:
        raise BadRequestException(
            f"Cannot remove method setting {given} because there is no method setting for this method "
        )
    return replace(stage, settings={path: one for path, one in stage.settings.items() if path != key})


_PATCHER: Final = Patcher(
    Rule("/deploymentId", _change_deployment, ("replace", "copy")),
    Rule("/description", text("description"), ALL),
    Rule("/cacheClusterEnabled", _change_cache),
    Rule("/cacheClusterSize", _change_cache_size),
    Rule("/clientCertificateId", lambda stage, patch: replace(stage, client_certificate=patch.value or None)),
    Rule("/documentationVersion", lambda stage, patch: replace(stage, documentation_version=patch.value or None)),
    Rule("/tracingEnabled", flag("tracing")),
    Rule("/variables", _copy_variables, ("copy",)),
    Rule("/variables/{}", _change_variable, ALL),
    Rule("/canarySettings", lambda stage, _: replace(stage, canary=None), ("remove",)),
    Rule("/canarySettings/percentTraffic", _canary(_change_percent)),
    Rule("/canarySettings/deploymentId", _canary(text("deployment", ""))),
    Rule("/canarySettings/useStageCache", _canary(flag("use_cache"))),
    Rule("/canarySettings/stageVariableOverrides/{}", _canary(_change_overrides), ALL),
    Rule(
        "/canarySettings/stageVariableOverrides",
        _canary(lambda canary, _: replace(canary, variables={})),
        ("remove",),
    ),
    otherwise=_change_settings,
)
_LOGS: Final = {
    "/accessLogSettings/destinationArn": _change_log("destination"),
    "/accessLogSettings/format": _change_log("format"),
}


def apply(stage: Stage, operations: Iterable[Mapping[str, Any]]) -> Stage:
    """A stage with all patches, in their order."""
    for given in operations:
        op, path = given.get("op"), given.get("path")
        if op == "copy" and _COPIES.get(path or "") != given.get("from"):
            raise BadRequestException(
                f"Invalid copy operation with path: {path} and from {given.get('from')}. Valid copy:path are "
                f"[{', '.join(_COPIES)}] and valid copy:from are [{', '.join(_COPIES.values())}]"
            )
        if path == "/accessLogSettings" and op == "remove":
            stage = replace(stage, access_log=None)
        elif path in _LOGS and op in ("add", *REPLACE):
            stage = _LOGS[path](stage, Patch(str(op), path, given.get("value")))
        else:
            stage = _PATCHER.apply(stage, (given,))
    return stage
