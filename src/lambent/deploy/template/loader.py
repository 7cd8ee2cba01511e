"""Template text to plain values: JSON, or YAML with CloudFormation's short forms.

The result consists of dict (string keys), list, str, int, float, bool and None only. Limits: 1 MB, 100 levels; YAML
aliases are refused, as AWS does, so a document cannot grow beyond its text.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from lambent.kit import yaml_text
from lambent.services.cloudformation.errors import ValidationError

BODY_BYTES_MAX = 1_000_000
DEPTH_MAX = 100

_PLAIN = ("Ref", "Condition")
_FUNCTIONS = [
    "And",
    "Base64",
    "Cidr",
    "Equals",
    "FindInMap",
    "GetAtt",
    "GetAZs",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Not",
    "Or",
    "Select",
    "Split",
    "Sub",
    "ToJsonString",
    "Transform",
]


class _Loader(yaml_text.Loader):
    """YAML with the short forms."""


def _short_form(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if suffix not in _PLAIN and suffix not in _FUNCTIONS:
        raise yaml.constructor.ConstructorError(None, None, f"unknown tag !{suffix}", node.start_mark)
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in _PLAIN else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def load(text: str) -> dict[str, Any]:
    """The template in `text`; raises `ValidationError` with AWS's text and the place of the mistake."""
    if len(text.encode()) > BODY_BYTES_MAX:
        raise ValidationError(f"Template may not exceed {BODY_BYTES_MAX} bytes in size.")
    value = _load_json(text) if text.lstrip().startswith("{") else _load_yaml(text)
    if not isinstance(value, dict):
        raise ValidationError("Template format error: unsupported structure.")
    plain = _plain(value, 0)
    assert isinstance(plain, dict)
    return plain


def _load_json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValidationError("Template format error: the template is nested too deeply.") from None
    except json.JSONDecodeError as error:
        where = f"(line {error.lineno}, column {error.colno})"
        raise ValidationError(f"Template format error: JSON not well-formed. {where}") from None
    except ValueError:
        raise ValidationError("Template format error: JSON not well-formed.") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _load_yaml(text: str) -> Any:
    try:
        return yaml_text.load(text, DEPTH_MAX, _Loader)
    except yaml_text.Aliased:
        raise ValidationError("Template error: YAML aliases are not allowed in CloudFormation templates") from None
    except yaml_text.TooDeep:
        raise ValidationError("Template format error: the template is nested too deeply.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ValidationError(f"Template format error: YAML not well-formed.{where}") from None
    except (yaml.YAMLError, RecursionError, ValueError):
        raise ValidationError("Template format error: YAML not well-formed.") from None


def _plain(value: Any, depth: int) -> Any:
    if depth > DEPTH_MAX:
        raise ValidationError("Template format error: the template is nested too deeply.")
    if isinstance(value, dict):
        return {key: _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValidationError(f"Template format error: values of type {type(value).__name__} are not allowed.")
