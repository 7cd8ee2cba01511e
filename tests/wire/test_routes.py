"""Every operation of every REST service of AWS is found by its own method and path."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lambent.model import OperationModel, ServiceModel, index, service_model
from lambent.wire.routes import Routes

TWINS = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "ListDirectoryBuckets": "ListBuckets",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
}
"""Operations that share method, path and query string with another one, which is the one found."""


def request_of(operation: OperationModel) -> tuple[str, str, str, dict[str, str], dict[str, str]]:
    """The least that a request for the operation holds, and the labels to be found."""
    path, _, literals = operation.http["requestUri"].partition("?")
    labels = {name: f"a-{name}/b" if plus else f"a-{name}" for name, plus in re.findall(r"\{([^}+]+)(\+?)\}", path)}
    path = re.sub(r"\{([^}+]+)\+?\}", lambda found: labels[found[1]], path)
    query, headers = [literals] if literals else [], {"host": "localhost"}
    shape = operation.input
    for name in shape.required if shape is not None else ():
        member = shape.members[name]  # type: ignore[union-attr]
        if member.trait("location") == "querystring":
            query.append(f"{member.location_name or name}=1")
        elif member.trait("location") == "header":
            headers[(member.location_name or name).lower()] = "1"
    return operation.http["method"], path, "&".join(query), headers, labels


def check(name: str) -> int:
    service = service_model(name)
    routes = Routes(service)
    for operation in service.operations.values():
        method, path, query, headers, labels = request_of(operation)
        found = routes.find(method, path, query, headers)
        assert found == (TWINS.get(operation.name, operation.name), labels), operation
    return len(service.operations)


@pytest.mark.parametrize("name", ["s3", "lambda", "apigateway", "route53", "scheduler"])
def test_every_operation_is_found(name: str) -> None:
    assert check(name) > 0


@pytest.mark.slow
def test_every_operation_of_every_rest_service_is_found() -> None:
    names = [name for name, entry in index.entries().items() if entry.protocol.startswith("rest")]
    assert sum(check(name) for name in names) > 10_000


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "operation"),
    [
        ("GET", "/", "", {}, "ListBuckets"),
        ("GET", "/b", "", {}, "ListObjects"),
        ("GET", "/b/", "prefix=uploads", {}, "ListObjects"),
        ("GET", "/b", "list-type=2&prefix=a", {}, "ListObjectsV2"),
        ("GET", "/b", "list-type=1", {}, "ListObjects"),
        ("GET", "/b", "uploads", {}, "ListMultipartUploads"),
        ("GET", "/b", "uploads=", {}, "ListMultipartUploads"),
        ("GET", "/b", "prefix=x&versions", {}, "ListObjectVersions"),
        ("GET", "/b", "versioning", {}, "GetBucketVersioning"),
        ("GET", "/b/versioning", "", {}, "GetObject"),
        ("GET", "/b/k", "uploadId=1", {}, "ListParts"),
        ("GET", "/b/k", "attributes", {"x-amz-object-attributes": "ETag"}, "GetObjectAttributes"),
        ("GET", "/b/k", "attributes", {}, "GetObjectAttributes"),
        ("PUT", "/b/k", "", {}, "PutObject"),
        ("PUT", "/b/k", "x-id=PutObject", {}, "PutObject"),
        ("PUT", "/b/k", "", {"x-amz-copy-source": "/a/b"}, "CopyObject"),
        ("PUT", "/b/k", "partNumber=1&uploadId=2", {}, "UploadPart"),
        ("PUT", "/b/k", "uploadId=2&partNumber=1", {"x-amz-copy-source": "/a/b"}, "UploadPartCopy"),
        ("PUT", "/b/k", "tagging", {}, "PutObjectTagging"),
        ("POST", "/b", "delete", {}, "DeleteObjects"),
        ("POST", "/b/k", "uploads", {}, "CreateMultipartUpload"),
        ("POST", "/b/k", "uploadId=1", {}, "CompleteMultipartUpload"),
        ("POST", "/b/k", "select&select-type=2", {}, "SelectObjectContent"),
        ("DELETE", "/b/k", "uploadId=1", {}, "AbortMultipartUpload"),
        ("DELETE", "/b/k", "versionId=1", {}, "DeleteObject"),
        ("HEAD", "/b", "", {}, "HeadBucket"),
        ("HEAD", "/b/k", "partNumber=1", {}, "HeadObject"),
    ],
)
def test_operations_of_s3_that_share_a_path_are_told_apart(
    method: str, path: str, query: str, headers: dict[str, str], operation: str
) -> None:
    found = Routes(service_model("s3")).find(method, path, query, headers)
    assert found is not None
    assert found[0] == operation


@pytest.mark.parametrize(
    ("path", "key"),
    [("/b/a/b/c", "a/b/c"), ("/b/a/", "a/"), ("/b//a", "/a"), ("/b//", "/"), ("/b/%2F", "%2F"), ("/b/..", "..")],
)
def test_a_key_keeps_its_slashes(path: str, key: str) -> None:
    assert Routes(service_model("s3")).find("GET", path, "", {}) == ("GetObject", {"Bucket": "b", "Key": key})


def test_what_no_uri_fits_is_not_found() -> None:
    routes = Routes(service_model("lambda"))
    assert routes.find("GET", "/2015-03-31/nothing", "", {}) is None
    assert routes.find("PATCH", "/2015-03-31/functions", "", {}) is None
    assert routes.find("GET", "/" + "a/" * 5000, "", {}) is None


def test_labels_behind_a_greedy_one_and_literals_before_labels() -> None:
    def operation(name: str, uri: str) -> dict[str, Any]:
        return {"name": name, "http": {"method": "GET", "requestUri": uri}}

    uris = {"Plain": "/x/{Name}", "Own": "/x/own", "Tail": "/y/{Path+}/end", "Rest": "/y/{Path+}"}
    service = ServiceModel(
        "made-up",
        {
            "metadata": {"protocol": "rest-json"},
            "operations": {name: operation(name, uri) for name, uri in uris.items()},
        },
    )
    routes = Routes(service)
    assert routes.find("GET", "/x/own", "", {}) == ("Own", {})
    assert routes.find("GET", "/x/other", "", {}) == ("Plain", {"Name": "other"})
    assert routes.find("GET", "/y/a/b/end", "", {}) == ("Tail", {"Path": "a/b"})
    assert routes.find("GET", "/y/a/b", "", {}) == ("Rest", {"Path": "a/b"})
