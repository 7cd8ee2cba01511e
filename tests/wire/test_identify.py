"""Which service, operation and protocol a request is for, whichever way it says so."""

from __future__ import annotations

import pytest

from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Request
from lambent.wire import POST_OBJECT, PREFLIGHT, Route, check_operation, codec, identify, resolve

BASES = ("localhost", "amazonaws.com")
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


def request(
    method: str = "GET",
    path: str = "/",
    query: str = "",
    host: str = "localhost:4566",
    signed: str = "",
    **headers: str,
) -> Request:
    found = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    if signed:
        scope = f"AK/20240102/eu-west-1/{signed}/aws4_request"
        found["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    return Request(method, path, query, found)


def find(asked: Request, body: bytes = b"") -> Route:
    route = identify(asked, BASES)
    assert route is not None
    return route if route.operation else resolve(route, asked, body)


@pytest.mark.parametrize(
    ("host", "bucket", "region"),
    [
        ("pictures.s3.localhost:4566", "pictures", ""),
        ("pictures.localhost", "pictures", ""),
        ("Pictures.S3.Localhost", "pictures", ""),
        ("pictures.s3.us-west-2.amazonaws.com", "pictures", "us-west-2"),
        ("pictures.s3.dualstack.us-west-2.amazonaws.com", "pictures", "us-west-2"),
        ("pictures.s3-us-west-2.amazonaws.com", "pictures", "us-west-2"),
        ("pictures.s3.eu-central-1.localhost", "pictures", "eu-central-1"),
        ("www.example.com.s3.localhost", "www.example.com", ""),
        ("s3-things.s3.localhost", "s3-things", ""),
        ("s3-things.localhost", "s3-things", ""),
        ("s3.s3.localhost", "s3", ""),
    ],
)
def test_a_bucket_in_the_host_name_is_the_bucket_in_the_path(host: str, bucket: str, region: str) -> None:
    by_host = find(request(path="/a/b%20c", host=host))
    by_path = find(request(path=f"/{bucket}/a/b%20c"))
    assert by_host == by_path._replace(region=region)
    assert by_host == Route("s3", "GetObject", "rest-xml", region, {"Bucket": bucket, "Key": "a/b%20c"})


def test_the_parameters_are_the_same_by_host_and_by_path() -> None:
    by_host = request("PUT", "/k%C3%A4y", host="b.s3.localhost", x_amz_meta_a="1")
    by_path = request("PUT", "/b/k%C3%A4y", x_amz_meta_a="1")
    found = [codec(route := find(asked)).parse(route, asked, b"") for asked in (by_host, by_path)]
    assert found[0] == found[1]
    assert found[0]["Key"] == "käy"


@pytest.mark.parametrize(
    "host", ["s3.localhost", "s3.us-east-1.amazonaws.com", "s3-us-west-2.amazonaws.com", "127.0.0.1"]
)
def test_the_hosts_of_s3_itself_name_no_bucket(host: str) -> None:
    assert find(request(host=host)).operation == "ListBuckets"
    assert find(request(path="/b", host=host)).labels == {"Bucket": "b"}


@pytest.mark.parametrize(
    ("asked", "body", "wanted"),
    [
        (
            request("POST", signed="dynamodb", x_amz_target="DynamoDB_20120810.PutItem"),
            b"",
            ("dynamodb", "PutItem", "json"),
        ),
        (
            request("POST", signed="kinesis", x_amz_target="Kinesis_20131202.PutRecord"),
            b"",
            ("kinesis", "PutRecord", "json"),
        ),
        (request("POST", signed="sqs", x_amz_target="AmazonSQS.SendMessage"), b"", ("sqs", "SendMessage", "json")),
        (
            request("POST", signed="sqs", **FORM),
            b"Action=SendMessage&Version=2012-11-05",
            ("sqs", "SendMessage", "query"),
        ),
        (
            request("POST", "/000000000000/q", signed="sqs", **FORM),
            b"Version=2012-11-05&Action=ReceiveMessage",
            ("sqs", "ReceiveMessage", "query"),
        ),
        (request(query="Action=ListQueues&Version=2012-11-05", signed="sqs"), b"", ("sqs", "ListQueues", "query")),
        (
            request("POST", signed="monitoring", **FORM),
            b"Action=ListMetrics&Version=2010-08-01",
            ("cloudwatch", "ListMetrics", "query"),
        ),
        (
            request("POST", signed="monitoring", x_amz_target="GraniteServiceVersion20100801.ListMetrics"),
            b"",
            ("cloudwatch", "ListMetrics", "json"),
        ),
        (
            request(
                "POST",
                "/service/GraniteServiceVersion20100801/operation/ListMetrics",
                signed="monitoring",
                smithy_protocol="rpc-v2-cbor",
            ),
            b"",
            ("cloudwatch", "ListMetrics", "smithy-rpc-v2-cbor"),
        ),
        (request("GET", "/2015-03-31/functions/", signed="lambda"), b"", ("lambda", "ListFunctions", "rest-json")),
        (
            request("GET", "/2015-03-31/functions", host="lambda.us-east-1.localhost"),
            b"",
            ("lambda", "ListFunctions", "rest-json"),
        ),
        (request("GET", "/v2/apis", signed="apigateway"), b"", ("apigatewayv2", "GetApis", "rest-json")),
        (request("GET", "/restapis", signed="apigateway"), b"", ("apigateway", "GetRestApis", "rest-json")),
        (
            request("POST", signed="elasticloadbalancing", **FORM),
            b"Action=DescribeLoadBalancers&Version=2015-12-01",
            ("elbv2", "DescribeLoadBalancers", "query"),
        ),
        (
            request("POST", signed="elasticloadbalancing", **FORM),
            b"Action=DescribeLoadBalancers&Version=2012-06-01",
            ("elb", "DescribeLoadBalancers", "query"),
        ),
        (
            request("POST", signed="ec2", **FORM),
            b"Action=DescribeVpcs&Version=2016-11-15",
            ("ec2", "DescribeVpcs", "ec2"),
        ),
        (
            request("GET", "/v20180820/jobs", signed="s3", x_amz_account_id="1"),
            b"",
            ("s3control", "ListJobs", "rest-xml"),
        ),
        (request("GET", "/v20180820/jobs", signed="s3"), b"", ("s3", "GetObject", "rest-xml")),
    ],
)
def test_services_are_found_however_they_are_asked(asked: Request, body: bytes, wanted: tuple[str, str, str]) -> None:
    assert find(asked, body)[:3] == wanted


def test_unsigned_forms_go_to_the_service_of_their_version() -> None:
    form = b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=a"
    assert find(request("POST", **FORM), form)[:3] == ("sts", "AssumeRoleWithWebIdentity", "query")
    assert find(request("POST", **FORM), b"Action=ListUsers&Version=2010-05-08").service == "iam"
    assert find(request("POST", host="sts.us-east-1.amazonaws.com", **FORM), form).service == "sts"


def test_a_presigned_url_names_its_service_and_region() -> None:
    scope = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20240102%2Feu-west-1%2F{}%2Faws4_request"
    sts = find(request(query=f"{scope.format('sts')}&Action=GetCallerIdentity&Version=2011-06-15"))
    assert sts == Route("sts", "GetCallerIdentity", "query", "eu-west-1")
    assert find(request(path="/b/k", query=scope.format("s3"))).operation == "GetObject"


def test_what_browsers_send_has_names_of_its_own() -> None:
    upload = request("POST", "/b", content_type="multipart/form-data; boundary=x")
    assert find(upload).operation == POST_OBJECT
    assert find(upload).labels == {"Bucket": "b", "Key": ""}
    assert find(request("OPTIONS", "/b/k")).operation == PREFLIGHT


def test_s3_has_no_other_methods() -> None:
    with pytest.raises(ServiceError) as caught:
        find(request("PATCH", "/b/k"))
    assert (caught.value.code, caught.value.status) == ("MethodNotAllowed", 405)


def test_operations_that_do_not_exist_are_refused_in_the_protocol_asked() -> None:
    bogus = find(request("POST", signed="iam", **FORM), b"Action=Bogus&Version=2010-05-08")
    with pytest.raises(ServiceError) as caught:
        check_operation(bogus)
    assert caught.value.code == "InvalidAction"
    missing = find(request("POST", signed="iam", **FORM), b"")
    with pytest.raises(ServiceError) as caught:
        check_operation(missing)
    assert caught.value.code == "MissingAction"
    with pytest.raises(ServiceError) as caught:
        find(request("GET", "/2015-03-31/nothing", signed="lambda"))
    assert (caught.value.code, caught.value.status) == ("UnknownOperationException", 404)


def test_a_service_that_aws_does_not_have_is_nobodys() -> None:
    assert identify(request(signed="coffee"), BASES) is None
    with pytest.raises(ServiceError):
        identify(request("POST", x_amz_target="Coffee_1.Make"), BASES)


@pytest.mark.parametrize(
    ("path", "host", "signed"),
    [
        ("/prod/@connections/L0SM9c%3D", "a1b2c3.execute-api.localhost:4566", "execute-api"),
        ("/_aws/execute-api/a1b2c3/prod/@connections/L0SM9c%3D", "127.0.0.1:4566", "execute-api"),
        ("/@connections/L0SM9c%3D", "chat.example.com", "execute-api"),
        ("/prod/@connections/L0SM9c%3D", "a1b2c3.execute-api.localhost:4566", ""),
    ],
)
def test_messages_to_connections_stand_behind_an_api_and_stage(path: str, host: str, signed: str) -> None:
    for method, operation in (("POST", "PostToConnection"), ("GET", "GetConnection"), ("DELETE", "DeleteConnection")):
        found = find(request(method, path, host=host, signed=signed))
        assert (found.service, found.operation) == ("apigatewaymanagementapi", operation)
        assert found.labels == {"connectionId": "L0SM9c%3D"}


def test_objects_of_such_names_stay_objects() -> None:
    for signed in ("s3", ""):
        found = find(request(path="/bucket/prod/@connections/x", signed=signed))
        assert (found.service, found.operation) == ("s3", "GetObject")
