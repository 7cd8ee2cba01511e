"""Resource policies of functions and layers: building their statements, and the documents for the policy room."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson
from msgspec.structs import replace

from lambent.contracts.caller import service as service_caller
from lambent.contracts.ports import Cloud, Reader

from . import keys
from .errors import InvalidParameterValueException, ResourceConflictException, ResourceNotFoundException
from .model import LATEST, PolicyRecord
from .names import Ref

ANSWERS_MAX: Final = 4096
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.(amazonaws\.com|amazonaws\.com\.cn|amazon\.com)")
_IAM = re.compile(r"arn:aws[a-z-]*:(iam|sts)::\d{12}:.+")


def document(policy: PolicyRecord) -> str:
    """The policy as GetPolicy shows it."""
    return f'{{"Version":"2012-10-17","Id":"default","Statement":[{",".join(policy.statements)}]}}'


def of_function(tx: Reader, ref: Ref) -> str | None:
    """The policy document that a call of `ref` is checked against: that of the qualifier itself."""
    policy = _record(tx, ref)
    return None if policy is None else document(policy)


def _record(tx: Reader, ref: Ref) -> PolicyRecord | None:
    return keys.policies.get(tx, *ref.place, "" if ref.qualifier == LATEST else ref.qualifier)


def with_statement(policy: PolicyRecord | None, statement: dict[str, Any], revision: str) -> PolicyRecord:
    """`policy` with one more statement; its id must be new."""
    old = policy.statements if policy is not None else ()
    identity = statement["Sid"]
    if any(orjson.loads(text)["Sid"] == identity for text in old):
        raise ResourceConflictException(
            f"The statement id ({identity}) provided already exists. Please provide a new statement id, or remove the "
            "existing statement."
        )
    return PolicyRecord((*old, orjson.dumps(statement).decode()), revision)


def without_statement(policy: PolicyRecord | None, identity: str, revision: str) -> PolicyRecord | None:
    """`policy` without the statement `identity`; None when none is left."""
    if policy is None:
        raise ResourceNotFoundException("No policy is associated with the given resource.")
    left = tuple(text for text in policy.statements if orjson.loads(text)["Sid"] != identity)
    if len(left) == len(policy.statements):
        raise ResourceNotFoundException(f"Statement {identity} is not found in resource policy.")
    return replace(policy, statements=left, revision=revision) if left else None


def function_statement(ref: Ref, req: dict[str, Any]) -> dict[str, Any]:
    """The statement that AddPermission makes of its parameters."""
    conditions: dict[str, dict[str, str]] = {}
    if "SourceArn" in req:
        conditions["ArnLike"] = {"AWS:SourceArn": req["SourceArn"]}
    equal = {
        "AWS:SourceAccount": req.get("SourceAccount"),
        "lambda:EventSourceToken": req.get("EventSourceToken"),
        "lambda:FunctionUrlAuthType": req.get("FunctionUrlAuthType"),
        "aws:PrincipalOrgID": req.get("PrincipalOrgID"),
    }
    if given := {key: value for key, value in equal.items() if value is not None}:
        conditions["StringEquals"] = given
    if "InvokedViaFunctionUrl" in req:
        conditions["Bool"] = {"lambda:InvokedViaFunctionUrl": str(bool(req["InvokedViaFunctionUrl"])).lower()}
    statement: dict[str, Any] = {
        "Sid": req["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(req["Principal"]),
        "Action": req["Action"],
        "Resource": ref.qualified,
    }
    return statement | {"Condition": conditions} if conditions else statement


def layer_statement(arn: str, req: dict[str, Any]) -> dict[str, Any]:
    """The statement that AddLayerVersionPermission makes of its parameters."""
    statement: dict[str, Any] = {
        "Sid": req["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(req["Principal"]),
        "Action": req["Action"],
        "Resource": arn,
    }
    if "OrganizationId" in req:
        statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": req["OrganizationId"]}}
    return statement


def _principal(text: str) -> str | dict[str, str]:
    if text == "*":
        return "*"
    if text.isdigit() and len(text) == 12:
        return {"AWS": f"arn:aws:iam::{text}:root"}
    if _IAM.fullmatch(text):
        return {"AWS": text}
    if _SERVICE.fullmatch(text):
        return {"Service": text}
    raise InvalidParameterValueException(
        "The provided principal was invalid. Please check the principal and try again."
    )


class Answers:
    """What functions' policies say about services. The same question about the same policy is answered once: of each
    call of a function for an API, a third went into that."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._known: dict[tuple[Ref, str, str, str], tuple[PolicyRecord, bool]] = {}

    def service_may_invoke(self, tx: Reader, ref: Ref, principal: str, source: str, account: str) -> bool:
        """Whether the function's policy lets a service in on behalf of `source` (an ARN) of `account`."""
        policy = _record(tx, ref)
        if policy is None:
            return False
        question = (ref, principal, source, account)
        known = self._known.get(question)
        # Records of the same bytes are one object; another object is only asked once more.
        if known is not None and known[0] is policy:
            return known[1]
        answer = self._ask(tx, policy, question)
        if len(self._known) >= ANSWERS_MAX:
            self._known.clear()
        self._known[question] = (policy, answer)
        return answer

    def _ask(self, tx: Reader, policy: PolicyRecord, question: tuple[Ref, str, str, str]) -> bool:
        ref, principal, source, account = question
        # Nothing else may be told to the guard: its answer is kept for as long as the policy is the same.
        conditions = {"aws:sourcearn": source, "aws:sourceaccount": account}
        name, _, domain = principal.partition(".")
        # AWS knows some services under the name of their region too, and lets either in.
        for asking in (principal, f"{name}.{ref.region}.{domain}"):
            caller = service_caller(asking, ref.account)
            decision = self._cloud.guard.decide(
                tx, caller, "lambda:InvokeFunction", ref.qualified, conditions, document(policy), ref.account
            )
            if decision.allowed:
                return True
            if decision.explicit:
                return False
        return False
