"""From botocore's data files to compact models, kept in a cache folder.

botocore's code is never imported: its package is only looked up for its data. The newest API version of a service is
taken, botocore's own "extras" and Lambent's overlays (same form) are merged into it, and the documentation is dropped.

A kept model is a CRC-32 (4 bytes) and one msgpack map. Its name says what it was made from: the format, botocore's
version, the overlay's CRC-32. Operations and shapes stay encoded until they are asked for.
"""

from __future__ import annotations

import importlib.util
import os
import re
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

FORMAT = 2
"""Part of a kept model's name: raised when what is kept changes."""

OVERLAYS = Path(__file__).parent / "overlays"
_GZIP = 31
"""zlib's name for a gzip stream; the gzip module would cost a millisecond at every start."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_VERSION = re.compile(r"^__version__ = ['\"]([^'\"]+)['\"]", re.MULTILINE)
_DROPPED = frozenset(
    ("documentation", "documentationUrl", "examples", "endpointdiscovery", "contextParam", "deprecatedMessage")
)


class _Kept(msgspec.Struct):
    metadata: dict[str, Any]
    operations: dict[str, msgspec.Raw]
    shapes: dict[str, msgspec.Raw]


_decoder = msgspec.msgpack.Decoder(_Kept)


class Lazy(Mapping[str, Any]):
    """A mapping whose values are decoded when they are first asked for."""

    __slots__ = ("_found", "_raw")

    def __init__(self, raw: Mapping[str, msgspec.Raw]) -> None:
        self._raw = raw
        self._found: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = msgspec.msgpack.decode(self._raw[name])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def __contains__(self, name: object) -> bool:
        return name in self._raw


@cache
def _package() -> tuple[Path, str]:
    """botocore's folder and version; its metadata is not asked, for importlib.metadata takes 20 ms to load."""
    spec = importlib.util.find_spec("botocore")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("botocore is not installed: its service models are Lambent's")
    init = Path(spec.origin)
    found = _VERSION.search(init.read_text())
    return init.parent, found[1] if found is not None else "unknown"


def data_folder() -> Path:
    """Where botocore keeps its models; `ModuleNotFoundError` when it is not installed."""
    return _package()[0] / "data"


def cache_folder() -> Path:
    """Where compact models are kept: LAMBENT_CACHE, else the user's cache folder."""
    chosen = os.environ.get("LAMBENT_CACHE")
    if chosen:
        return Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(home) / "lambent"


def kept_path(name: str) -> Path:
    """Where the compact model of a service is kept."""
    overlay = OVERLAYS / f"{name}.json"
    mark = zlib.crc32(overlay.read_bytes()) if overlay.is_file() else 0
    return cache_folder() / f"models-{FORMAT}-{_package()[1]}" / f"{name}-{mark:08x}.msgpack"


def services() -> list[str]:
    """The names of all services that AWS has a model of."""
    return sorted(path.name for path in data_folder().iterdir() if path.is_dir())


def load(name: str) -> dict[str, Any]:
    """The compact model of a service: metadata, and lazy mappings of operations and shapes; `KeyError` when AWS has
    no service of that name."""
    if _NAME.fullmatch(name) is None:
        raise KeyError(name)
    path = kept_path(name)
    kept = _read_kept(path)
    if kept is None:
        raw = msgspec.msgpack.encode(compile_model(name))
        _keep(path, raw)
        kept = _decoder.decode(raw)
    return {"metadata": kept.metadata, "operations": Lazy(kept.operations), "shapes": Lazy(kept.shapes)}


def _read_kept(path: Path) -> _Kept | None:
    """A kept model; None when there is none, or when it is not whole."""
    try:
        raw = path.read_bytes()
        if zlib.crc32(raw[4:]).to_bytes(4, "big") != raw[:4]:
            return None
        return _decoder.decode(raw[4:])
    except (OSError, msgspec.DecodeError):
        return None


def _keep(path: Path, raw: bytes) -> None:
    """Written by rename, so that nobody reads half a file; a cache that cannot be written costs time, nothing else."""
    # Deferred: it takes 10 ms to load, and a start with a warm cache does not need it.
    import tempfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(zlib.crc32(raw).to_bytes(4, "big") + raw)
            os.replace(draft, path)
        except OSError:
            os.unlink(draft)
    except OSError:
        return


def compile_model(name: str) -> dict[str, Any]:
    """Read and merge the model's files; `KeyError` when AWS has no service of that name."""
    folder = data_folder() / name
    if _NAME.fullmatch(name) is None or not folder.is_dir():
        raise KeyError(name)
    versions = [path for path in folder.iterdir() if next(path.glob("service-2.json*"), None) is not None]
    if not versions:
        raise KeyError(name)
    version = max(versions, key=lambda path: path.name)
    model = _read(version / "service-2.json")
    for extra in (version / "service-2.sdk-extras.json", OVERLAYS / f"{name}.json"):
        if extra.exists():
            merge(model, msgspec.json.decode(extra.read_bytes()).get("merge", {}))
    compact: dict[str, Any] = _strip({key: model.get(key, {}) for key in ("metadata", "operations", "shapes")}, False)
    return compact


def _read(path: Path) -> dict[str, Any]:
    packed = path.with_suffix(".json.gz")
    raw = zlib.decompress(packed.read_bytes(), _GZIP) if packed.exists() else path.read_bytes()
    found: dict[str, Any] = msgspec.json.decode(raw)
    return found


def merge(base: dict[str, Any], extra: Mapping[str, Any]) -> None:
    """Merge as botocore merges extras: mappings member by member, anything else replaces what was there."""
    for key, value in extra.items():
        old = base.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            merge(old, value)
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
