"""The commands, as they are typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from .node import BIN, ROOT, RUNTIME, Node

pytestmark = pytest.mark.e2e
FUNCTION = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: cli-hello
      CodeUri: src/
      Handler: app.handler
      Runtime: {runtime}
"""


def lambent(*arguments: str, data: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LAMBENT_DATA": str(data), "COLUMNS": "200"}
    environment.pop("AWS_ENDPOINT_URL", None)
    command = [str(BIN / "lambent"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_up_in_the_background_status_env_and_down(tmp_path: Path) -> None:
    data = tmp_path / "data"
    up = lambent("up", "--port", "0", "--detach", data=data)
    assert up.returncode == 0, up.stderr
    url = up.stdout.strip().removeprefix("ready ")
    assert url.startswith("http://127.0.0.1:")
    try:
        with urllib.request.urlopen(f"{url}/_lambent/health") as answer:
            health = json.load(answer)
        assert health["status"] == "ok"
        assert health["services"]["s3"]["operations"] > 50
        assert "running" in lambent("status", data=data).stdout
        assert f"export AWS_ENDPOINT_URL={url}" in lambent("env", data=data).stdout
        again = lambent("up", "--port", "0", data=data)
        assert again.returncode == 1
        assert "already runs" in again.stderr
    finally:
        assert "stopped" in lambent("down", data=data).stdout
    assert lambent("status", "--endpoint", url, data=data).returncode == 3


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("up", "--host", "0.0.0.0"), "--auth strict"),
        (("up", "--host", "192.0.2.1", "--auth", "strict"), "cannot listen on 192.0.2.1"),
        (("up", "--data", "/proc/nowhere"), "cannot use the data folder"),
        (("up", "--detach", "--data", "/proc/nowhere"), "cannot use the data folder"),
        (("up", "--tls-key", "key.pem"), "go together"),
        (("deploy", "nowhere.yaml", "--stack-name", "x", "--endpoint", "http://127.0.0.1:1"), "no cloud answers"),
        (("env", "--account", "12"), "12-digit"),
        (("demo", "opera"), "no demonstration called opera"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(tmp_path: Path, arguments: tuple[str, ...], complaint: str) -> None:
    done = lambent(*arguments, data=tmp_path / "data")
    assert done.returncode == 1
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_port_that_is_taken(node: Node, tmp_path: Path) -> None:
    port = node.url.rsplit(":", 1)[1]
    done = lambent("up", "--port", port, data=tmp_path / "data")
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr


def test_two_nodes_cannot_share_a_data_folder(node: Node) -> None:
    (node.folder / "node.json").rename(node.folder / "hidden.json")
    try:
        done = lambent("up", "--port", "0", "--data", str(node.folder), data=node.folder)
    finally:
        (node.folder / "hidden.json").rename(node.folder / "node.json")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "in use" in done.stderr


def test_strict_mode_knows_no_conventional_keys(tmp_path: Path) -> None:
    node = Node(tmp_path / "cloud", "--auth", "strict").start()
    try:
        with pytest.raises(Exception, match="InvalidClientTokenId"):
            node.client("sts").get_caller_identity()
        words = dict(word.split("=", 1) for word in node.said.split() if "=" in word)
        root = node.client("sts", words["AWS_ACCESS_KEY_ID"], words["AWS_SECRET_ACCESS_KEY"])
        assert root.get_caller_identity()["Arn"].endswith(":root")
    finally:
        node.stop()


def test_https_and_http_on_one_port(tmp_path: Path) -> None:
    import ssl

    node = Node(tmp_path / "cloud", "--tls").start()
    try:
        assert node.url.startswith("https://")
        exported = lambent("env", data=node.folder).stdout
        authority = node.folder / "tls" / "authority.pem"
        assert f"export AWS_CA_BUNDLE={authority}" in exported
        context = ssl.create_default_context(cafile=str(authority))
        with urllib.request.urlopen(f"{node.url}/_lambent/health", context=context) as answer:
            assert answer.status == 200
        with urllib.request.urlopen(f"{node.url.replace('https', 'http')}/_lambent/health") as answer:
            assert answer.status == 200
        assert "running" in lambent("status", data=node.folder).stdout
        # What needs the AWS clients too trusts the cloud's own authority, though nobody exported it.
        missing = lambent("invoke", "nobody", data=node.folder)
        assert "Function not found" in missing.stderr, missing.stderr
    finally:
        node.stop()


def test_deploy_invoke_logs_and_destroy(node: Node, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text(
        "def handler(event, context):\n    print('seen', event)\n    return event\n"
    )
    (tmp_path / "template.yaml").write_text(FUNCTION.format(runtime=RUNTIME))
    node.run("lambent", "deploy", str(tmp_path), "--stack-name", "cli")
    done = node.run("lambent", "invoke", "cli-hello", '{"a": 1}')
    assert json.loads(done.stdout) == {"a": 1}
    assert "REPORT RequestId" in done.stderr
    assert "seen {'a': 1}" in node.run("lambent", "logs", "cli-hello").stdout
    assert node.run("lambent", "invoke", "cli-hello", "{", check=False).returncode == 1
    assert "there is no function nobody" in node.run("lambent", "logs", "nobody", check=False).stderr
    assert "DELETE_COMPLETE" in node.run("lambent", "destroy", "--stack-name", "cli").stdout
    assert "there is no stack cli" in node.run("lambent", "destroy", "--stack-name", "cli", check=False).stderr


def test_a_template_of_what_is_not_built_is_refused_by_name(node: Node, tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text("Resources:\n  Q:\n    Type: AWS::Kinesis::Stream\n")
    done = node.run("lambent", "deploy", str(template), "--stack-name", "queue", check=False)
    assert done.returncode == 1
    assert "AWS::Kinesis::Stream" in done.stderr


def test_what_is_not_built_is_named(node: Node) -> None:
    with pytest.raises(Exception, match="kinesis"):
        node.client("kinesis").list_streams()
    with pytest.raises(Exception, match="CreateIdentityProvider"):
        node.client("cognito-idp").create_identity_provider(
            UserPoolId="us-east-1_abcdefghi", ProviderName="x", ProviderType="OIDC", ProviderDetails={}
        )


def test_doctor_says_what_the_machine_has(tmp_path: Path) -> None:
    done = lambent("doctor", data=tmp_path / "data")
    assert done.returncode == 0
    assert RUNTIME in done.stdout
    assert "sandbox" in done.stdout


@pytest.mark.slow
def test_the_wheel_brings_the_applications(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    listing = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", str(wheel)], capture_output=True, text=True, check=True
    ).stdout
    for name in ("lambent/_apps/thumbnailer/template.yaml", "lambent/model/index.json", "lambent/py.typed"):
        assert name in listing


def test_a_note_left_by_a_killed_node_is_not_believed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    # The number belongs to this test by now.
    (data / "node.json").write_text(json.dumps({"pid": os.getpid(), "endpoint": "http://127.0.0.1:1"}))
    assert "no cloud is running" in lambent("down", data=data).stdout
