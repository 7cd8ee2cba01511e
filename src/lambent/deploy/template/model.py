"""The blocks of a template, checked for their structure with AWS's texts."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from lambent.services.cloudformation.errors import ValidationError

_BLOCKS = frozenset(
    [
        "AWSTemplateFormatVersion",
        "Conditions",
        "Description",
        "Hooks",
        "Mappings",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
        "Rules",
        "Transform",
    ]
)
# The serverless transform reads these and takes them out.
_SERVERLESS = "AWS::Serverless-2016-10-31"
_SERVERLESS_BLOCKS = frozenset(["Globals"])
_RESOURCE_KEYS = frozenset(
    [
        "Type",
        "Properties",
        "DependsOn",
        "Condition",
        "Metadata",
        "DeletionPolicy",
        "UpdateReplacePolicy",
        "CreationPolicy",
        "UpdatePolicy",
        "Version",
        "Connectors",
        "IgnoreGlobals",
    ]
)
_ALPHANUMERIC = re.compile(r"[A-Za-z0-9]{1,255}")
POLICIES = ("Delete", "Retain", "RetainExceptOnCreate", "Snapshot")


class ResourceSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of Resources. `condition` is empty when it has none; policies are `Delete` by default."""

    logical_id: str
    type: str
    properties: dict[str, Any]
    depends_on: tuple[str, ...] = ()
    condition: str = ""
    metadata: dict[str, Any] | None = None
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"


class OutputSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of Outputs; `export` is the expression of its export's name, or None."""

    key: str
    value: Any
    description: str = ""
    condition: str = ""
    export: Any = None


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A template whose structure was checked. Expressions inside are still to be evaluated."""

    document: dict[str, Any]
    version: str
    description: str
    metadata: dict[str, Any] | None
    parameters: dict[str, dict[str, Any]]
    mappings: dict[str, Any]
    conditions: dict[str, Any]
    rules: dict[str, Any]
    resources: dict[str, ResourceSpec]
    outputs: dict[str, OutputSpec]
    transforms: tuple[Any, ...]

    @property
    def transform_names(self) -> tuple[str, ...]:
        """Names of the transforms that the template declares for all of itself."""
        return tuple(t if isinstance(t, str) else t["Name"] for t in self.transforms)


def parse(document: dict[str, Any]) -> Template:
    """Check a document's structure; raises `ValidationError`."""
    transforms = _transforms(document.get("Transform"))
    blocks = _BLOCKS | _SERVERLESS_BLOCKS if _SERVERLESS in transforms else _BLOCKS
    unknown = [key for key in document if key not in blocks]
    if unknown:
        raise ValidationError(f"Template format error: Invalid template property or properties [{', '.join(unknown)}]")
    version = document.get("AWSTemplateFormatVersion", "")
    if version not in ("", "2010-09-09"):
        raise ValidationError("Template format error: Template format version is unsupported.")
    description = document.get("Description", "")
    if not isinstance(description, str):
        raise ValidationError("Template format error: Description must be a string.")
    languages = any(t == "AWS::LanguageExtensions" for t in transforms)
    return Template(
        document=document,
        version=version,
        description=description,
        metadata=_block(document, "Metadata") if "Metadata" in document else None,
        parameters=_parameters(_block(document, "Parameters")),
        mappings=_mappings(_block(document, "Mappings"), languages),
        conditions=_block(document, "Conditions"),
        rules=_block(document, "Rules"),
        resources=_resources(document, languages),
        outputs=_outputs(_block(document, "Outputs"), languages),
        transforms=transforms,
    )


_LIMITS = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}


def _block(document: dict[str, Any], name: str) -> dict[str, Any]:
    block = document.get(name, {})
    if block is None:
        raise ValidationError(f"[/{name}] 'null' values are not allowed in templates")
    if not isinstance(block, dict):
        raise ValidationError(f"Template format error: {name} must be an object.")
    limit = _LIMITS.get(name, len(block))
    if len(block) > limit:
        raise ValidationError(
            f"Template format error: Number of {name.lower()}, {len(block)}, is greater than maximum allowed, {limit}"
        )
    return block


def _transforms(declared: Any) -> tuple[Any, ...]:
    found = declared if isinstance(declared, list) else [] if declared is None else [declared]
    for item in found:
        name = item.get("Name") if isinstance(item, dict) else item
        if not isinstance(name, str):
            raise ValidationError("Key Name of transform definition must be a string.")
    return tuple(found)


def _is_loop(key: str, languages: bool) -> bool:
    return languages and key.startswith("Fn::ForEach::")


