"""Callers, documents and questions for the policy tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lambent.contracts.access import AccessRequest, Decision, NamedPolicy, PolicySet
from lambent.contracts.caller import ANONYMOUS, Caller, Principal, root, service
from lambent.policy import evaluate

HOME = "111111111111"
AWAY = "222222222222"
USER = Caller(
    kind=Principal.USER, account=HOME, arn=f"arn:aws:iam::{HOME}:user/team/ada", user_id="AIDAAAAAAAAAAAAAAAAA1"
)
ROLE = Caller(
    kind=Principal.ROLE,
    account=HOME,
    arn=f"arn:aws:sts::{HOME}:assumed-role/worker/job",
    role_arn=f"arn:aws:iam::{HOME}:role/worker",
    user_id="AROAAAAAAAAAAAAAAAAA2:job",
    tags=(("Team", "red"),),
    issued_at_ns=1_700_000_000_000_000_000,
)
ROOT = root(HOME)
S3 = service("s3.amazonaws.com", HOME)
__all__ = ["ANONYMOUS", "AWAY", "HOME", "ROLE", "ROOT", "S3", "USER", "allow", "ask", "deny", "document", "named"]


def document(*statements: Mapping[str, Any], version: str = "2012-10-17") -> str:
    """A policy document of these statements."""
    return json.dumps({"Version": version, "Statement": list(statements)})


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    """An allowing statement."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    """A denying statement."""
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def named(*statements: Mapping[str, Any], name: str = "p") -> NamedPolicy:
    """A named policy of these statements."""
    return NamedPolicy(name, document(*statements))


def ask(
    caller: Caller = USER,
    identity: list[dict[str, Any]] | None = None,
    action: str = "s3:GetObject",
    resource: str = "arn:aws:s3:::b/k",
    conditions: Mapping[str, Any] | None = None,
    bucket: list[dict[str, Any]] | None = None,
    account: str = "",
    boundary: list[dict[str, Any]] | None = None,
    session: list[dict[str, Any]] | None = None,
    control: tuple[list[dict[str, Any]], ...] = (),
) -> Decision:
    """Evaluate one question, each kind of policy given as statements."""
    policies = PolicySet(
        identity=(named(*identity),) if identity else (),
        boundary=named(*boundary, name="limit") if boundary is not None else None,
        session=(named(*session, name="session"),) if session is not None else None,
        service_control=tuple((named(*level, name="scp"),) for level in control),
    )
    resources = (named(*bucket, name="arn:aws:s3:::b"),) if bucket else ()
    return evaluate(AccessRequest(caller, action, resource, conditions or {}, resources, account), policies)
