"""S3 as its users have it: boto3 with its own defaults, the AWS CLI, browsers."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
import random
from pathlib import Path
from typing import Any

import boto3
import botocore
import pytest
import urllib3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from .node import REGION, Node

pytestmark = pytest.mark.e2e
MIB = 1 << 20
KEYS = [
    "a b", "a+b", "a%20b", "a%2Fb", "ü/é", "日本/語.txt", "..", "../etc/passwd", "a/../b", "./x", "/lead", "//lead",
    "a//b", "trail/", "new\nline", "cr\rkey", "tab\tkey", "x&<>'\"y", "q?x=1#f", "a\\b", "{x}[y]^`|", "~*()!",
    "k" * 1024, "😀",
]  # fmt: skip
_numbers = itertools.count()


@pytest.fixture
def bucket(node: Node) -> str:
    """A new bucket."""
    name = f"bucket-{next(_numbers)}"
    node.client("s3").create_bucket(Bucket=name)
    return name


def of_kind(node: Node, **config: Any) -> Any:
    """A client that differs from the usual one in botocore's configuration."""
    options = {"retries": {"max_attempts": 0}, "s3": {"addressing_style": "path"}, **config}
    return boto3.client(
        "s3",
        endpoint_url=node.url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(**options),
    )


def fetch(method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
    """A request as a browser sends it."""
    with urllib3.PoolManager() as pool:
        return pool.request(method, url, redirect=False, retries=False, **options)


def policy(bucket: str, **statement: Any) -> str:
    whole = {"Effect": "Allow", "Principal": "*", "Resource": f"arn:aws:s3:::{bucket}/*", **statement}
    return json.dumps({"Version": "2012-10-17", "Statement": [whole]})


def refused(work: Any, **params: Any) -> dict[str, Any]:
    """The error that a call ends with, with its status."""
    with pytest.raises(ClientError) as caught:
        work(**params)
    response: Any = caught.value.response
    return {**response["Error"], "Status": response["ResponseMetadata"]["HTTPStatusCode"]}


def test_a_large_file_goes_up_and_down_in_parts(node: Node, bucket: str, tmp_path: Path) -> None:
    s3 = node.client("s3")
    (tmp_path / "up").write_bytes(random.Random(1).randbytes(40 * MIB))
    s3.upload_file(str(tmp_path / "up"), bucket, "big", Config=TransferConfig(max_concurrency=8))
    head = s3.head_object(Bucket=bucket, Key="big", ChecksumMode="ENABLED")
    assert (head["ContentLength"], head["ETag"][-3:-1], head["ChecksumType"]) == (40 * MIB, "-5", "COMPOSITE")
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copy")
    s3.download_file(bucket, "copy", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == (tmp_path / "up").read_bytes()


def test_keys_of_every_kind_are_kept_listed_copied_and_deleted(node: Node, bucket: str) -> None:
    s3 = node.client("s3")
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
        s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": key}, MetadataDirective="REPLACE")
    wanted = sorted(KEYS, key=str.encode)
    for operation, member in (
        ("list_objects", "Contents"),
        ("list_objects_v2", "Contents"),
        ("list_object_versions", "Versions"),
    ):
        pages = s3.get_paginator(operation).paginate(Bucket=bucket, PaginationConfig={"PageSize": 5})
        assert [row["Key"] for page in pages for row in page.get(member, [])] == wanted
        parted = s3.get_paginator(operation).paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 3})
        keys, prefixes = [], []
        for page in parted:
            keys += [row["Key"] for row in page.get(member, [])]
            prefixes += [row["Prefix"] for row in page.get("CommonPrefixes", [])]
        assert keys == [key for key in wanted if "/" not in key]
        assert prefixes == list(dict.fromkeys(key[: key.index("/") + 1] for key in wanted if "/" in key))
    done = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in KEYS]})
    assert {row["Key"] for row in done["Deleted"]} == set(KEYS)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    url = of_kind(node).generate_presigned_url("delete_objects", Params={"Bucket": bucket, "Delete": {"Objects": []}})
    assert b"Content-MD5 OR x-amz-checksum-*" in fetch("POST", url, body=b"<Delete/>").data


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums_travel_in_headers_and_trailers_both_ways(node: Node, bucket: str, algorithm: str) -> None:
    s3 = node.client("s3")
    sent = [
        s3.put_object(Bucket=bucket, Key="k", Body=body, ChecksumAlgorithm=algorithm)[f"Checksum{algorithm}"]
        for body in (b"hello world", io.BytesIO(b"hello world"))
    ]
    found = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert {*sent, found[f"Checksum{algorithm}"]} == {sent[0]}
    assert found["Body"].read() == b"hello world"  # which botocore compares
    wrong = base64.b64encode(bytes(len(base64.b64decode(sent[0])))).decode()
    error = refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **{f"Checksum{algorithm}": wrong})
    assert error["Message"] == f"The {algorithm} you specified did not match the calculated checksum."


