"""What is refused when a policy is stored, and in which words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.policy import MalformedPolicyDocument, parse_document

from .helpers import allow, document

TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
PUBLIC = allow("s3:GetObject", "arn:aws:s3:::b/*", Principal="*")


def without(statement: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in statement.items() if key not in keys}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("identity", document(allow())),
        ("identity", json.dumps({"Version": "2012-10-17", "Statement": allow()})),
        ("identity", document(allow(["s3:*", "sqs:Send*"], ["arn:aws:s3:::b", "*"], Sid="One1"), allow(Sid=""))),
        ("identity", document(allow(resource="arn:aws:dynamodb:*:*:table/${aws:username}"))),
        ("identity", document(allow(Condition={"ForAnyValue:StringLike": {"aws:TagKeys": ["a", "b"]}}))),
        ("identity", document(allow(Condition={"Bool": {"aws:SecureTransport": True}}))),
        ("identity", document(allow(resource="arn:aws:s3:us-east-1:111111111111:accesspoint/x"))),
        ("identity", json.dumps({"Statement": [allow()]})),
        ("resource", document({**PUBLIC, "Sid": "with spaces & signs"})),
        ("resource", json.dumps({"Version": "2008-10-17", "Id": "x", "Statement": [PUBLIC]})),
        ("trust", document(TRUST)),
        ("trust", document({**TRUST, "Action": ["sts:AssumeRole", "sts:TagSession"], "Principal": {"AWS": "1" * 12}})),
        ("trust", document({**TRUST, "Principal": {"AWS": ["*", "arn:aws:iam::111111111111:role/a/b"]}})),
    ],
)
def test_accepted(kind: Any, text: str) -> None:
    assert parse_document(text, kind).statements


IDENTITY_SYNTAX = "Syntax errors in policy."
REFUSED: list[tuple[str, str, str]] = [
    ("identity", "{", IDENTITY_SYNTAX),
    ("identity", "[]", IDENTITY_SYNTAX),
    ("identity", "[" * 100_000, IDENTITY_SYNTAX),
    ("identity", '{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}', IDENTITY_SYNTAX),
    ("identity", json.dumps({"Version": "2012-10-17"}), IDENTITY_SYNTAX),
    ("identity", document(), IDENTITY_SYNTAX),
    ("identity", document(allow(), version="2012-10-18"), IDENTITY_SYNTAX),
    ("identity", document(allow(Principal="*")), "Policy document should not specify a principal."),
    ("identity", document(allow(Colour="red")), IDENTITY_SYNTAX),
    ("identity", document({**allow(), "Effect": "allow"}), IDENTITY_SYNTAX),
    ("identity", document(without(allow(), "Effect")), IDENTITY_SYNTAX),
    ("identity", document(without(allow(), "Action")), "Policy statement must contain actions."),
    ("identity", document(allow([])), "Policy statement must contain actions."),
    ("identity", document(without(allow(), "Resource")), "Policy statement must contain resources."),
    ("identity", document(allow("GetObject")),
     "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
    ("identity", document(allow("s_3:GetObject")), "Vendor s_3 is not valid"),
    ("identity", document(allow("s3:Get:Object")), "Actions/Condition can contain only one colon. s3:Get:Object"),
    ("identity", document(allow(NotAction="s3:*")), IDENTITY_SYNTAX),
    ("identity", document(allow(resource="bucket")), 'Resource bucket must be in ARN format or "*".'),
    ("identity", document(allow(resource="")), 'Resource  must be in ARN format or "*".'),
    ("identity", document(allow(resource="arn:aws:sqs:q")), 'Resource arn:aws:sqs:q must be in ARN format or "*".'),
    ("identity", document(allow(resource="arn:earth:s3:::b")),
     'Partition "earth" is not valid for resource "arn:earth:s3:::b".'),
    ("identity", document(allow(resource="arn:aws:s?:::b")),
     "Resource vendor must be fully qualified and cannot contain regexes."),
    ("identity", document(allow(resource="arn:aws:iam:us-east-1:111111111111:role/r")),
     "IAM resource arn:aws:iam:us-east-1:111111111111:role/r cannot contain region information."),
    ("identity", document(allow(resource="arn:aws:s3:::b/${aws:username")), "The policy failed legacy parsing"),
    ("identity", document(allow(Sid="a b")), "Statement IDs (SID) must be alpha-numeric. Check that your input "
     "satisfies the regular expression [0-9A-Za-z]*"),
    ("identity", document(allow(Sid="a"), allow(Sid="a")), "Statement IDs (SID) in a single policy must be unique."),
    ("identity", document(allow(Condition={"StringIs": {"a:b": "c"}})), "Invalid Condition type : StringIs"),
    ("identity", document(allow(Condition={"Most:StringLike": {"a:b": "c"}})),
     "Invalid Condition type : Most:StringLike"),
    ("identity", document(allow(Condition={"StringLike": {"plain": "c"}})),
     "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
    ("identity", document(allow(Condition={"StringLike": "c"})), IDENTITY_SYNTAX),
    ("identity", document(allow(Condition={"StringLike": {"a:b": {"c": "d"}}})), IDENTITY_SYNTAX),
    ("identity", document(allow(Condition={"NumericEquals": {"a:b": "ten"}})),
     "Invalid value 'ten' for Condition type : NumericEquals"),
    ("trust", "nonsense", "This policy contains invalid Json"),
    ("trust", document({**TRUST, "Resource": "*"}), "Has prohibited field Resource"),
    ("trust", document(without(TRUST, "Principal")), "Missing required field Principal"),
    ("trust", document(without(TRUST, "Action")), "Missing required field Action"),
    ("trust", document({**TRUST, "Action": "s3:*"}), "AssumeRole policy may only specify STS AssumeRole actions."),
    ("trust", document({**TRUST, "Principal": {"AWS": "somebody"}}), 'Invalid principal in policy: "AWS":"somebody"'),
    ("trust", document({**TRUST, "Principal": {"Robot": "x"}}), 'Invalid principal in policy: "Robot":"x"'),
    ("trust", document({**TRUST, "Principal": []}), "Invalid principal in policy: []"),
    ("resource", document(without(PUBLIC, "Principal")), "Missing required field Principal"),
    ("resource", document(without(PUBLIC, "Resource")), "Missing required field Resource"),
    ("resource", document(without(PUBLIC, "Effect")), "Missing required field Effect"),
    ("resource", document({**PUBLIC, "Effect": "Perhaps"}), "Invalid effect: Perhaps"),
    ("resource", document({**PUBLIC, "Colour": "red"}), "Unknown field Colour"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "message"), REFUSED)
def test_refused(kind: Any, text: str, message: str) -> None:
    with pytest.raises(MalformedPolicyDocument) as caught:
        parse_document(text, kind)
    assert caught.value.message == message
    assert caught.value.code == "MalformedPolicyDocument"
