"""Whatever is sent: an answer with one line a header, and no backend outside of its part."""

from __future__ import annotations

import logging
import random

import pytest

from lambent.contracts.http import BytesBody, Request
from lambent.execute import serve
from lambent.services.apigateway.model import Authorizer, Integration
from tests.execute.rest.making import Functions, Making, echo, lambda_proxy, mock
from tests.execute.rest.test_http import Backend
from tests.support import ACCOUNT, TestCloud

PIECES = (
    *(
        "a",
        "/",
        "%",
        "%2",
        "%2f",
        "%2e",
        ".",
        "..",
        "\\",
        "%00",
        "%ff",
        "\u00e9",
        "\u20ac",
        ":",
        "{",
        "}",
        "&",
        "=",
        "+",
    ),
    *(
        " ",
        "\t",
        "#",
        "$",
        "'",
        '"',
        "\r\n",
        "x-evil: 1",
        "%0d%0a",
        "eyJ.",
        "e30",
        "bearer ",
        "gzip",
        "image/png",
        "null",
    ),
    "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=x",
    "max-age=0",
    "0" * 20,
)
HEADERS = (
    *("authorization", "content-type", "accept", "accept-encoding", "content-encoding", "x-amzn-trace-id"),
    *("x-forwarded-for", "cache-control", "x-api-key", "user-agent"),
)


def api(cloud: TestCloud) -> Making:
    """An API with a function, a mock, a backend, and methods behind IAM and Cognito."""
    making = Making(cloud, binary_media_types=("image/*",), minimum_compression=50)
    making.method("/a/{id}", "ANY", lambda_proxy("echo"))
    making.method("/m/{x}", "ANY", mock('{"a": "$input.params(\'x\')", "b": $input.json(\'$\')}'))
    backend = Integration(
        type="HTTP_PROXY",
        http_method="ANY",
        uri="http://backend.example/p/{proxy}",
        parameters={
            "integration.request.path.proxy": "method.request.path.proxy",
            "integration.request.header.x": "method.request.querystring.q",
        },
    )
    making.method("/h/{proxy+}", "ANY", backend)
    pool = f"arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/us-east-1_x"
    source = "method.request.header.Authorization"
    cognito = Authorizer(id="c", name="c", type="COGNITO_USER_POOLS", provider_arns=(pool,), identity_source=source)
    making.parts["authorizers"] = {"c": cognito}
    making.method("/i", "GET", mock("{}"), authorization="AWS_IAM")
    making.method("/c", "GET", mock("{}"), authorization="COGNITO_USER_POOLS", authorizer_id="c")
    return making


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
async def test_nothing_that_is_sent_breaks_out(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    cloud = TestCloud()
    backend = cloud.caller = Backend(cloud)
    cloud.targets["lambda"] = Functions(echo=echo)  # type: ignore[assignment]
    making = api(cloud)
    await making.deploy()
    chance = random.Random(seed)

    def text(most: int) -> str:
        return "".join(chance.choice(PIECES) for _ in range(chance.randrange(most)))

    with caplog.at_level(logging.ERROR):
        for _ in range(500):
            headers = {name: text(4) for name in HEADERS if chance.random() < 0.4}
            path = chance.choice(("/a/", "/m/", "/h/", "/i", "/c", "/")) + text(8).replace("?", "")
            request = Request(
                chance.choice(("GET", "POST", "OPTIONS")),
                f"/dev{path}",
                text(8),
                {"host": "abcdefghij.execute-api.localhost", **headers},
                BytesBody(text(20).encode()),
                id=cloud.ids.request_id(),
            )
            answer = await serve(cloud, request)
            assert answer is not None
            assert not any(set("\r\n") & set(name + value) for name, value in answer.headers)
    assert all(call.url.startswith("http://backend.example/p/") for call in backend.calls)
    assert backend.calls
    assert caplog.records == [], "nothing failed in a way that nobody thought of"