def test_a_composite_checksum_is_that_of_the_parts(node: Node, bucket: str) -> None:
    s3 = node.client("s3")
    bodies = [b"a" * 5 * MIB, b"end"]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m", ChecksumAlgorithm="SHA256")["UploadId"]
    parts = []
    for number, body in enumerate(bodies, 1):
        known = {"Bucket": bucket, "Key": "m", "UploadId": upload, "PartNumber": number}
        part = s3.upload_part(**known, Body=body, ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]})
    whole = hashlib.sha256(b"".join(hashlib.sha256(body).digest() for body in bodies)).digest()
    done = s3.complete_multipart_upload(Bucket=bucket, Key="m", UploadId=upload, MultipartUpload={"Parts": parts})
    assert done["ChecksumSHA256"] == base64.b64encode(whole).decode() + "-2"
    assert s3.get_object(Bucket=bucket, Key="m", PartNumber=2)["Body"].read() == b"end"


@pytest.mark.parametrize("signature", [None, "s3v4"])
def test_presigned_urls_and_forms_work_as_boto3_makes_them(node: Node, bucket: str, signature: str | None) -> None:
    s3 = of_kind(node, **({"signature_version": signature} if signature else {}))
    key = "d +%é/x"
    put = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": key, "ContentType": "text/plain"})
    assert fetch("PUT", put, body=b"0123456789", headers={"Content-Type": "text/html"}).status == 403
    assert fetch("PUT", put, body=b"0123456789", headers={"Content-Type": "text/plain"}).status == 200
    get = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key, "ResponseContentType": "a/b"})
    found = fetch("GET", get, headers={"Range": "bytes=1-2"})
    assert (found.status, found.data, found.headers["content-type"]) == (206, b"12", "a/b")
    assert b"SignatureDoesNotMatch" in fetch("GET", get.replace("/x?", "/y?")).data

    def post(conditions: list[Any], *, sent: dict[str, str] | None = None, **fields: str) -> urllib3.BaseHTTPResponse:
        form = s3.generate_presigned_post(bucket, "up/${filename}", Fields=fields, Conditions=conditions)
        values = {**form["fields"], **(sent or {}), "file": ("a file.txt", b"0123456789", "text/plain")}
        return fetch("POST", form["url"], fields=values)

    plain = post([])
    assert (plain.status, "x-amz-request-id" in plain.headers) == (204, True)
    assert s3.get_object(Bucket=bucket, Key="up/a file.txt")["Body"].read() == b"0123456789"
    created = post([{"success_action_status": "201"}], success_action_status="201")
    assert created.status == 201
    assert b"<Key>up/a file.txt</Key>" in created.data
    url = "http://example.test/ok?a=1"
    redirected = post([{"success_action_redirect": url}], success_action_redirect=url)
    assert redirected.status == 303
    assert redirected.headers["Location"].startswith(f"{url}&bucket={bucket}&key=up%2Fa%20file.txt&etag=")
    assert b"EntityTooLarge" in post([["content-length-range", 1, 5]]).data
    images = ["starts-with", "$Content-Type", "image/"]
    assert post([images], sent={"Content-Type": "image/png"}).status == 204
    assert b"Policy Condition failed" in post([images], sent={"Content-Type": "text/plain"}).data
    assert b"Extra input fields: x-amz-meta-z" in post([], sent={"x-amz-meta-z": "1"}).data


def test_a_bucket_policy_opens_and_closes(node: Node, bucket: str) -> None:
    s3 = node.client("s3")
    s3.put_object(Bucket=bucket, Key="k", Body=b"public")
    public = policy(bucket, Action="s3:GetObject")
    assert "BlockPublicPolicy" in refused(s3.put_bucket_policy, Bucket=bucket, Policy=public)["Message"]
    assert fetch("GET", f"{node.url}/{bucket}/k").status == 403
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=public)
    assert fetch("GET", f"{node.url}/{bucket}/k").data == b"public"
    assert fetch("GET", f"{node.url}/{bucket}").status == 403
    assert fetch("PUT", f"{node.url}/{bucket}/k", body=b"").status == 403
    unsigned = of_kind(node, signature_version=botocore.UNSIGNED)
    assert unsigned.get_object(Bucket=bucket, Key="k")["Body"].read() == b"public"
    unencrypted = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}}
    closed = policy(bucket, Sid="Encrypted", Effect="Deny", Action="s3:PutObject", Condition=unencrypted)
    s3.put_bucket_policy(Bucket=bucket, Policy=closed)
    message = refused(s3.put_object, Bucket=bucket, Key="k", Body=b"")["Message"]
    assert message.endswith(
        f'is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::{bucket}/k" with an explicit deny in a '
        f"resource-based policy (denied by statement Encrypted of policy arn:aws:s3:::{bucket})"
    )
    s3.put_object(Bucket=bucket, Key="k", Body=b"", ServerSideEncryption="AES256")


