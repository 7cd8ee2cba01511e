"""Which policies decide, in one account and across two."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.contracts.access import AccessRequest, Decision
from lambent.contracts.caller import Caller, Principal
from lambent.policy import explain

from .helpers import ANONYMOUS, AWAY, HOME, ROLE, ROOT, S3, USER, allow, ask, deny

ACCOUNT = {"AWS": HOME}
FEDERATED = Caller(
    kind=Principal.FEDERATED, account=HOME, arn=f"arn:aws:sts::{HOME}:federated-user/bob", user_id=f"{HOME}:bob"
)

# what is asked, allowed?, the kind that decided
CASES: list[tuple[str, dict[str, Any], bool, str]] = [
    ("nothing allows", {}, False, "identity"),
    ("identity allows", {"identity": [allow()]}, True, "identity"),
    ("deny wins", {"identity": [allow(), deny("s3:Get*")]}, False, "identity"),
    ("deny of another action", {"identity": [allow(), deny("s3:Put*")]}, True, "identity"),
    ("root needs no policy", {"caller": ROOT}, True, "root"),
    ("root can be denied by the resource", {"caller": ROOT, "bucket": [deny(Principal="*")]}, False, "resource"),
    ("boundary limits", {"identity": [allow()], "boundary": [allow("sqs:*")]}, False, "boundary"),
    ("boundary agrees", {"identity": [allow()], "boundary": [allow("s3:*")]}, True, "identity"),
    ("boundary grants nothing", {"boundary": [allow()]}, False, "identity"),
    ("boundary denies", {"identity": [allow()], "boundary": [allow(), deny()]}, False, "boundary"),
    ("session limits", {"caller": ROLE, "identity": [allow()], "session": [allow("sqs:*")]}, False, "session"),
    ("session agrees", {"caller": ROLE, "identity": [allow()], "session": [allow("s3:*")]}, True, "identity"),
    ("session denies", {"caller": ROLE, "identity": [allow()], "session": [deny()]}, False, "session"),
    ("every level agrees", {"identity": [allow()], "control": ([allow()], [allow("s3:*")])}, True, "identity"),
    ("one level is silent", {"identity": [allow()], "control": ([allow()], [allow("sqs:*")])}, False,
     "service-control"),
    ("the organization denies root", {"caller": ROOT, "control": ([allow(), deny()],)}, False, "service-control"),
    ("resource names the user", {"bucket": [allow(Principal={"AWS": USER.arn})]}, True, "resource"),
    ("user named: past the boundary", {"bucket": [allow(Principal={"AWS": USER.arn})], "boundary": [allow("sqs:*")]},
     True, "resource"),
    ("boundary's deny holds", {"bucket": [allow(Principal={"AWS": USER.arn})], "boundary": [deny()]}, False,
     "boundary"),
    ("resource names the account", {"bucket": [allow(Principal=ACCOUNT)]}, False, "identity"),
    ("account and identity", {"identity": [allow()], "bucket": [allow(Principal=ACCOUNT)]}, True, "identity"),
    ("resource names the role", {"caller": ROLE, "bucket": [allow(Principal={"AWS": ROLE.role_arn})]}, True,
     "resource"),
    ("role named: boundary holds",
     {"caller": ROLE, "bucket": [allow(Principal={"AWS": ROLE.role_arn})], "boundary": [allow("sqs:*")]}, False,
     "boundary"),
    ("role named: session policy holds",
     {"caller": ROLE, "bucket": [allow(Principal={"AWS": ROLE.role_arn})], "session": [allow("sqs:*")]}, False,
     "session"),
    ("session named: past session policy and boundary",
     {"caller": ROLE, "bucket": [allow(Principal={"AWS": ROLE.arn})], "session": [allow("sqs:*")],
      "boundary": [allow("sqs:*")]}, True, "resource"),
    ("role's unique id", {"caller": ROLE, "bucket": [allow(Principal={"AWS": "AROAAAAAAAAAAAAAAAAA2"})]}, True,
     "resource"),
    ("federated user", {"caller": FEDERATED, "bucket": [allow(Principal={"AWS": FEDERATED.arn})]}, True, "resource"),
    ("another user", {"bucket": [allow(Principal={"AWS": f"arn:aws:iam::{HOME}:user/eve"})]}, False, "identity"),
    ("deny names the account", {"identity": [allow()], "bucket": [deny(Principal=ACCOUNT)]}, False, "resource"),
    ("deny spares by NotPrincipal", {"identity": [allow()], "bucket": [deny(NotPrincipal={"AWS": USER.arn})]}, True,
     "identity"),
    ("deny hits by NotPrincipal", {"identity": [allow()], "bucket": [deny(NotPrincipal={"AWS": ROLE.arn})]}, False,
     "resource"),
    ("NotPrincipal of the account spares only root",
     {"identity": [allow()], "bucket": [deny(NotPrincipal=ACCOUNT)]}, False, "resource"),
    ("NotPrincipal spares root", {"caller": ROOT, "bucket": [deny(NotPrincipal=ACCOUNT)]}, True, "root"),
    ("two accounts: identity alone", {"identity": [allow()], "account": AWAY}, False, "resource"),
    ("two accounts: resource alone", {"bucket": [allow(Principal={"AWS": USER.arn})], "account": AWAY}, False,
     "identity"),
    ("two accounts: both", {"identity": [allow()], "bucket": [allow(Principal=ACCOUNT)], "account": AWAY}, True,
     "identity"),
    ("two accounts: boundary holds",
     {"identity": [allow()], "bucket": [allow(Principal={"AWS": USER.arn})], "account": AWAY,
      "boundary": [allow("sqs:*")]},
     False, "boundary"),
    ("two accounts: root of the other", {"caller": ROOT, "account": AWAY}, False, "resource"),
    ("two accounts: root, invited", {"caller": ROOT, "account": AWAY, "bucket": [allow(Principal=ACCOUNT)]}, True,
     "root"),
    ("service, named", {"caller": S3, "bucket": [allow(Principal={"Service": "s3.amazonaws.com"})]}, True, "resource"),
    ("service, another", {"caller": S3, "bucket": [allow(Principal={"Service": "sns.amazonaws.com"})]}, False,
     "resource"),
    ("service, one of a list",
     {"caller": S3, "bucket": [allow(Principal={"Service": ["sns.amazonaws.com", "s3.amazonaws.com"]})]}, True,
     "resource"),
    ("service without a policy", {"caller": S3, "identity": [allow()]}, False, "resource"),
    ("service, by account", {"caller": S3, "bucket": [allow(Principal=ACCOUNT)]}, False, "resource"),
    ("anonymous, public", {"caller": ANONYMOUS, "bucket": [allow(Principal="*")]}, True, "resource"),
    ("anonymous, public in the long form", {"caller": ANONYMOUS, "bucket": [allow(Principal={"AWS": "*"})]}, True,
     "resource"),
    ("anonymous, private", {"caller": ANONYMOUS, "bucket": [allow(Principal=ACCOUNT)]}, False, "resource"),
    ("trust is required", {"identity": [allow()], "action": "sts:AssumeRole"}, False, "resource"),
    ("trust and permission",
     {"identity": [allow()], "action": "sts:AssumeRole", "bucket": [allow(Principal=ACCOUNT)]}, True, "identity"),
    ("trust by name needs no permission",
     {"action": "sts:AssumeRole", "bucket": [allow(Principal={"AWS": USER.arn})]}, True, "resource"),
    ("no trust is needed elsewhere", {"identity": [allow()], "action": "sts:GetSessionToken"}, True, "identity"),
]  # fmt: skip


@pytest.mark.parametrize(("question", "allowed", "kind"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_which_policy_decides(question: dict[str, Any], allowed: bool, kind: str) -> None:
    decision = ask(**question)
    assert (decision.allowed, decision.kind) == (allowed, kind)


def test_a_decision_names_policy_and_statement() -> None:
    decision = ask(identity=[allow("sqs:*"), allow("s3:*")])
    assert decision == Decision(True, True, "identity", "p", "#1")
    decision = ask(identity=[allow()], bucket=[deny(Principal="*", Sid="NoOne")])
    assert decision == Decision(False, True, "resource", "arn:aws:s3:::b", "NoOne")


def sentence(caller: Caller = USER, action: str = "s3:GetObject", **more: Any) -> str:
    resource = "arn:aws:s3:::b/k" if action.startswith("s3") else "arn:aws:sqs:us-east-1:1:q"
    decision = ask(caller, action=action, resource=resource, **more)
    return explain(AccessRequest(caller, action, resource), decision)


def test_sentences_are_those_of_aws() -> None:
    user = f"User: {USER.arn} is not authorized to perform: "
    assert sentence() == (
        f'{user}s3:GetObject on resource: "arn:aws:s3:::b/k" '
        "because no identity-based policy allows the s3:GetObject action"
    )
    assert sentence(action="sqs:SendMessage", identity=[allow()], boundary=[allow("s3:*")]) == (
        f"{user}sqs:SendMessage on resource: arn:aws:sqs:us-east-1:1:q "
        "because no permissions boundary allows the sqs:SendMessage action"
    )
    assert sentence(identity=[allow(), deny(Sid="DenyAll")]) == (
        f'{user}s3:GetObject on resource: "arn:aws:s3:::b/k" '
        "with an explicit deny in an identity-based policy (denied by statement DenyAll of policy p)"
    )
    assert sentence(action="sts:AssumeRole", identity=[allow()]).endswith(
        "because no role trust policy allows the sts:AssumeRole action"
    )
    assert sentence(ANONYMOUS).startswith("User: anonymous is not")
    assert sentence(identity=[allow()]).endswith("(allowed by statement #0 of policy p)")
    assert "root user" in sentence(ROOT)


def test_keys_about_the_caller_cannot_be_claimed() -> None:
    only_red = [allow(Condition={"StringEquals": {"aws:PrincipalTag/team": "red"}})]
    assert ask(ROLE, only_red).allowed
    assert not ask(ROLE, [allow(Condition={"StringEquals": {"aws:PrincipalTag/Team": "blue"}})],
                   conditions={"aws:principaltag/team": "blue"}).allowed  # fmt: skip


@pytest.mark.parametrize(
    ("caller", "key", "value"),
    [
        (USER, "aws:username", "ada"),
        (USER, "aws:PrincipalType", "User"),
        (USER, "aws:userid", USER.user_id),
        (USER, "aws:PrincipalArn", USER.arn),
        (ROLE, "aws:PrincipalArn", ROLE.role_arn),
        (ROLE, "aws:PrincipalAccount", HOME),
        (ROLE, "aws:TokenIssueTime", "2023-11-14T22:13:20Z"),
        (ROLE, "aws:MultiFactorAuthPresent", "false"),
        (ROLE, "aws:PrincipalIsAWSService", "false"),
        (USER, "aws:ResourceAccount", HOME),
    ],
)
def test_keys_about_the_caller(caller: Caller, key: str, value: str) -> None:
    assert ask(caller, [allow(Condition={"StringEquals": {key: value}})]).allowed


def test_keys_about_a_calling_service() -> None:
    condition = {
        "Bool": {"aws:PrincipalIsAWSService": "true"},
        "StringEquals": {"aws:PrincipalServiceName": S3.service},
    }
    assert ask(S3, bucket=[allow(Principal="*", Condition=condition)]).allowed
    assert not ask(ROLE, bucket=[allow(Principal="*", Condition=condition)]).allowed
