"""The book store's template after the SAM transform: who may do what, and who must be signed in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lambent.deploy.template import loader

TEMPLATE = Path(__file__).parents[2] / "apps" / "bookstore" / "template.yaml"
ALLOWED = {
    "ListBooks": {"dynamodb:Scan"},
    "GetBook": {"dynamodb:GetItem"},
    "CreateBook": {"dynamodb:PutItem"},
    "UpdateBook": {"dynamodb:UpdateItem"},
    "DeleteBook": {"dynamodb:DeleteItem", "s3:DeleteObject"},
    "UploadCover": {"dynamodb:GetItem", "s3:PutObject"},
    "DrawPictures": {"s3:GetObject", "s3:PutObject", "dynamodb:UpdateItem"},
}


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    """The template's resources, as they are written."""
    found: dict[str, Any] = loader.load(TEMPLATE.read_text())["Resources"]
    return found


def test_each_function_may_do_its_one_thing(resources: dict[str, Any]) -> None:
    functions = {name: one for name, one in resources.items() if one["Type"] == "AWS::Serverless::Function"}
    assert functions.keys() == ALLOWED.keys()
    for name, function in functions.items():
        statements = [row for policy in function["Properties"]["Policies"] for row in policy["Statement"]]
        assert {row["Action"] for row in statements} == ALLOWED[name], name
        for row in statements:
            text = json.dumps(row["Resource"])
            assert "*" not in text.replace("/uploads/*", "").replace("/pictures/*", ""), name


def test_everyone_may_read_and_who_is_signed_in_may_write(resources: dict[str, Any]) -> None:
    seen = {}
    for function in resources.values():
        for event in function.get("Properties", {}).get("Events", {}).values():
            if event["Type"] == "Api":
                about = event["Properties"]
                seen[about["Method"], about["Path"]] = about.get("Auth", {}).get("Authorizer")
    assert seen == {
        ("GET", "/books"): None,
        ("GET", "/books/{id}"): None,
        ("POST", "/books"): "SignedIn",
        ("PUT", "/books/{id}"): "SignedIn",
        ("DELETE", "/books/{id}"): "SignedIn",
        ("POST", "/books/{id}/cover"): "SignedIn",
    }


def test_nobody_sees_what_was_uploaded(resources: dict[str, Any]) -> None:
    (statement,) = resources["CoversPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Resource"]["Fn::Sub"].endswith("/pictures/*")
    assert statement["Action"] == "s3:GetObject"