def test_a_page_of_another_origin_may_do_what_the_cors_rules_say(node: Node, bucket: str) -> None:
    s3 = node.client("s3")
    rule = {"AllowedOrigins": ["https://*.a.test"], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["x-amz-*"]}
    rules = {"CORSRules": [{**rule, "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 30}]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=rules)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "none"})
    asked = {"Origin": "https://x.a.test", "Access-Control-Request-Method": "PUT"}
    allowed = fetch("OPTIONS", url, headers={**asked, "Access-Control-Request-Headers": "x-amz-date"})
    assert allowed.status == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://x.a.test"
    assert fetch("OPTIONS", url, headers={**asked, "Origin": "https://b.test"}).status == 403
    missing = fetch("GET", url, headers={"Origin": "https://x.a.test"})
    assert (missing.status, missing.headers["Access-Control-Expose-Headers"]) == (404, "ETag")
    assert "Access-Control-Allow-Origin" not in fetch("GET", url, headers={"Origin": "https://b.test"}).headers


def test_what_is_not_built_is_refused_by_name(node: Node, bucket: str) -> None:
    s3 = node.client("s3")
    rules = {"Role": "", "Rules": [{"Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::other"}}]}
    error = refused(s3.put_bucket_replication, Bucket=bucket, ReplicationConfiguration=rules)
    assert (error["Status"], "PutBucketReplication" in error["Message"]) == (501, True)
    error = refused(s3.put_object, Bucket=bucket, Key="k", Body=b"", ServerSideEncryption="aws:kms")
    assert (error["Status"], "aws:kms" in error["Message"]) == (501, True)


def test_the_aws_cli_keeps_a_folder_in_a_bucket(node: Node, bucket: str, tmp_path: Path) -> None:
    here = tmp_path / "here"
    (here / "sub dir" / "ü").mkdir(parents=True)
    (here / "sub dir" / "ü" / "日本+%20.txt").write_text("text")
    (here / "big.bin").write_bytes(bytes(9 * MIB))
    root = f"s3://{bucket}"
    node.run("aws", "s3", "sync", "--no-progress", str(here), f"{root}/t")
    node.run("aws", "s3", "mv", "--no-progress", "--recursive", f"{root}/t", f"{root}/u")
    assert "Total Objects: 2" in node.run("aws", "s3", "ls", "--recursive", "--summarize", root).stdout
    node.run("aws", "s3", "cp", "--no-progress", "--recursive", f"{root}/u", str(tmp_path / "back"))
    assert (tmp_path / "back" / "sub dir" / "ü" / "日本+%20.txt").read_text() == "text"
    assert (tmp_path / "back" / "big.bin").stat().st_size == 9 * MIB
    url = node.run("aws", "s3", "presign", f"{root}/u/big.bin").stdout.strip()
    assert len(fetch("GET", url).data) == 9 * MIB
    assert "BucketNotEmpty" in node.run("aws", "s3", "rb", root, check=False).stderr
    node.run("aws", "s3", "rb", "--force", root)
    assert "NoSuchBucket" in node.run("aws", "s3api", "get-bucket-acl", "--bucket", bucket, check=False).stderr


def test_a_bucket_is_a_website(node: Node, bucket: str) -> None:
    s3 = node.client("s3")
    rule = {"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/"}}
    site = {"IndexDocument": {"Suffix": "index.html"}, "RoutingRules": [rule]}
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=site)
    found = s3.get_bucket_website(Bucket=bucket)
    assert {name: found[name] for name in site} == site
    error = refused(s3.put_bucket_website, Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": ""}})
    assert (error["ArgumentName"], error["ArgumentValue"]) == ("IndexDocument", None)
    s3.put_object(Bucket=bucket, Key="new/page", Body=bytes(MIB), ContentType="text/plain")
    root = f"{node.url}/_aws/s3-website/{bucket}/"
    moved = fetch("GET", f"{root}old/page")
    assert (moved.status, moved.headers["Location"]) == (301, f"{root}new/page")
    assert fetch("GET", f"{root}new/page").status == 403
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(bucket, Action="s3:GetObject"))
    page = fetch("GET", f"{root}new/page")
    assert (page.status, page.headers["Content-Type"], len(page.data)) == (200, "text/plain", MIB)
    named = fetch("GET", f"{node.url}/new/page", headers={"Host": f"{bucket}.s3-website-us-east-1.amazonaws.com"})
    assert named.data == page.data
    assert fetch("POST", f"{root}new/page").status == 405
