"""Models come from botocore's data, corrected by overlays, and are kept in a cache that is never believed blindly."""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import botocore
import msgspec
import pytest
from botocore.loaders import Loader

from lambent.model import ServiceModel, load
from lambent.model.load import OVERLAYS, compile_model, data_folder, kept_path, merge, services

BUILT = ("s3", "iam", "sts", "lambda", "logs", "cloudformation", "sqs", "cloudwatch")


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("LAMBENT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def plain(found: dict[str, Any]) -> dict[str, Any]:
    return {name: dict(part) for name, part in found.items()}


@pytest.mark.parametrize("name", BUILT)
def test_a_kept_model_is_the_compiled_one(name: str, kept: Path) -> None:
    compiled = compile_model(name)
    assert plain(load(name)) == compiled
    assert kept_path(name).is_relative_to(kept)
    assert plain(load(name)) == compiled, "read back"


@pytest.mark.parametrize("name", BUILT)
def test_the_newest_version_is_taken_as_botocore_takes_it(name: str) -> None:
    theirs = Loader().load_service_model(name, "service-2")
    ours = compile_model(name)
    assert ours["metadata"]["apiVersion"] == theirs["metadata"]["apiVersion"]
    assert list(ours["operations"]) == list(theirs["operations"])
    assert ours["shapes"].keys() >= theirs["shapes"].keys()


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"",
        lambda raw: raw[:3],
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw[:100] + bytes([raw[100] ^ 1]) + raw[101:],
        lambda raw: raw + b"\0",
        lambda raw: b"\0\0\0\0" + raw[4:],
    ],
)
def test_a_damaged_copy_is_made_anew(damage: Any, kept: Path) -> None:
    load("sts")
    path = kept_path("sts")
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert plain(load("sts")) == compile_model("sts")
    assert path.read_bytes() == whole


def test_a_sound_copy_of_something_else_is_made_anew(kept: Path) -> None:
    load("sts")
    raw = msgspec.msgpack.encode({"metadata": 1})
    kept_path("sts").write_bytes(zlib.crc32(raw).to_bytes(4, "big") + raw)
    assert plain(load("sts")) == compile_model("sts")


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LAMBENT_CACHE", str(tmp_path / "file" / "cache"))
    assert "AssumeRole" in load("sts")["operations"]


def test_nothing_but_whole_copies_is_left_in_the_cache(kept: Path) -> None:
    load("sts")
    assert [path.name for path in kept.rglob("*") if path.is_file()] == [kept_path("sts").name]


def test_a_changed_overlay_makes_another_copy(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = kept_path("sts")
    (tmp_path / "sts.json").write_text('{"version": 1.0, "merge": {"metadata": {"serviceId": "Mine"}}}')
    monkeypatch.setattr(sys.modules["lambent.model.load"], "OVERLAYS", tmp_path)
    assert kept_path("sts") != before
    assert load("sts")["metadata"]["serviceId"] == "Mine"


@pytest.mark.parametrize("name", ["", ".", "..", "../s3", "s3/2006-03-01", "S3", "nothing", "s3\0", "s3\n", "a" * 300])
def test_a_service_that_aws_does_not_have_is_a_key_error(name: str) -> None:
    with pytest.raises(KeyError):
        load(name)


def test_extras_merge_as_botocore_merges_them() -> None:
    base = {"a": {"b": 1, "c": [1]}, "d": 2}
    merge(base, {"a": {"c": [2], "e": {"f": 3}}, "d": {"g": 4}})
    assert base == {"a": {"b": 1, "c": [2], "e": {"f": 3}}, "d": {"g": 4}}
    extras = [path.parent.parent.name for path in data_folder().glob("*/*/service-2.sdk-extras.json")]
    assert extras
    for name in extras:
        theirs = Loader().load_service_model(name, "service-2")
        assert compile_model(name)["shapes"].keys() == theirs["shapes"].keys(), name


@pytest.mark.parametrize("path", sorted(OVERLAYS.glob("*.json")), ids=lambda path: path.stem)
def test_an_overlay_corrects_what_exists_or_adds_an_error(path: Path) -> None:
    extra = msgspec.json.decode(path.read_bytes())
    assert path.stem in services()
    assert extra.keys() <= {"version", "merge"}
    theirs = Loader().load_service_model(path.stem, "service-2")
    for name in extra["merge"].get("operations", {}):
        assert name in theirs["operations"]
    used = {shape for name, shape in _references(theirs["shapes"]) | _references(theirs["operations"])}
    for name, definition in extra["merge"].get("shapes", {}).items():
        if definition.get("exception"):
            continue
        assert name in theirs["shapes"], f"{name} is not a shape of {path.stem}"
        assert name in used, f"{name} is not used"


def _references(node: Any, name: str = "") -> set[tuple[str, str]]:
    if isinstance(node, dict):
        own = {(name, node["shape"])} if isinstance(node.get("shape"), str) else set()
        return own.union(*(_references(value, key) for key, value in node.items()))
    if isinstance(node, list):
        return set().union(*(_references(item, name) for item in node))
    return set()


def test_documentation_goes_but_members_of_that_name_stay() -> None:
    shapes = compile_model("apigateway")["shapes"]
    assert "documentation" not in shapes["RestApi"]
    named = [n for n, s in shapes.items() if "documentation" in s.get("members", {})]
    model = ServiceModel("apigateway", compile_model("apigateway"))
    assert all("documentation" in model.shape(name).members for name in named)
    everything = compile_model("lambda")
    assert '"documentation":"<p>' not in msgspec.json.encode(everything).decode()


@pytest.mark.slow
def test_botocores_code_is_not_imported() -> None:
    code = (
        "import sys; from lambent import model, wire; model.service_model('s3').operations['PutObject'].input; "
        "print([name for name in sys.modules if name.split('.')[0] in ('botocore', 'boto3')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_botocores_own(kept: Path) -> None:
    assert kept_path("s3").parent.name.endswith(f"-{botocore.__version__}")
