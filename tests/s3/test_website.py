"""Buckets as websites: what a browser gets, word for word as S3 says it."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.contracts.http import Request, Response
from lambent.contracts.ports import Settings
from lambent.kit.sites import website_path_url, website_url
from lambent.services.s3 import errors
from lambent.services.s3.website import serve

from .support import ANONYMOUS, BIG, BUCKET, S3Cloud, drain, run, stranger

HOST = f"{BUCKET}.s3-website.localhost:4566"
SITE = {"IndexDocument": {"Suffix": "index.html"}}
ID = "11111111-2222-4333-a444-555555555555"


async def publish(cloud: S3Cloud, listed: bool = True, **more: Any) -> None:
    """Make the bucket a website that everyone may read (and, with `listed`, list)."""
    await cloud.s3("PutBucketWebsite", WebsiteConfiguration={**SITE, **more})
    await cloud.s3("DeletePublicAccessBlock")
    resources = [f"arn:aws:s3:::{BUCKET}/*"]
    actions = ["s3:GetObject"]
    if listed:
        resources.append(f"arn:aws:s3:::{BUCKET}")
        actions.append("s3:ListBucket")
    await cloud.allow(Principal="*", Action=actions, Resource=resources)


async def get(cloud: S3Cloud, path: str, method: str = "GET", host: str = HOST, **headers: str) -> Response:
    path, _, query = path.partition("?")
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    answer = await serve(cloud, Request(method, path, query, {"host": host, **named}, id=ID))
    assert answer is not None
    return answer


def header(answer: Response, name: str) -> str | None:
    return next((text for one, text in answer.headers if one.lower() == name), None)


async def text(answer: Response) -> str:
    assert not hasattr(answer.body, "path")
    return (await drain(answer.body)).decode()  # type: ignore[arg-type]


def page(title: str, *rows: str, after: str = "") -> str:
    """An error page as it was recorded from S3."""
    listed = "".join(f"<li>{row}</li>\n" for row in (*rows, f"RequestId: {ID}", f"HostId: {ID.replace('-', '') * 2}"))
    return (
        f"<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<ul>\n{listed}</ul>\n{after}<hr/>\n"
        "</body>\n</html>\n"
    )


NO_KEY = ("Code: NoSuchKey", "Message: The specified key does not exist.")


def test_a_page_and_the_headers_of_its_object() -> None:
    async def body(cloud: S3Cloud) -> None:
        await publish(cloud)
        put = await cloud.put("index.html", b"<h1>hello</h1>", ContentType="text/html", CacheControl="max-age=60")
        for path in ("/", "/index.html", "/?versionId=x&response-content-type=text/plain"):
            answer = await get(cloud, path)
            assert (answer.status, await text(answer)) == (200, "<h1>hello</h1>")
            assert header(answer, "content-type") == "text/html"
            assert header(answer, "cache-control") == "max-age=60"
            assert header(answer, "etag") == put["ETag"]
            assert header(answer, "x-amz-request-id") == ID
        answer = await get(cloud, "/", "HEAD")
        assert (answer.status, answer.body, header(answer, "content-length")) == (200, b"", "14")
        assert (await get(cloud, "/", if_none_match=put["ETag"])).status == 304
        assert (await get(cloud, "/", if_match='"other"')).status == 412
        part = await get(cloud, "/", range="bytes=4-8")
        assert (part.status, await text(part), header(part, "content-range")) == (206, "hello", "bytes 4-8/14")
        assert (await get(cloud, "/", range="bytes=99-")).status == 416

    run(body)


@pytest.mark.parametrize(
    "host",
    [
        HOST,
        f"{BUCKET}.s3-website-us-east-1.localhost",
        f"{BUCKET}.s3-website.eu-central-1.localhost:4566",
        f"{BUCKET}.s3-website-us-east-1.amazonaws.com",
        f"{BUCKET}.s3-website.lambent.localhost",
        BUCKET.upper(),
    ],
)
def test_the_hosts_of_a_website(host: str) -> None:
    async def body(cloud: S3Cloud) -> None:
        await publish(cloud)
        await cloud.put("index.html", b"home")
        assert await text(await get(cloud, "/", host=host)) == "home"

    run(body)


def test_other_hosts_are_no_websites() -> None:
    async def body(cloud: S3Cloud) -> None:
        for host in ("www.example.com", f"{BUCKET}.s3.localhost", BUCKET):
            assert await serve(cloud, Request("GET", "/", headers={"host": host})) is None
        await cloud.s3("CreateBucket", Bucket="www.example.com")
        await cloud.s3("PutBucketWebsite", Bucket="www.example.com", WebsiteConfiguration=SITE)
        assert (await get(cloud, "/", host="www.example.com")).status == 403

    run(body)


def test_an_address_that_needs_no_name_resolution() -> None:
    async def body(cloud: S3Cloud) -> None:
        await publish(cloud)
        await cloud.put("docs/index.html", b"docs")
        await cloud.put("old", WebsiteRedirectLocation="/docs/")
        prefix = f"/_aws/s3-website/{BUCKET}"
        assert await text(await get(cloud, f"{prefix}/docs/", host="localhost")) == "docs"
        answer = await get(cloud, f"{prefix}/docs", host="localhost")
        assert (answer.status, header(answer, "location")) == (302, f"{prefix}/docs/")
        assert header(await get(cloud, f"{prefix}/old", host="localhost"), "location") == f"{prefix}/docs/"
        assert header(await get(cloud, prefix, host="localhost"), "location") == f"{prefix}/"

    run(body)


def test_folders_have_index_documents() -> None:
    async def body(cloud: S3Cloud) -> None:
        await publish(cloud)
        await cloud.put("docs/index.html", b"docs")
        assert await text(await get(cloud, "/docs/")) == "docs"
        answer = await get(cloud, "/docs")
        assert (answer.status, header(answer, "location"), answer.body) == (302, "/docs/", b"")
        await cloud.put("docs", b"the object comes first")
        assert (await get(cloud, "/docs")).status == 200
        for path, key in (("/none/", "none/index.html"), ("/none", "none"), ("/", "index.html")):
            answer = await get(cloud, path)
            assert answer.status == 404
            assert await text(answer) == page("404 Not Found", *NO_KEY, f"Key: {key}")
            assert header(answer, "x-amz-error-code") == "NoSuchKey"
            assert header(answer, "content-type") == "text/html; charset=utf-8"

    run(body)


def test_the_folder_of_a_private_object_is_not_told() -> None:
    async def body(cloud: S3Cloud) -> None:
        await cloud.s3("PutBucketWebsite", WebsiteConfiguration=SITE)
        await cloud.put("docs/index.html")
        answer = await get(cloud, "/docs")
        assert answer.status == 403
        assert await text(answer) == page("403 Forbidden", "Code: AccessDenied", "Message: Access Denied")

    run(body)


def test_the_public_access_block_closes_a_website() -> None:
    async def body(cloud: S3Cloud) -> None:
        await publish(cloud, listed=False)
        await cloud.put("index.html", b"home")
        assert (await get(cloud, "/")).status == 200
        assert (await get(cloud, "/none")).status == 403, "who may not list is not told what is there"
        await cloud.s3("PutPublicAccessBlock", PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
        assert (await get(cloud, "/")).status == 403

    run(body)


def test_a_policy_may_ask_where_the_browser_comes_from() -> None:
    async def body(cloud: S3Cloud) -> None:
        await publish(cloud)
        await cloud.put("index.html", b"home")
        condition = {"StringLike": {"aws:Referer": "http://ours.test/*"}}
        everything = f"arn:aws:s3:::{BUCKET}/*"
        await cloud.allow(Principal="*", Action="s3:GetObject", Resource=everything, Condition=condition)
        assert (await get(cloud, "/")).status == 403
        assert (await get(cloud, "/", referer="http://ours.test/page")).status == 200

    run(body)


def test_the_error_document_keeps_the_status() -> None:
    async def body(cloud: S3Cloud) -> None:
        await publish(cloud, ErrorDocument={"Key": "error.html"})
        answer = await get(cloud, "/none", if_none_match="*", range="bytes=0-1")
        sorry = (
            "<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n<ul>\n"
            "<li>Code: NoSuchKey</li>\n<li>Message: The specified key does not exist.</li>\n<li>Key: error.html</li>\n"
            "</ul>\n"
        )
        assert await text(answer) == page("404 Not Found", *NO_KEY, "Key: none", after=sorry)
        await cloud.put("error.html", b"lost?", ContentType="text/html")
        answer = await get(cloud, "/none", if_none_match="*", range="bytes=0-1")
        assert (answer.status, await text(answer), header(answer, "content-type")) == (404, "lost?", "text/html")
        answer = await get(cloud, "/none", "HEAD")
        assert (answer.status, answer.body, header(answer, "content-length")) == (404, b"", "5")

    run(body)


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
def test_a_website_is_for_reading(method: str) -> None:
    async def body(cloud: S3Cloud) -> None:
        await publish(cloud)
        answer = await get(cloud, "/index.html", method)
        assert (answer.status, header(answer, "allow")) == (405, "GET, HEAD")
        assert await text(answer) == page(
            "405 Method Not Allowed",
            "Code: MethodNotAllowed",
            "Message: The specified method is not allowed against this resource.",
            f"Method: {method}",
            "ResourceType: OBJECT",
        )

    run(body)


def test_what_is_no_website_says_so() -> None:
    async def body(cloud: S3Cloud) -> None:
        answer = await get(cloud, "/")
        assert answer.status == 404
        assert await text(answer) == page(
            "404 Not Found",
            "Code: NoSuchWebsiteConfiguration",
            "Message: The specified bucket does not have a website configuration",
            f"BucketName: {BUCKET}",
        )
        answer = await get(cloud, "/", host="absent.s3-website.localhost")
        assert await text(answer) == page(
            "404 Not Found",
            "Code: NoSuchBucket",
            "Message: The specified bucket does not exist",
            "BucketName: absent",
        )
        assert (await get(cloud, "/%ff")).status in (400, 404)

    run(body)


def test_markup_in_a_key_is_text_on_the_page() -> None:
    async def body(cloud: S3Cloud) -> None:
        await publish(cloud)
        answer = await get(cloud, "/%3Cscript%3E%0d%0aX: y")
        assert "Key: &lt;script&gt;" in await text(answer)
        assert all("\r" not in value and "\n" not in value for _, value in answer.headers)

    run(body)


def test_a_whole_site_may_live_elsewhere() -> None:
    async def body(cloud: S3Cloud) -> None:
        elsewhere = {"RedirectAllRequestsTo": {"HostName": "example.com"}}
        await cloud.s3("PutBucketWebsite", WebsiteConfiguration=elsewhere)
        answer = await get(cloud, "/a%20b/c?x=1")
        assert (answer.status, header(answer, "location")) == (301, "http://example.com/a%20b/c?x=1")
        secured = {"RedirectAllRequestsTo": {"HostName": "example.com", "Protocol": "https"}}
        await cloud.s3("PutBucketWebsite", WebsiteConfiguration=secured)
        assert header(await get(cloud, "/"), "location") == "https://example.com/"
        assert await cloud.s3("GetBucketWebsite") == secured

    run(body)


@pytest.mark.parametrize(
    ("rule", "path", "status", "location"),
    [
        ({"Redirect": {"ReplaceKeyPrefixWith": "new/a/"}}, "/old/x", 301, f"http://{HOST}/new/a/x"),
        ({"Redirect": {"HostName": "h.test"}}, "/old/x?q=1", 301, "http://h.test/old/x?q=1"),
        (
            {"Redirect": {"ReplaceKeyWith": "one.html", "HttpRedirectCode": "307"}},
            "/old/a",
            307,
            f"http://{HOST}/one.html",
        ),
        ({"Redirect": {"Protocol": "https"}}, "/old/ü", 301, f"https://{HOST}/old/%C3%BC"),
    ],
)
def test_routing_rules(rule: dict[str, Any], path: str, status: int, location: str) -> None:
    async def body(cloud: S3Cloud) -> None:
        whole = {"Condition": {"KeyPrefixEquals": "old/"}, **rule}
        await publish(cloud, RoutingRules=[whole])
        await cloud.put("index.html", b"home")
        answer = await get(cloud, path)
        assert (answer.status, header(answer, "location")) == (status, location)
        assert (await get(cloud, "/")).status == 200, "the rule is for its prefix only"
        assert (await cloud.s3("GetBucketWebsite"))["RoutingRules"] == [whole]

    run(body)


def test_a_rule_for_errors_makes_single_page_applications_work() -> None:
    async def body(cloud: S3Cloud) -> None:
        rule = {
            "Condition": {"HttpErrorCodeReturnedEquals": "404", "KeyPrefixEquals": "app/"},
            "Redirect": {"ReplaceKeyPrefixWith": "#!/", "HttpRedirectCode": "302"},
        }
        await publish(cloud, RoutingRules=[rule], ErrorDocument={"Key": "error.html"})
        await cloud.put("app/there", b"there")
        answer = await get(cloud, "/app/books/7%0d%0aSet-Cookie:x")
        assert answer.status == 302
        assert header(answer, "location") == f"http://{HOST}/#!/books/7%0D%0ASet-Cookie:x"
        assert (await get(cloud, "/app/there")).status == 200
        assert (await get(cloud, "/other")).status == 404

    run(body)


def test_an_object_may_redirect() -> None:
    async def body(cloud: S3Cloud) -> None:
        await publish(cloud)
        await cloud.put("here", WebsiteRedirectLocation="/there.html")
        await cloud.put("out", WebsiteRedirectLocation="https://example.com/x?y=1#z")
        answer = await get(cloud, "/here")
        assert (answer.status, header(answer, "location"), answer.body) == (301, "/there.html", b"")
        assert header(await get(cloud, "/out", "HEAD"), "location") == "https://example.com/x?y=1#z"
        found = await cloud.s3("HeadObject", Key="here")
        assert found["WebsiteRedirectLocation"] == "/there.html"
        await cloud.s3("CopyObject", Key="copy", CopySource=f"{BUCKET}/here")
        assert "WebsiteRedirectLocation" not in await cloud.s3("HeadObject", Key="copy")
        await cloud.s3("CopyObject", Key="here", CopySource=f"{BUCKET}/here", WebsiteRedirectLocation="/new")
        assert header(await get(cloud, "/here"), "location") == "/new"
        for bad in ("there.html", "ftp://example.com"):
            with pytest.raises(errors.InvalidRedirectLocation):
                await cloud.put("bad", WebsiteRedirectLocation=bad)
        with pytest.raises(errors.InvalidRedirectLocation, match="2,048"):
            await cloud.put("bad", WebsiteRedirectLocation="/" * 2049)

    run(body)


def test_pages_of_other_origins() -> None:
    async def body(cloud: S3Cloud) -> None:
        await publish(cloud)
        await cloud.put("font.woff2", b"font")
        assert header(await get(cloud, "/font.woff2", origin="http://a.test"), "access-control-allow-origin") is None
        rules = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["http://a.test"]}]}
        await cloud.s3("PutBucketCors", CORSConfiguration=rules)
        for path in ("/font.woff2", "/none"):
            answer = await get(cloud, path, origin="http://a.test")
            assert header(answer, "access-control-allow-origin") == "http://a.test"
        asked = {"origin": "http://a.test", "access_control_request_method": "GET"}
        assert (await get(cloud, "/font.woff2", "OPTIONS", **asked)).status == 200
        refused = await get(cloud, "/", "OPTIONS", **{**asked, "origin": "http://b.test"})
        assert (refused.status, header(refused, "content-type")) == (403, "text/html; charset=utf-8")

    run(body)


def test_long_bodies_are_streamed() -> None:
    async def body(cloud: S3Cloud) -> None:
        await publish(cloud)
        await cloud.put("film", bytes(BIG))
        answer = await get(cloud, "/film")
        assert not isinstance(answer.body, bytes)
        assert len(await text(answer)) == BIG

    run(body)


RULE = {"Redirect": {"HostName": "h"}}


@pytest.mark.parametrize(
    ("document", "error", "message", "fields"),
    [
        (
            {"IndexDocument": {"Suffix": "/index.html"}},
            errors.InvalidArgument,
            "The IndexDocument Suffix is not well formed",
            {"ArgumentName": "IndexDocument", "ArgumentValue": "/index.html"},
        ),
        (
            {"IndexDocument": {"Suffix": ""}},
            errors.InvalidArgument,
            "The IndexDocument Suffix is not well formed",
            {"ArgumentName": "IndexDocument", "ArgumentValue": ""},
        ),
        (
            {**SITE, "RedirectAllRequestsTo": {"HostName": "h"}},
            errors.InvalidArgument,
            "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.",
            {"ArgumentName": "RedirectAllRequestsTo", "ArgumentValue": "not null"},
        ),
        (
            {"ErrorDocument": {"Key": "e"}},
            errors.InvalidArgument,
            "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
            {"ArgumentName": "IndexDocument", "ArgumentValue": "null"},
        ),
        (
            {"RedirectAllRequestsTo": {"HostName": "h", "Protocol": "protocol"}},
            errors.InvalidRequest,
            "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected "
            "automatically.",
            {},
        ),
        (
            {**SITE, "RoutingRules": [{"Redirect": {"ReplaceKeyPrefixWith": "a", "ReplaceKeyWith": "b"}}]},
            errors.InvalidRequest,
            "You can only define ReplaceKeyPrefix or ReplaceKey but not both.",
            {},
        ),
        (
            {**SITE, "RoutingRules": [{**RULE, "Condition": {}}]},
            errors.InvalidRequest,
            "Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't "
            "be present.",
            {},
        ),
        ({**SITE, "RoutingRules": []}, errors.MalformedXML, errors.MalformedXML.text, {}),
        ({**SITE, "RoutingRules": [{"Redirect": {}}]}, errors.MalformedXML, errors.MalformedXML.text, {}),
        ({"RedirectAllRequestsTo": {}}, errors.MalformedXML, errors.MalformedXML.text, {}),
        (
            {**SITE, "RoutingRules": [{"Redirect": {"HttpRedirectCode": "300"}}]},
            errors.InvalidRequest,
            "The provided HTTP redirect code (300) is not valid. Valid codes are 3XX except 300.",
            {},
        ),
        (
            {**SITE, "RoutingRules": [{**RULE, "Condition": {"HttpErrorCodeReturnedEquals": "200"}}]},
            errors.InvalidRequest,
            "The provided HTTP error code (200) is not valid. Valid codes are 4XX or 5XX.",
            {},
        ),
    ],
)
def test_what_is_no_configuration(
    document: dict[str, Any], error: type[errors.S3Error], message: str, fields: dict[str, Any]
) -> None:
    async def body(cloud: S3Cloud) -> None:
        with pytest.raises(error) as caught:
            await cloud.s3("PutBucketWebsite", WebsiteConfiguration=document)
        assert (caught.value.message, caught.value.fields) == (message, fields)

    run(body)


def test_a_configuration_comes_and_goes() -> None:
    async def body(cloud: S3Cloud) -> None:
        gone = {"ResponseMetadata": {"HTTPStatusCode": 204}}
        assert await cloud.s3("DeleteBucketWebsite") == gone
        with pytest.raises(errors.NoSuchWebsiteConfiguration):
            await cloud.s3("GetBucketWebsite")
        whole = {**SITE, "ErrorDocument": {"Key": "error.html"}}
        await cloud.s3("PutBucketWebsite", WebsiteConfiguration=whole)
        assert await cloud.s3("GetBucketWebsite") == whole
        for caller in (ANONYMOUS, stranger()):
            with pytest.raises(Exception, match=r"Denied|not authorized"):
                await cloud.s3("GetBucketWebsite", caller)
        await cloud.s3("DeleteBucket")
        await cloud.s3("CreateBucket")
        with pytest.raises(errors.NoSuchWebsiteConfiguration):
            await cloud.s3("GetBucketWebsite")

    run(body)


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://127.0.0.1:4566", f"http://{BUCKET}.s3-website.localhost:4566"),
        ("https://[::1]:4567", f"https://{BUCKET}.s3-website.localhost:4567"),
        ("https://cloud.example.com", f"https://{BUCKET}.s3-website.cloud.example.com"),
    ],
)
def test_the_address_of_a_website(endpoint: str, url: str) -> None:
    settings = Settings(endpoint=endpoint)
    assert website_url(settings, BUCKET) == url
    assert website_path_url(settings, BUCKET) == f"{endpoint}/_aws/s3-website/{BUCKET}"
