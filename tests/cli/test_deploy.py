"""What `lambent deploy` asks of CloudFormation, and when it does not even ask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lambent.cli import deploy
from lambent.cli.common import Failure

AT = "http://127.0.0.1:1"


class Recorded:
    """Clients of all services in one: they record their calls and answer what the test says."""

    def __init__(self, status: str) -> None:
        self.status = status
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.exceptions = type("Exceptions", (), {"ClientError": RuntimeError})

    def __getattr__(self, name: str) -> Any:
        def call(**given: Any) -> dict[str, Any]:
            self.calls.append((name, given))
            return {
                "describe_stacks": {"Stacks": [{"StackStatus": self.status, "Outputs": []}]},
                "create_change_set": {"Id": "c", "StackId": "s"},
                "describe_change_set": {"Status": "FAILED", "StatusReason": "No updates are to be performed."},
                "get_caller_identity": {"Account": "000000000000"},
            }.get(name, {})

        return call


def deployed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str, status: str = "UPDATE_COMPLETE") -> Recorded:
    clients = Recorded(status)
    monkeypatch.setattr(deploy, "client", lambda *_: clients)
    (tmp_path / "template.yaml").write_text(body)
    deploy.deploy_template(tmp_path, "s", {}, AT, "us-east-1")
    return clients


def test_a_template_goes_along_with_the_request(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clients = deployed(monkeypatch, tmp_path, "Resources: {Q: {Type: AWS::SQS::Queue}}")
    asked = dict(clients.calls)["create_change_set"]
    assert json.loads(asked["TemplateBody"]) == {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}
    assert "TemplateURL" not in asked


def test_a_template_too_large_for_a_request_goes_through_a_bucket(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    body = json.dumps({"Description": "é" * 30_000, "Resources": {"Q": {"Type": "AWS::SQS::Queue"}}})
    calls = dict(deployed(monkeypatch, tmp_path, body).calls)
    put, asked = calls["put_object"], calls["create_change_set"]
    assert json.loads(put["Body"]) == json.loads(body)
    assert asked["TemplateURL"] == f"{AT}/{put['Bucket']}/{put['Key']}"
    assert "TemplateBody" not in asked


def test_what_is_left_of_a_failed_creation_must_be_deleted_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(Failure, match="lambent destroy --stack-name s"):
        deployed(monkeypatch, tmp_path, "Resources: {Q: {Type: AWS::SQS::Queue}}", "ROLLBACK_COMPLETE")
