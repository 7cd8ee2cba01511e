"""From botocore's data files to compact models, kept in a cache folder.

botocore's code is never imported: its package is only looked up for its data. The newest API version of a service is
taken, botocore's own "extras" and Lambent's overlays (same form) are merged into it, and the documentation is dropped.
"""

from __future__ import annotations

import gzip
import importlib.util
import os
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

FORMAT = 1
"""Part of a cache file's name: raised when what is kept changes."""

_OVERLAYS = Path(__file__).parent / "overlays"
_DROPPED = ("documentation", "documentationUrl", "examples", "endpointdiscovery", "contextParam", "deprecatedMessage")


def data_folder() -> Path:
    """Where botocore keeps its models; `LookupError` when it is not installed."""
    spec = importlib.util.find_spec("botocore")
    if spec is None or spec.origin is None:
        raise LookupError("botocore is not installed: its service models are Lambent's")
    return Path(spec.origin).parent / "data"


def cache_folder() -> Path:
    """Where compact models are kept: LAMBENT_CACHE, else the user's cache folder."""
    chosen = os.environ.get("LAMBENT_CACHE")
    if chosen:
        return Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(home) / "lambent"


def services() -> list[str]:
    """The names of all services that AWS has a model of."""
    return sorted(path.name for path in data_folder().iterdir() if path.is_dir())


def load(name: str) -> dict[str, Any]:
    """The compact model of a service; `KeyError` when AWS has none of that name."""
    kept = cache_folder() / f"models-{FORMAT}-{metadata.version('botocore')}" / f"{name}.msgpack"
    overlay = _OVERLAYS / f"{name}.json"
    try:
        raw = kept.read_bytes()
        if not overlay.exists() or overlay.stat().st_mtime_ns <= kept.stat().st_mtime_ns:
            cached: dict[str, Any] = msgspec.msgpack.decode(raw)
            return cached
    except (OSError, msgspec.DecodeError):
        pass  # not there, or torn: made anew below
    compact = compile_model(name)
    _keep(kept, msgspec.msgpack.encode(compact))
    return compact


def _keep(path: Path, raw: bytes) -> None:
    draft = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(raw)
        draft.replace(path)
    except OSError:
        pass  # a cache that cannot be written costs time, nothing else


def compile_model(name: str) -> dict[str, Any]:
    """Read and merge the model's files; `KeyError` when AWS has no service of that name."""
    folder = data_folder() / name
    if not name.replace("-", "").isalnum() or not folder.is_dir():
        raise KeyError(name)
    version = max(path.name for path in folder.iterdir() if path.is_dir())
    model = _read(folder / version / "service-2.json")
    for extra in (folder / version / "service-2.sdk-extras.json", _OVERLAYS / f"{name}.json"):
        if extra.exists():
            _merge(model, msgspec.json.decode(extra.read_bytes()).get("merge", {}))
    compact: dict[str, Any] = _strip({key: model[key] for key in ("metadata", "operations", "shapes")}, False)
    return compact


def _read(path: Path) -> dict[str, Any]:
    packed = path.with_suffix(".json.gz")
    raw = gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()
    found: dict[str, Any] = msgspec.json.decode(raw)
    return found


def _merge(base: dict[str, Any], extra: dict[str, Any]) -> None:
    for key, value in extra.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        elif isinstance(value, list) and isinstance(base.get(key), list):
            base[key] = base[key] + value
        else:
            base[key] = value


def _strip(value: Any, named: bool) -> Any:
    """Drop documentation; `named` says that the keys of `value` are names of the model, not traits."""
    if isinstance(value, dict):
        return {
            key: _strip(item, not named and key in ("members", "shapes", "operations"))
            for key, item in value.items()
            if named or key not in _DROPPED
        }
    if isinstance(value, list):
        return [_strip(item, False) for item in value]
    return value
