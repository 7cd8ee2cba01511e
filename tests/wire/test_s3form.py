"""What S3 reads in ways of its own: refused in S3's words, or passed over as S3 does."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from lambent import wire
from lambent.blobs.digests import digest
from lambent.contracts.errors import NotBuilt, ServiceError
from lambent.contracts.http import BytesBody, Request

BODY = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"


def parse(method: str, path: str, body: bytes = b"", **headers: str) -> dict[str, Any]:
    bare, _, query = path.partition("?")
    named = {"host": "s3.localhost", **{name.replace("_", "-"): value for name, value in headers.items()}}
    request = Request(method, bare, query, named, BytesBody(body))
    route = wire.identify(request, ("localhost",))
    assert route is not None
    codec = wire.codec(route)
    return codec.parse(route, request, request.body if codec.streaming else body)


def refused(method: str, path: str, body: bytes = b"", **headers: str) -> tuple[str, str, dict[str, Any]]:
    with pytest.raises(ServiceError) as caught:
        parse(method, path, body, **headers)
    return caught.value.code, caught.value.message, caught.value.fields


@pytest.mark.parametrize(
    ("method", "path", "name", "value", "words"),
    [
        ("GET", "/b?max-keys=abc", "max-keys", "abc", "Provided max-keys not an integer or within integer range"),
        ("GET", "/b?list-type=2&max-keys=2147483648", "max-keys", "2147483648", "Provided max-keys not an integer"),
        ("GET", "/b?uploads&max-uploads=1.5", "max-uploads", "1.5", "Provided max-uploads not an integer"),
        ("GET", "/b/k?uploadId=u&max-parts=x", "max-parts", "x", "Provided max-parts not an integer"),
        ("GET", "/b/k?partNumber=abc", "partNumber", "abc", "Part number must be an integer between 1 and 10000"),
        ("PUT", "/b/k?uploadId=u&partNumber=", "partNumber", "", "Part number must be an integer between 1 and 10000"),
        ("PUT", "/b/k?partNumber=1", "partNumber", "partNumber", "This operation does not accept partNumber without"),
    ],
)
def test_arguments_that_cannot_be_read(method: str, path: str, name: str, value: str, words: str) -> None:
    code, message, fields = refused(method, path)
    assert (code, fields) == ("InvalidArgument", {"ArgumentName": name, "ArgumentValue": value})
    assert message.startswith(words)


def test_a_page_size_that_is_left_empty_is_the_usual_one() -> None:
    assert "MaxKeys" not in parse("GET", "/b?max-keys=")


def test_an_upload_without_a_part_is_nothing_to_put() -> None:
    code, _, fields = refused("PUT", "/b/k?uploadId=u", BODY)
    assert code == "MethodNotAllowed"
    assert (fields["Method"], fields["ResourceType"]) == ("PUT", "UPLOAD")
    assert refused("PUT", "/b/k?partNumber=1", x_amz_copy_source="b/other")[0] == "InvalidArgument"


def test_dates_that_are_none_are_passed_over_or_kept() -> None:
    params = parse("GET", "/b/k", if_modified_since="yesterday", if_unmodified_since="0")
    assert "IfModifiedSince" not in params
    assert parse("PUT", "/b/k", BODY, expires="0; never")["Expires"] == "0; never"
    codec = wire.codec(wire.Route("s3", "GetObject", "rest-xml"))
    assert ("expires", "0; never") in codec.serialize({"Body": b"", "Expires": "0; never"}, "1").headers
    assert refused("PUT", "/b/k", x_amz_object_lock_retain_until_date="soon")[0] == "InvalidArgument"


@pytest.mark.parametrize("algorithm", ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"])
def test_a_document_must_have_the_checksum_that_came_with_it(algorithm: str) -> None:
    name = f"x_amz_checksum_{algorithm}"
    right = base64.b64encode(digest(BODY, algorithm)).decode()
    wrong = base64.b64encode(digest(b"other", algorithm)).decode()
    params = parse("PUT", "/b?versioning", BODY, **{name: right})
    assert params["VersioningConfiguration"] == {"Status": "Enabled"}
    assert refused("PUT", "/b?versioning", BODY, **{name: wrong})[:2] == (
        "BadDigest",
        f"The {algorithm.upper()} you specified did not match the calculated checksum.",
    )
    assert refused("PUT", "/b?versioning", BODY, **{name: "AAAA"})[:2] == (
        "InvalidRequest",
        f"Value for x-amz-checksum-{algorithm} header is invalid.",
    )


def test_content_md5_of_a_document() -> None:
    md5 = digest(BODY, "md5")
    assert parse("PUT", "/b?policy", BODY, content_md5=base64.b64encode(md5).decode())["Policy"] == BODY.decode()
    assert refused("POST", "/b?delete", b"<Delete/>", content_md5=base64.b64encode(md5).decode()) == (
        "BadDigest",
        "The Content-MD5 you specified did not match what we received.",
        {
            "ExpectedDigest": md5.hex(),
            "CalculatedDigest": base64.b64encode(digest(b"<Delete/>", "md5")).decode(),
        },
    )
    assert refused("PUT", "/b?policy", BODY, content_md5="000") == (
        "InvalidDigest",
        "The Content-MD5 you specified was invalid.",
        {"Content-MD5": "000"},
    )


def test_checksums_of_a_document_that_cannot_be_compared() -> None:
    two = {"x_amz_checksum_crc32": "AAAAAA==", "x_amz_checksum_crc32c": "AAAAAA=="}
    assert refused("PUT", "/b?versioning", BODY, **two)[0] == "InvalidRequest"
    with pytest.raises(NotBuilt, match="SHA512"):
        parse("PUT", "/b?versioning", BODY, x_amz_checksum_sha512="AAAA")


def test_the_checksum_of_a_completed_upload_is_the_objects() -> None:
    document = b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>"
    params = parse("POST", "/b/k?uploadId=u", document, x_amz_checksum_crc32="AAAAAA==")
    assert params["ChecksumCRC32"] == "AAAAAA=="
