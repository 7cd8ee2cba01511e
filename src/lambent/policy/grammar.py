"""The grammar of policy documents: what AWS refuses when a policy is stored, in its words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from lambent.contracts.errors import ServiceError

from . import conditions
from .document import OLD_VERSION, VERSION, Document, compile_document, strings
from .principals import KINDS

Kind = Literal["identity", "resource", "trust"]

_DOCUMENT_KEYS = {"Version", "Id", "Statement"}
_STATEMENT_KEYS = {
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}  # fmt: skip
_ACTION = re.compile(r"[A-Za-z0-9*?-]+:[A-Za-z0-9*?_-]+")
_SID = re.compile(r"[0-9A-Za-z]*")
_PRINCIPAL = re.compile(
    r"\*|\d{12}|A[A-Z0-9]{15,}|arn:[a-z-]+:iam::\d{12}:(root|user/.+|role/.+)"
    r"|arn:[a-z-]+:sts::\d{12}:(assumed-role|federated-user)/.+|arn:[a-z-]+:iam::cloudfront:user/.+"
)
_PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
# Services whose ARNs have no region, with how IAM calls them.
_REGIONLESS = {"iam": "IAM", "s3": "S3"}


class MalformedPolicyDocument(ServiceError):
    """The document does not follow the grammar. Services that know it by another code catch and rename it."""

    status = 400


class _Duplicate(ValueError):
    """The same key twice in one object."""


def parse_document(text: str, kind: Kind) -> Document:
    """Check a document's grammar and compile it; `MalformedPolicyDocument` says what is wrong.

    `identity`: attached to a user, group, role or session, or a permissions boundary; `resource`: attached to a
    resource; `trust`: a role's trust policy. Sizes are the business of whoever stores the document.
    """
    source = _load(text, kind)
    for key in source:
        if key not in _DOCUMENT_KEYS:
            _refuse("Syntax errors in policy." if kind == "identity" else f"Unknown field {key}")
    version = source.get("Version", OLD_VERSION)
    if version not in (VERSION, OLD_VERSION):
        _refuse("Syntax errors in policy." if kind == "identity" else "The policy must contain a valid version string")
    if not isinstance(source.get("Id", ""), str):
        _refuse("Syntax errors in policy.")
    if "Statement" not in source:
        _refuse("Syntax errors in policy." if kind == "identity" else "Missing required field Statement")
    listed = source["Statement"]
    statements = listed if isinstance(listed, list) else [listed]
    if not statements:
        _refuse("Syntax errors in policy." if kind == "identity" else "Could not parse the policy: Statement is empty!")
    for statement in statements:
        _check_statement(statement, kind, version == VERSION)
    _check_sids(statements, kind)
    return compile_document(text)


def _refuse(message: str) -> None:
    raise MalformedPolicyDocument(message)


def _load(text: str, kind: Kind) -> dict[str, Any]:
    try:
        source = json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        source = None
    if not isinstance(source, dict):
        raise MalformedPolicyDocument(
            "Syntax errors in policy." if kind == "identity" else "This policy contains invalid Json"
        )
    return source


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Duplicate
    return found


def _check_statement(statement: Any, kind: Kind, variables: bool) -> None:
    if not isinstance(statement, dict):
        raise MalformedPolicyDocument("Syntax errors in policy.")
    for key in statement:
        if key not in _STATEMENT_KEYS:
            _refuse("Syntax errors in policy." if kind == "identity" else f"Unknown field {key}")
    for pair in (("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal")):
        if pair[0] in statement and pair[1] in statement:
            _refuse("Syntax errors in policy." if kind == "identity" else f"Statement/policy already has {pair[0]}")
    _check_effect(statement, kind)
    _check_principals(statement, kind)
    _check_actions(statement, kind)
    _check_resources(statement, kind)
    if variables:
        _check_variables(statement)
    if "Condition" in statement:
        _check_condition(statement["Condition"])


def _check_effect(statement: dict[str, Any], kind: Kind) -> None:
    if "Effect" not in statement:
        _refuse("Syntax errors in policy." if kind == "identity" else "Missing required field Effect")
    effect = statement["Effect"]
    if effect not in ("Allow", "Deny"):
        _refuse("Syntax errors in policy." if kind == "identity" else f"Invalid effect: {effect}")


def _check_sids(statements: list[dict[str, Any]], kind: Kind) -> None:
    sids = [statement["Sid"] for statement in statements if "Sid" in statement]
    if not all(isinstance(sid, str) for sid in sids):
        _refuse("Syntax errors in policy.")
    # Resource policies of most services take spaces and punctuation in a Sid; IAM's own do not.
    if kind != "resource" and not all(_SID.fullmatch(sid) for sid in sids):
        _refuse(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression "
            "[0-9A-Za-z]*"
        )
    named = [sid for sid in sids if sid]
    if len(set(named)) != len(named):
        _refuse("Statement IDs (SID) in a single policy must be unique.")


def _check_principals(statement: dict[str, Any], kind: Kind) -> None:
    named = "Principal" in statement or "NotPrincipal" in statement
    if kind == "identity":
        if named:
            _refuse("Policy document should not specify a principal.")
        return
    if not named:
        _refuse("Missing required field Principal")
    if kind == "trust" and "NotPrincipal" in statement and statement.get("Effect") == "Allow":
        _refuse("Allow with NotPrincipal is not allowed.")
    element = statement.get("Principal", statement.get("NotPrincipal"))
    if element == "*":
        return
    if not isinstance(element, dict) or not element:
        raise MalformedPolicyDocument(f"Invalid principal in policy: {json.dumps(element)}")
    for key, value in element.items():
        if key not in KINDS:
            _refuse(f'Invalid principal in policy: "{key}":{json.dumps(value)}')
        for name in _texts(value, f'Invalid principal in policy: "{key}"'):
            if not name or (key == "AWS" and not _PRINCIPAL.fullmatch(name)):
                _refuse(f'Invalid principal in policy: "{key}":"{name}"')


def named_principals(statement: Mapping[str, Any]) -> Iterator[str]:
    """The ARNs that a checked statement names as principals or excepts from them; wildcards and ids are left out."""
    for member in ("Principal", "NotPrincipal"):
        element = statement.get(member)
        if isinstance(element, dict):
            yield from (name for name in strings(element.get("AWS", [])) if name.startswith("arn:"))


def _texts(value: Any, message: str) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, str) for one in values):
        raise MalformedPolicyDocument(message)
    return tuple(values)


def _check_actions(statement: dict[str, Any], kind: Kind) -> None:
    key = "NotAction" if "NotAction" in statement else "Action"
    if key not in statement or statement[key] == []:
        _refuse("Missing required field Action" if kind != "identity" else "Policy statement must contain actions.")
    for action in _texts(statement[key], "Syntax errors in policy."):
        if kind == "trust":
            if not action.lower().startswith("sts:") or not _ACTION.fullmatch(action):
                _refuse("AssumeRole policy may only specify STS AssumeRole actions.")
            continue
        if action == "*" or _ACTION.fullmatch(action):
            continue
        if ":" not in action:
            _refuse("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
        vendor, _, name = action.partition(":")
        if not re.fullmatch(r"[A-Za-z0-9*?-]+", vendor):
            _refuse(f"Vendor {vendor} is not valid")
        _refuse(f"Actions/Condition can contain only one colon. {action}" if ":" in name else "Invalid Action: " + name)


def _check_resources(statement: dict[str, Any], kind: Kind) -> None:
    key = "NotResource" if "NotResource" in statement else "Resource"
    if kind == "trust":
        if key in statement:
            _refuse(f"Has prohibited field {key}")
        return
    if key not in statement or statement[key] == []:
        _refuse("Missing required field Resource" if kind != "identity" else "Policy statement must contain resources.")
    for resource in _texts(statement[key], "Syntax errors in policy."):
        if kind == "identity" and resource != "*":
            _check_arn(resource)


def _check_arn(resource: str) -> None:
    parts = resource.split(":", 5)
    if resource.startswith("*") and len(parts) == 1 and set(resource) == {"*"}:
        return
    if parts[0] not in ("arn", "*") or len(parts) < 2:
        _refuse(f'Resource {resource} must be in ARN format or "*".')
    partition = parts[1]
    if partition not in _PARTITIONS and "*" not in partition and "?" not in partition and "${" not in partition:
        _refuse(f'Partition "{partition}" is not valid for resource "{":".join((parts + ["*"] * 6)[:6])}".')
    vendor = parts[2] if len(parts) > 2 else "*"
    if len(parts) > 3 and re.search(r"[*?]", vendor) and vendor != "*":
        _refuse("Resource vendor must be fully qualified and cannot contain regexes.")
    if len(parts) == 6 and parts[3] not in ("", "*") and vendor in _REGIONLESS and "accesspoint" not in parts[5]:
        _refuse(f"{_REGIONLESS[vendor]} resource {resource} cannot contain region information.")
    if len(parts) < 6 and not resource.endswith("*"):
        _refuse(f'Resource {resource} must be in ARN format or "*".')


def _check_variables(statement: dict[str, Any]) -> None:
    for key in ("Resource", "NotResource"):
        for resource in strings(statement.get(key, [])):
            if re.search(r"\$\{[^}]*$", resource):
                _refuse("The policy failed legacy parsing")


def _check_condition(block: Any) -> None:
    if not isinstance(block, dict):
        raise MalformedPolicyDocument("Syntax errors in policy.")
    for operator, keys in block.items():
        if not conditions.known(operator):
            _refuse(f"Invalid Condition type : {operator}")
        if not isinstance(keys, dict):
            raise MalformedPolicyDocument("Syntax errors in policy.")
        for key, values in keys.items():
            if ":" not in key:
                _refuse("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
            try:
                for value in strings(values):
                    conditions.check_value(operator, value)
            except TypeError:
                _refuse("Syntax errors in policy.")
            except ValueError as error:
                raise MalformedPolicyDocument(
                    f"Invalid value {error.args[0] if error.args else values!r} for Condition type : {operator}"
                ) from None
