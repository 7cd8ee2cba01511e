"""What `lambent deploy` does before it deploys: install what functions and layers need, and zip their folders."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .common import Failure

# The earliest time that a zip archive can hold: equal folders make equal archives, and need no second upload.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_CODE_PROPERTIES = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Lambda::Function": "Code",
    "AWS::Lambda::LayerVersion": "Content",
}
_LAYERS = ("AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion")
_LEFT_OUT = {"__pycache__", ".git", ".venv", ".aws-sam", "node_modules"}


@dataclass(frozen=True)
class Artifact:
    """The archive of one resource's code, and where its address goes in the template."""

    resource: str
    kind: str
    member: str
    archive: Path
    digest: str

    @property
    def key(self) -> str:
        """The object key: the digest of the content."""
        return f"{self.digest}.zip"


def local_code(template: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """(resource, type, property, local path) of everything in the template that lies in a local folder."""
    defaults = template.get("Globals", {}).get("Function", {})
    for name, resource in template.get("Resources", {}).items():
        kind = resource.get("Type", "")
        code_property = _CODE_PROPERTIES.get(kind)
        if code_property is None:
            continue
        properties = resource.setdefault("Properties", {})
        value = properties.get(code_property)
        if value is None and kind == "AWS::Serverless::Function":
            value = defaults.get("CodeUri")
        if isinstance(value, str) and not value.startswith("s3://"):
            yield name, kind, code_property, value


def build(
    template: dict[str, Any],
    base: Path,
    parameters: dict[str, str],
    work: Path,
    say: Callable[[str], None],
) -> list[Artifact]:
    """Build every local folder that the template names; `base` is the template's folder, `work` is scratch space."""
    artifacts = []
    for name, kind, code_property, value in local_code(template):
        source = (base / value).resolve()
        if not source.exists():
            raise Failure(f"{name}: {code_property} names {value}, which is not there")
        if source.is_file():
            archive = source
        else:
            say(f"building {name}")
            staged = work / name
            _stage(template, name, kind, source, staged, parameters)
            archive = work / f"{name}.zip"
            _zip(staged, archive)
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        artifacts.append(Artifact(name, kind, code_property, archive, digest))
    return artifacts


def _stage(
    template: dict[str, Any], name: str, kind: str, source: Path, staged: Path, parameters: dict[str, str]
) -> None:
    resource = template["Resources"][name]
    method = _resolve(template, resource.get("Metadata", {}).get("BuildMethod"), parameters)
    runtime = method or _resolve(template, resource["Properties"].get("Runtime"), parameters)
    runtime = runtime or _resolve(template, template.get("Globals", {}).get("Function", {}).get("Runtime"), parameters)
    requirements = source / "requirements.txt"
    is_layer = kind in _LAYERS
    if is_layer and not method:
        shutil.copytree(source, staged, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        return
    target = staged / "python" if is_layer else staged
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    if requirements.is_file() and requirements.read_text().strip():
        if not (runtime or "").startswith("python"):
            raise Failure(f"{name}: building for the runtime {runtime or '(none given)'} is not built; python is")
        _install(name, requirements, target, str(runtime).removeprefix("python"))
    elif method and not method.startswith("python"):
        raise Failure(f"{name}: the build method {method} is not built; python is")


def _resolve(template: dict[str, Any], value: Any, parameters: dict[str, str]) -> str | None:
    """A literal, or a Ref to a parameter."""
    if isinstance(value, dict) and set(value) == {"Ref"}:
        parameter = template.get("Parameters", {}).get(value["Ref"], {})
        return parameters.get(value["Ref"]) or parameter.get("Default")
    return value if isinstance(value, str) else None


def _install(name: str, requirements: Path, target: Path, version: str) -> None:
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"),
        *("--requirement", str(requirements), "--target", str(target)),
        *("--python-version", version, "--only-binary", ":all:", "--implementation", "cp"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise Failure(f"{name}: {requirements.name} could not be installed for Python {version}: {lines[-1]}")


def _zip(folder: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as out:
        for path in sorted(folder.rglob("*")):
            if path.is_dir() or _LEFT_OUT & set(path.relative_to(folder).parts):
                continue
            entry = zipfile.ZipInfo(str(path.relative_to(folder)), _ZIP_TIME)
            entry.external_attr = (0o755 if path.stat().st_mode & 0o100 else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(entry, path.read_bytes())


def place(template: dict[str, Any], artifact: Artifact, bucket: str) -> None:
    """Put the uploaded archive's address where the local folder stood."""
    properties = template["Resources"][artifact.resource]["Properties"]
    if artifact.kind.startswith("AWS::Serverless::"):
        properties[artifact.member] = f"s3://{bucket}/{artifact.key}"
    else:
        properties[artifact.member] = {"S3Bucket": bucket, "S3Key": artifact.key}
