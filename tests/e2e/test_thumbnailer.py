"""One picture all the way through: uploaded, made small by a function in a sandbox, found again."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from .node import ACCOUNT, REGION, ROOT, RUNTIME, Node, eventually

pytestmark = pytest.mark.e2e
APP = ROOT / "apps" / "thumbnailer"
STACK = "thumbs"
SOURCE = f"{STACK}-source-{ACCOUNT}-{REGION}"
DESTINATION = f"{STACK}-thumbnails-{ACCOUNT}-{REGION}"
PHOTOGRAPH = (APP / "photos" / "cat.jpg").read_bytes()


@pytest.fixture(scope="module")
def deployed(node: Node) -> Node:
    """The application, deployed by `lambent deploy`."""
    done = node.run("lambent", "deploy", str(APP), "--stack-name", STACK, "--parameter", f"Runtime={RUNTIME}")
    assert SOURCE in done.stdout
    return node


def thumbnail(node: Node, key: str) -> Image.Image:
    s3 = node.client("s3")

    def look() -> bytes | None:
        try:
            body: bytes = s3.get_object(Bucket=DESTINATION, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            return None
        return body

    return Image.open(io.BytesIO(eventually(look)))


def log_lines(node: Node, text: str) -> list[str]:
    """The function's log lines that hold `text`, once there are any."""
    logs = node.client("logs")

    def look() -> list[str]:
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{STACK}-thumbnail")["events"]
        return [event["message"] for event in events if text in event["message"]]

    return eventually(look)


def test_a_photograph_comes_back_as_a_thumbnail(deployed: Node) -> None:
    deployed.client("s3").put_object(Bucket=SOURCE, Key="raw/cat.jpg", Body=PHOTOGRAPH)
    assert thumbnail(deployed, "thumbnails/cat.jpg").size == (128, 85)
    report = log_lines(deployed, "REPORT RequestId")[0]
    assert "Memory Size: 512 MB" in report
    assert "Init Duration" in report


def test_the_aws_cli_uploads_and_downloads(deployed: Node, tmp_path: Path) -> None:
    photograph = str(APP / "photos" / "cat.jpg")
    deployed.run("aws", "s3", "cp", "--no-progress", photograph, f"s3://{SOURCE}/raw/from the cli.jpg")
    assert thumbnail(deployed, "thumbnails/from the cli.jpg").size == (128, 85)
    deployed.run("aws", "s3", "sync", "--no-progress", f"s3://{DESTINATION}", str(tmp_path))
    assert (tmp_path / "thumbnails" / "from the cli.jpg").stat().st_size > 1000


def test_what_is_outside_the_prefix_starts_nothing(deployed: Node) -> None:
    s3 = deployed.client("s3")
    s3.put_object(Bucket=SOURCE, Key="elsewhere/cat.jpg", Body=PHOTOGRAPH)
    s3.put_object(Bucket=SOURCE, Key="raw/after.jpg", Body=PHOTOGRAPH)
    thumbnail(deployed, "thumbnails/after.jpg")
    assert not [line for line in log_lines(deployed, "results") if "elsewhere" in line]


def test_a_missing_permission_is_denied_by_name_and_the_event_waits_for_its_retry(deployed: Node) -> None:
    iam, s3 = deployed.client("iam"), deployed.client("s3")
    role = deployed.client("lambda").get_function_configuration(FunctionName=f"{STACK}-thumbnail")["Role"]
    name = role.rsplit("/", 1)[1]
    document = iam.get_role_policy(RoleName=name, PolicyName="ReadPictures")["PolicyDocument"]
    iam.delete_role_policy(RoleName=name, PolicyName="ReadPictures")
    try:
        s3.put_object(Bucket=SOURCE, Key="raw/denied.jpg", Body=PHOTOGRAPH)
        line = log_lines(deployed, "AccessDenied")[0]
        assert "s3:GetObject" in line
        assert f"arn:aws:s3:::{SOURCE}/raw/denied.jpg" in line
        assert f"assumed-role/{name}/{STACK}-thumbnail" in line
        assert "no identity-based policy allows the s3:GetObject action" in line
    finally:
        iam.put_role_policy(RoleName=name, PolicyName="ReadPictures", PolicyDocument=json.dumps(document))


def test_a_second_deployment_changes_nothing(deployed: Node) -> None:
    done = deployed.run("lambent", "deploy", str(APP), "--stack-name", STACK, "--parameter", f"Runtime={RUNTIME}")
    assert "nothing has changed" in done.stdout


def test_sam_deploys_the_application_unchanged(node: Node, tmp_path: Path, sam: str) -> None:
    overrides = ("--parameter-overrides", f"Runtime={RUNTIME}")
    built = tmp_path / "build"
    node.run(sam, "build", "--template", str(APP / "template.yaml"), "--build-dir", str(built), *overrides)
    options = ("--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-progressbar")
    template = str(built / "template.yaml")
    node.run(sam, "deploy", "--template", template, "--stack-name", "by-sam", *options, *overrides)
    bucket = f"by-sam-source-{ACCOUNT}-{REGION}"
    s3 = node.client("s3")
    s3.put_object(Bucket=bucket, Key="raw/cat.jpg", Body=PHOTOGRAPH)
    thumbs = f"by-sam-thumbnails-{ACCOUNT}-{REGION}"
    eventually(lambda: s3.list_objects_v2(Bucket=thumbs).get("Contents"))
    for name in (bucket, thumbs):
        node.run("aws", "s3", "rm", "--recursive", f"s3://{name}")
    node.run(sam, "delete", "--stack-name", "by-sam", "--no-prompts", "--region", REGION)
    with pytest.raises(s3.exceptions.ClientError):
        s3.head_bucket(Bucket=bucket)


def test_the_aws_cli_deploys_a_packaged_template(node: Node, tmp_path: Path) -> None:
    node.client("s3").create_bucket(Bucket="packages")
    packaged = tmp_path / "packaged.yaml"
    template = str(APP / "template.yaml")
    common = ("--s3-bucket", "packages", "--output-template-file", str(packaged))
    node.run("aws", "cloudformation", "package", "--template-file", template, *common)
    options = ("--capabilities", "CAPABILITY_IAM", "--parameter-overrides", f"Runtime={RUNTIME}")
    deploy = ("aws", "cloudformation", "deploy", "--template-file", str(packaged), "--stack-name", "by-cli", *options)
    assert "Successfully created/updated stack" in node.run(*deploy).stdout
    assert "No changes to deploy" in node.run(*deploy, "--no-fail-on-empty-changeset").stdout
    node.run("aws", "cloudformation", "delete-stack", "--stack-name", "by-cli")
    node.run("aws", "cloudformation", "wait", "stack-delete-complete", "--stack-name", "by-cli")
