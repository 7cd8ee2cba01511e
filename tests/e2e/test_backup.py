"""Backup, restore and copy as users have them: real nodes, boto3 before and after, and everything that can go wrong."""

from __future__ import annotations

import os
import re
import resource
import signal
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from tests.blobs.seaweed import Seaweed, find_binary
from tests.blobs.seaweed import started as started_seaweed
from tests.kv.postgres_cluster import Cluster, find_binaries, started

from .node import ACCOUNT, BIN, Node, eventually
from .test_iam import allow, document
from .test_lambda import create, invoke

pytestmark = pytest.mark.e2e
HELLO = 'def handler(event, context):\n    return {"hello": event["name"]}\n'
PART = 5 * 1024 * 1024


class Expected(NamedTuple):
    """What a cloud holds: objects by key (bucket "shelf"), and a user's keys."""

    objects: dict[str, bytes]
    versions: list[str]
    key: str
    secret: str


def fill(node: Node) -> Expected:
    """Some of everything."""
    s3, iam = node.client("s3"), node.client("iam")
    s3.create_bucket(Bucket="shelf")
    s3.put_bucket_versioning(Bucket="shelf", VersioningConfiguration={"Status": "Enabled"})
    objects = {f"small/{number}": os.urandom(number * 37) for number in range(60)}
    objects["large ü"] = os.urandom(3_000_000)
    for key, body in objects.items():
        s3.put_object(Bucket="shelf", Key=key, Body=body, Metadata={"note": "kept"}, ContentType="text/x-test")
    s3.put_object(Bucket="shelf", Key="small/1", Body=b"a second version")
    objects["small/1"] = b"a second version"
    objects["parts"] = os.urandom(PART + 1000)
    upload = s3.create_multipart_upload(Bucket="shelf", Key="parts")["UploadId"]
    halves = (objects["parts"][:PART], objects["parts"][PART:])
    done = [
        s3.upload_part(Bucket="shelf", Key="parts", UploadId=upload, PartNumber=number, Body=half)["ETag"]
        for number, half in enumerate(halves, 1)
    ]
    parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(done, 1)]
    s3.complete_multipart_upload(Bucket="shelf", Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
    versions = [each["VersionId"] for each in s3.list_object_versions(Bucket="shelf")["Versions"]]
    create(node, "hello", HELLO)
    iam.create_user(UserName="reader")
    iam.put_user_policy(UserName="reader", PolicyName="p", PolicyDocument=document(allow("s3:GetObject")))
    pair = iam.create_access_key(UserName="reader")["AccessKey"]
    return Expected(objects, versions, pair["AccessKeyId"], pair["SecretAccessKey"])


def check(node: Node, expected: Expected) -> None:
    """All of it is there, and works."""
    s3 = node.client("s3")
    for key, body in expected.objects.items():
        assert s3.get_object(Bucket="shelf", Key=key)["Body"].read() == body, key
    assert s3.head_object(Bucket="shelf", Key="small/2")["Metadata"] == {"note": "kept"}
    assert [each["VersionId"] for each in s3.list_object_versions(Bucket="shelf")["Versions"]] == expected.versions
    assert invoke(node, "hello", {"name": "again"})[:2] == ({"hello": "again"}, "")
    reader = {"key": expected.key, "secret": expected.secret}
    assert node.client("sts", **reader).get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/reader"
    assert node.client("s3", **reader).get_object(Bucket="shelf", Key="small/2")["Body"].read()
    with pytest.raises(ClientError, match="AccessDenied"):
        node.client("s3", **reader).delete_object(Bucket="shelf", Key="small/2")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        node.client("sts", key=expected.key, secret="x" * 40).get_caller_identity()


def lambent(node: Node, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return node.run("lambent", *map(str, arguments), **options)


def refused(node: Node, *arguments: str | Path) -> str:
    """The one line that a command fails with."""
    done = lambent(node, *arguments, check=False)
    assert done.returncode == 1, done.stdout
    assert done.stderr.startswith("lambent: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_symlink())


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Node]:
    node = Node(folder, *options).start()
    yield node
    assert node.stop() == 0, node.log()


@contextmanager
def writing(node: Node) -> Iterator[list[str]]:
    """Objects are written, overwritten and deleted all the time; gives the keys that are acknowledged and stay."""
    kept: list[str] = []
    stop = threading.Event()

    def write() -> None:
        s3 = node.client("s3")
        s3.create_bucket(Bucket="storm")
        for number in range(1_000_000):
            if stop.is_set():
                return
            s3.put_object(Bucket="storm", Key=f"kept-{number}", Body=f"{number}".encode() * 100)
            kept.append(f"kept-{number}")
            s3.put_object(Bucket="storm", Key="again", Body=os.urandom(2000))
            s3.put_object(Bucket="storm", Key=f"gone-{number % 5}", Body=os.urandom(2000))
            s3.delete_object(Bucket="storm", Key=f"gone-{(number + 1) % 5}")

    thread = threading.Thread(target=write)
    thread.start()
    eventually(lambda: len(kept) > 10)
    yield kept
    stop.set()
    thread.join()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    with started(binaries) as server:
        yield server


def test_a_running_cloud_comes_back_from_its_backup(tmp_path: Path) -> None:
    file = tmp_path / "cloud.backup"
    with running(tmp_path / "first") as node:
        assert stat.S_IMODE((node.folder / "control.sock").stat().st_mode) == 0o600
        expected = fill(node)
        with writing(node) as kept:
            for _ in range(3):
                acknowledged = list(kept)
                said = lambent(node, "backup", file).stdout
        assert re.fullmatch(rf"backed up [\d,]+ keys, [\d,]+ blobs, [\d.]+ MB of bodies in [\d.]+ s to {file}\n", said)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    second = Node(tmp_path / "second")
    said = lambent(second, "restore", file, "--data", second.folder).stdout
    assert said.startswith("restored ")
    with running(second.folder) as node:
        check(node, expected)
        s3 = node.client("s3")
        found = [
            each["Key"]
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket="storm")
            for each in page["Contents"]
        ]
        assert set(acknowledged) <= set(found)
        for key in found:
            body = s3.get_object(Bucket="storm", Key=key)["Body"].read()
            assert body == key.removeprefix("kept-").encode() * 100 if key.startswith("kept-") else len(body) == 2000
        s3.put_object(Bucket="shelf", Key="new", Body=b"it goes on")
    assert not (second.folder / "restoring").exists()
    assert not (second.folder / "control.sock").exists()


def test_a_stopped_cloud_passes_through_a_pipe(tmp_path: Path) -> None:
    first, second = Node(tmp_path / "first"), Node(tmp_path / "second")
    with running(first.folder) as node:
        expected = fill(node)
    lambent(first, "backup", tmp_path / "file")
    command = f"{BIN}/lambent backup - --data {first.folder} | {BIN}/lambent restore - --data {second.folder}"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("restored ")
    assert done.stderr.startswith("backed up ")
    with running(second.folder) as node:
        check(node, expected)
    with running(first.folder) as node:
        check(node, expected)


@pytest.fixture(scope="module")
def seaweed() -> Iterator[Seaweed]:
    binary = find_binary()
    if binary is None:
        pytest.skip("SeaweedFS (weed) is not installed")
    with started_seaweed(binary) as server:
        yield server


def test_bodies_move_between_a_store_and_a_bucket(tmp_path: Path, cluster: Cluster, seaweed: Seaweed) -> None:
    url, other, file = cluster.schema(), cluster.schema(), tmp_path / "file"
    bucket = seaweed.bucket_url("bodies")
    with running(tmp_path / "first") as node:
        expected = fill(node)
        lambent(node, "copy", "--from", node.folder, "--to", url, "--to-blobs", bucket)
    with running(tmp_path / "one", "--store", url, "--blobs", bucket) as node:
        check(node, expected)
        assert "belongs to another cloud" in refused(
            node, "copy", "--from", url, "--from-blobs", bucket, "--to", other, "--to-blobs", bucket
        )
        lambent(node, "copy", "--from", url, "--from-blobs", bucket, "--to", other)
        with writing(node) as kept:
            acknowledged = list(kept)
            lambent(node, "backup", file, "--store", url, "--blobs", bucket)
    with running(tmp_path / "two", "--store", other) as node:
        check(node, expected)
    lambent(node, "restore", file, "--store", cluster.schema(), "--blobs", seaweed.bucket_url("others/below"))
    lambent(node, "restore", file, "--data", tmp_path / "back")
    with running(tmp_path / "back") as node:
        check(node, expected)
        for key in acknowledged:
            assert node.client("s3").get_object(Bucket="storm", Key=key)["Body"].read()


def test_a_cloud_moves_to_postgres_and_back(tmp_path: Path, cluster: Cluster) -> None:
    url, file = cluster.schema(), tmp_path / "cloud.backup"
    with running(tmp_path / "first") as node:
        expected = fill(node)
        assert lambent(node, "copy", "--from", node.folder, "--to", url).stdout.startswith("copied ")
        assert "the store is not empty" in refused(node, "copy", "--from", node.folder, "--to", url)
        assert "the store is not empty" in refused(node, "restore", "/dev/null", "--store", url)
    with running(tmp_path / "one", "--store", url) as one, running(tmp_path / "two", "--store", url) as two:
        check(one, expected)
        check(two, expected)
        with writing(two) as kept:
            acknowledged = list(kept)
            said = lambent(one, "backup", file, "--store", url).stdout
            assert said.startswith("backed up ")
            assert "postgresql://" not in said
    back = Node(tmp_path / "back")
    lambent(back, "restore", file, "--data", back.folder)
    lambent(back, "copy", "--from", back.folder, "--to", tmp_path / "further")
    with running(tmp_path / "further") as node:
        check(node, expected)
        for key in acknowledged:
            assert node.client("s3").head_object(Bucket="storm", Key=key)["ContentLength"] > 0


def test_what_cannot_be_is_one_line_and_nothing_written(tmp_path: Path) -> None:
    node, file = Node(tmp_path / "cloud"), tmp_path / "file"
    empty = Node(tmp_path / "empty")
    assert "there is no cloud in" in refused(node, "backup", file, "--data", tmp_path / "empty")
    with running(node.folder):
        lambent(node, "backup", file)
        assert "holds a cloud" in refused(node, "restore", file)
        assert "No such file or directory" in refused(node, "backup", tmp_path / "no" / "file")
        assert "not a file" in refused(node, "backup", "/dev/null")
    before = listing(node.folder)
    assert "holds a cloud" in refused(node, "restore", file)
    assert listing(node.folder) == before
    assert "No such file or directory" in refused(empty, "restore", tmp_path / "nothing")
    assert "unknown store" in refused(empty, "backup", file, "--store", "mysql://localhost/x")
    assert "cannot be reached" in refused(empty, "backup", file, "--store", "postgresql://me:secret@127.0.0.1:1/x")
    assert "--blobs goes with --store" in refused(empty, "restore", file, "--blobs", "s3://x")
    assert "the same place" in refused(empty, "copy", "--from", node.folder, "--to", node.folder)
    data = file.read_bytes()
    for damaged, said in (
        (data[: len(data) // 2], "ends before it is complete"),
        (data[:-1], "ends before it is complete"),
        (data[:100] + bytes([data[100] ^ 1]) + data[101:], "at byte"),
        (data.replace(b"lambent-backup 1\n", b"lambent-backup 2\n"), "has format 2"),
        (b"PK" + data, "not a backup"),
        (b"", "ends before it is complete"),
    ):
        (tmp_path / "damaged").write_bytes(damaged)
        assert said in refused(empty, "restore", tmp_path / "damaged")
        assert listing(empty.folder) == []
    assert not list(tmp_path.glob("*.partial"))


def large(node: Node, megabytes: int) -> None:
    s3 = node.client("s3")
    s3.create_bucket(Bucket="large")
    for number in range(megabytes // 16):
        s3.put_object(Bucket="large", Key=str(number), Body=os.urandom(16 << 20))


def test_a_backup_that_is_killed_leaves_no_file_and_the_node_unharmed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    partial = tmp_path / "file.partial"
    with running(tmp_path / "cloud") as node:
        large(node, 192)
        command = [str(BIN / "lambent"), "backup", str(file)]
        killed = subprocess.Popen(command, env=node.environment(), stdout=subprocess.DEVNULL)
        eventually(lambda: partial.exists() and partial.stat().st_size > 0)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert not file.exists()
        assert node.client("s3").head_object(Bucket="large", Key="0")["ContentLength"] == 16 << 20
        # A reader that is stuck does not hold the node up, not even when it stops.
        stuck = subprocess.Popen([*command[:2], "-"], env=node.environment(), stdout=subprocess.PIPE)
        assert stuck.stdout is not None
        stuck.stdout.read(1000)
        node.client("s3").put_object(Bucket="large", Key="new", Body=b"served")
        # A node that is busy sees a little later that somebody is gone.
        eventually(lambda: lambent(node, "backup", file, check=False).returncode == 0)
        assert not partial.exists()
    assert stuck.stdout.read()
    stuck.stdout.close()
    assert stuck.wait(10) == 1


def test_a_restore_that_is_killed_leaves_no_cloud(tmp_path: Path, cluster: Cluster) -> None:
    file, node, url = tmp_path / "file", Node(tmp_path / "second"), cluster.schema()
    with running(tmp_path / "first") as first:
        large(first, 192)
        lambent(first, "backup", file)

    def kill(look: Callable[[], object], *place: str | Path) -> None:
        command = [str(BIN / "lambent"), "restore", str(file), *map(str, place)]
        killed = subprocess.Popen(command, env=node.environment(), stdout=subprocess.DEVNULL)
        eventually(look)
        killed.send_signal(signal.SIGKILL)
        killed.wait()

    kill(lambda: list((node.folder / "restoring").glob("blobs/??/*")), "--data", node.folder)
    assert not (node.folder / "store").exists()
    assert "there is no cloud in" in refused(node, "backup", tmp_path / "other")
    lambent(node, "restore", file)
    with running(node.folder):
        assert node.folder.joinpath("blobs").exists()
    table = re.findall("%3D(t[0-9]+)", url)[0] + ".lambent_kv"
    bodies = rf"SELECT 1 FROM {table} WHERE key >= '\x036b762e626c6f62' AND key < '\x036b762e626c6f63' LIMIT 1"
    kill(lambda: restored(cluster, bodies), "--store", url)
    assert "not complete" in refused(node, "backup", tmp_path / "other", "--store", url)
    assert "one broke off" in refused(node, "restore", file, "--store", url)
    assert "there is no cloud in that store" in refused(node, "backup", tmp_path / "other", "--store", cluster.schema())


def restored(cluster: Cluster, query: str) -> bool:
    """Whether a store has its table, and keys that the query asks for."""
    try:
        return bool(cluster.execute(query))
    except Exception:
        return False


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20 << 20, 20 << 20))

    with running(tmp_path / "cloud") as node:
        large(node, 32)
        full = subprocess.run(
            [BIN / "lambent", "backup", tmp_path / "file"],
            env=node.environment(), preexec_fn=little_room, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (full.returncode, full.stderr.count("\n")) == (1, 1), full.stderr
        assert "File too large" in full.stderr
        assert not list(tmp_path.glob("file*"))


def test_a_node_that_dies_during_its_backup_leaves_no_file(tmp_path: Path) -> None:
    node = Node(tmp_path / "cloud").start()
    large(node, 192)
    command = [str(BIN / "lambent"), "backup", str(tmp_path / "file")]
    backup = subprocess.Popen(command, env=node.environment(), stderr=subprocess.PIPE, text=True)
    eventually(lambda: (tmp_path / "file.partial").exists() and (tmp_path / "file.partial").stat().st_size > 0)
    node.kill()
    said = backup.communicate()[1]
    assert backup.returncode == 1
    assert re.fullmatch("lambent: the backup is damaged: .* ends before it is complete\n", said), said
    assert not list(tmp_path.glob("file*"))
    lambent(node, "backup", tmp_path / "file")  # without a node, past the socket that it left
