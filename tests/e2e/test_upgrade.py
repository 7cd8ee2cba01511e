"""A cloud that the last release wrote (tests/releases) goes on under this one, on its folder and on PostgreSQL."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.node import Node
from tests.kv.postgres_cluster import find_binaries, started

RELEASE = Path(__file__).parents[1] / "releases" / "0.1.0.tar.xz"

pytestmark = pytest.mark.e2e


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data folder as the last release left it."""
    with tarfile.open(RELEASE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "cloud"


@pytest.fixture(params=["embedded", "postgres"])
def upgraded(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Iterator[Node]:
    """This release on what the last one wrote."""
    if request.param == "embedded":
        node = Node(folder).start()
        yield node
        node.stop()
        return
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    with started(binaries) as cluster:
        url = cluster.schema()
        node = Node(tmp_path / "node", "--store", url)
        node.run("lambent", "copy", "--from", str(folder), "--to", url)
        yield node.start()
        node.stop()


def test_everything_the_last_release_wrote_is_read_and_goes_on(upgraded: Node, folder: Path) -> None:
    known = json.loads((folder / "known.json").read_text())
    _check_s3(upgraded.client("s3"), known["upload"])
    _check_iam(upgraded, *known["user"])
    _check_lambda(upgraded.client("lambda"))
    logs = upgraded.client("logs")
    events = logs.get_log_events(logGroupName="/app", logStreamName="one", startFromHead=True)["events"]
    assert [event["message"] for event in events] == ["line 0", "line 1", "line 2"]
    cloudformation = upgraded.client("cloudformation")
    stack = cloudformation.describe_stacks(StackName="stack")["Stacks"][0]
    assert (stack["StackStatus"], stack["Outputs"][0]["OutputValue"]) == ("CREATE_COMPLETE", "boxed")
    cloudformation.delete_stack(StackName="stack")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="stack", WaiterConfig={"Delay": 1})


def _check_s3(s3: Any, upload: str) -> None:
    versions = s3.list_object_versions(Bucket="shelf")
    assert [version["Key"] for version in versions["Versions"]] == ["a/small", "a/small", "gone", "large"]
    assert [marker["Key"] for marker in versions["DeleteMarkers"]] == ["gone"]
    small = s3.get_object(Bucket="shelf", Key="a/small")
    assert (small["Body"].read(), small.get("TagCount", 0)) == (b"two", 0)
    first = versions["Versions"][1]["VersionId"]
    old = s3.get_object(Bucket="shelf", Key="a/small", VersionId=first)
    assert (old["Body"].read(), old["Metadata"], old["TagCount"]) == (b"one", {"k": "v"}, 1)
    assert s3.get_object(Bucket="shelf", Key="large", ChecksumMode="ENABLED")["Body"].read() == b"L" * 100_000
    part = s3.list_parts(Bucket="shelf", Key="parts", UploadId=upload)["Parts"][0]
    s3.complete_multipart_upload(
        Bucket="shelf",
        Key="parts",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    assert s3.get_object(Bucket="shelf", Key="parts")["Body"].read() == b"P" * 1000
    assert s3.get_bucket_cors(Bucket="shelf")["CORSRules"]
    assert "111111111111" in s3.get_bucket_policy(Bucket="shelf")["Policy"]


def _check_iam(node: Node, key: str, secret: str) -> None:
    theirs = node.client("s3", key, secret)
    assert {bucket["Name"] for bucket in theirs.list_buckets()["Buckets"]} == {"boxed", "shelf"}
    with pytest.raises(theirs.exceptions.ClientError, match="AccessDenied"):
        theirs.get_object(Bucket="shelf", Key="large")
    iam = node.client("iam")
    details = iam.get_account_authorization_details()
    assert [user["UserName"] for user in details["UserDetailList"]] == ["ada"]
    assert [group["GroupName"] for group in details["GroupDetailList"]] == ["readers"]
    assert iam.get_instance_profile(InstanceProfileName="box")["InstanceProfile"]["Roles"][0]["RoleName"] == "runner"


def _check_lambda(functions: Any) -> None:
    hello = functions.get_function(FunctionName="hello", Qualifier="live")
    assert hello["Configuration"]["Environment"]["Variables"] == {"AB": "1"}
    assert hello["Configuration"]["Layers"]
    assert json.loads(functions.invoke(FunctionName="hello")["Payload"].read()) == "hello"
    # The event that waits since the last release is delivered as soon as the function may run.
    functions.delete_function_concurrency(FunctionName="never")
