"""URLs of stores of blobs: what is understood, and the one line for what is not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lambent.blobs.errors import BlobsError
from lambent.blobs.urls import S3Location, parse


def test_a_whole_url() -> None:
    url = "s3://a-bucket/some/prefix/?endpoint=http://127.0.0.1:8333/&region=eu-west-1&access_key=AKIA&secret_key=a+b/c%3D"
    assert parse(url) == S3Location(
        bucket="a-bucket",
        prefix="some/prefix/",
        endpoint="http://127.0.0.1:8333",
        region="eu-west-1",
        access_key="AKIA",
        secret_key="a+b/c=",
    )


def test_a_bucket_is_enough() -> None:
    assert parse("s3://a-bucket") == parse("s3://a-bucket/") == S3Location(bucket="a-bucket")


def test_messages_name_it_without_its_secret() -> None:
    location = parse("s3://a-bucket/p?endpoint=https://store&access_key=AKIA&secret_key=hidden")
    assert str(location) == "s3://a-bucket/p at https://store"
    assert "hidden" not in repr(location)
    assert "AKIA" not in f"{location!r} {location!s} {location}"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("gs://bucket", "cannot be kept at gs://"),
        ("/var/blobs", "cannot be kept at a path://"),
        ("s3://", "names no bucket"),
        ("s3:///prefix", "names no bucket"),
        ("s3://Upper_Case", "not the name of a bucket"),
        ("s3://AKIA:hidden@bucket", "keys do not belong before the bucket"),
        ("s3://bucket/../x", "cannot be a prefix"),
        ("s3://bucket/a b", "cannot be a prefix"),
        ("s3://bucket/a//b", "cannot be a prefix"),
        ("s3://bucket/" + "a" * 600, "cannot be a prefix"),
        ("s3://bucket?endpiont=http://x", "unknown parameter 'endpiont'; known are endpoint, region, access_key"),
        ("s3://bucket?region=a&region=b", "region twice"),
        ("s3://bucket?region=a%20b", "not the name of a region"),
        ("s3://bucket?access_key=x", "only one of access_key and secret_key"),
        ("s3://bucket?secret_key=hidden", "only one of access_key and secret_key"),
        ("s3://bucket?secret_key=hid#den", "fragment"),
        ("s3://bucket?endpoint=127.0.0.1:8333", "is not of the form"),
        ("s3://bucket?endpoint=http://host:99999", "is not of the form"),
        ("s3://bucket?endpoint=http://host/path", "is not of the form"),
        ("s3://bucket?endpoint=http://user@host", "is not of the form"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(url: str, message: str) -> None:
    with pytest.raises(BlobsError) as error:
        parse(url)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert "hid" not in str(error.value)


def test_who_has_no_object_store_does_not_load_its_client() -> None:
    code = "import sys, lambent.blobs.urls, lambent.blobs.chunks, lambent.blobs.files, lambent.blobs.memory;"
    code += "print(sorted({'aiohttp', 'botocore', 'awscrt'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