def _parameters(block: dict[str, Any]) -> dict[str, dict[str, Any]]:
    for name, body in block.items():
        if not _ALPHANUMERIC.fullmatch(name):
            raise ValidationError(f"Template format error: Parameter name {name} is non alphanumeric.")
        if not isinstance(body, dict):
            raise ValidationError("Template format error: Any Parameters member must be an object.")
        if not isinstance(body.get("Type"), str):
            raise ValidationError(f"Template format error: Every Parameters object must contain a Type member: {name}.")
    return block


def _mappings(block: dict[str, Any], languages: bool) -> dict[str, Any]:
    for name, top in block.items():
        if _is_loop(name, languages):
            continue
        if not isinstance(top, dict):
            raise ValidationError("Template format error: Every Mappings member must be an object.")
        for key, attributes in top.items():
            if key == "Fn::Transform" or _is_loop(key, languages):
                continue
            if not isinstance(attributes, dict):
                raise ValidationError(f"Template format error: Every Mappings attribute must be a map: {name}.{key}.")
    return block


def _resources(document: dict[str, Any], languages: bool) -> dict[str, ResourceSpec]:
    block = _block(document, "Resources")
    if not block:
        raise ValidationError("Template format error: At least one Resources member must be defined.")
    return {
        name: _resource(name, body)
        for name, body in block.items()
        if not _is_loop(name, languages) and name != "Fn::Transform"
    }


def _resource(name: str, body: Any) -> ResourceSpec:
    if not _ALPHANUMERIC.fullmatch(name):
        raise ValidationError(f"Template format error: Resource name {name} is non alphanumeric.")
    if not isinstance(body, dict):
        raise ValidationError("Template format error: Any Resources member must be an object.")
    kind = body.get("Type")
    if not isinstance(kind, str) or not kind:
        raise ValidationError(
            f"Template format error: [/Resources/{name}] Every Resources object must contain a Type member."
        )
    unknown = [key for key in body if key not in _RESOURCE_KEYS and key != "Fn::Transform"]
    if unknown:
        raise ValidationError(f"Invalid template resource property '{unknown[0]}'")
    refuse_nulls(body, f"/Resources/{name}")
    properties = body.get("Properties", {})
    if not isinstance(properties, dict):
        raise ValidationError(f"Template format error: [/Resources/{name}/Properties] must be an object.")
    depends = body.get("DependsOn", [])
    depends = [depends] if isinstance(depends, str) else depends
    if not isinstance(depends, list) or not all(isinstance(item, str) for item in depends):
        raise ValidationError(f"Template format error: DependsOn of {name} must be a string or a list of strings.")
    condition = body.get("Condition", "")
    if not isinstance(condition, str):
        raise ValidationError(f"Template format error: Condition of resource {name} must be a string.")
    return ResourceSpec(
        logical_id=name,
        type=kind,
        properties=properties,
        depends_on=tuple(depends),
        condition=condition,
        metadata=body.get("Metadata"),
        deletion_policy=_policy(name, body, "DeletionPolicy"),
        update_replace_policy=_policy(name, body, "UpdateReplacePolicy"),
    )


def _policy(name: str, body: dict[str, Any], key: str) -> str:
    value = body.get(key, "Delete")
    # With the language extensions a policy may be an expression; it is evaluated before it comes here again.
    if isinstance(value, dict):
        return "Delete"
    if value not in POLICIES:
        raise ValidationError(f"Template error: {key} of resource {name} must be one of {', '.join(POLICIES)}")
    return str(value)


def _outputs(block: dict[str, Any], languages: bool) -> dict[str, OutputSpec]:
    found = {}
    for key, body in block.items():
        if _is_loop(key, languages):
            continue
        if not _ALPHANUMERIC.fullmatch(key):
            raise ValidationError(f"Template format error: Output name {key} is non alphanumeric.")
        if not isinstance(body, dict):
            raise ValidationError("Template format error: Any Outputs member must be an object.")
        if "Value" not in body or (body["Value"] is None and any(v is None for k, v in body.items() if k != "Value")):
            raise ValidationError("Template format error: Every Outputs member must contain a Value object")
        refuse_nulls(body, f"/Outputs/{key}")
        export = body.get("Export")
        if export is not None and (not isinstance(export, dict) or "Name" not in export):
            raise ValidationError("Template format error: Every Export must contain a Name member")
        found[key] = OutputSpec(
            key=key,
            value=body["Value"],
            description=str(body.get("Description", "")),
            condition=body.get("Condition", ""),
            export=export["Name"] if export else None,
        )
    return found


def refuse_nulls(value: Any, path: str) -> None:
    """Raise AWS's error when there is a null anywhere inside `value`."""
    if value is None:
        raise ValidationError(f"[{path}] 'null' values are not allowed in templates")
    if isinstance(value, dict):
        for key, item in value.items():
            refuse_nulls(item, f"{path}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            refuse_nulls(item, f"{path}/{index}")


def dump(document: dict[str, Any]) -> str:
    """A document as JSON text, keys in their order."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
