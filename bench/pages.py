"""What people see: pages of a website in a bucket, and signing in to a user pool.

`python -m bench --only Website`, `--only Sign-in`. Signing in with a password is dear on purpose: the verifier of SRP
is worked out anew, and three tokens are signed or sealed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from .cases import Case, client

BUCKET = "bench-website"
POOL = "bench-people"
USER = "me@example.com"
PASSWORD = "Bench-1234"
_PAGE = b"<!doctype html><title>Bench</title>" + b"<p>words words words</p>" * 160
_TARGET = "AWSCognitoIdentityProviderService.InitiateAuth"


def prepare(url: str) -> None:
    """A website with a page and a page for errors, and a user pool with a user."""
    s3 = client("s3", url)
    s3.create_bucket(Bucket=BUCKET)
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
    }
    s3.delete_public_access_block(Bucket=BUCKET)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    for key in ("index.html", "error.html"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=_PAGE, ContentType="text/html")
    site = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"}}
    s3.put_bucket_website(Bucket=BUCKET, WebsiteConfiguration=site)
    pools = client("cognito-idp", url)
    pool = pools.create_user_pool(PoolName=POOL)["UserPool"]["Id"]
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    pools.create_user_pool_client(UserPoolId=pool, ClientName=POOL, ExplicitAuthFlows=flows)
    pools.admin_create_user(UserPoolId=pool, Username=USER, MessageAction="SUPPRESS")
    pools.admin_set_user_password(UserPoolId=pool, Username=USER, Password=PASSWORD, Permanent=True)


def _page(path: str) -> Callable[[str], list[bytes]]:
    """A request for a page of the website, by the host's name."""

    def requests(url: str) -> list[bytes]:
        host = f"{BUCKET}.s3-website.localhost:{urlsplit(url).port}"
        return [f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\n\r\n".encode()]

    return requests


def _app(url: str) -> str:
    pools = client("cognito-idp", url)
    pool = next(one["Id"] for one in pools.list_user_pools(MaxResults=60)["UserPools"] if one["Name"] == POOL)
    found: str = pools.list_user_pool_clients(UserPoolId=pool)["UserPoolClients"][0]["ClientId"]
    return found


def _auth(url: str, flow: str, given: dict[str, str]) -> bytes:
    """InitiateAuth as a page's script sends it: not signed."""
    params: dict[str, Any] = {"ClientId": _app(url), "AuthFlow": flow, "AuthParameters": given}
    body = json.dumps(params).encode()
    head = (
        f"POST / HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nContent-Type: application/x-amz-json-1.1\r\n"
        f"X-Amz-Target: {_TARGET}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _with_password(url: str) -> list[bytes]:
    return [_auth(url, "USER_PASSWORD_AUTH", {"USERNAME": USER, "PASSWORD": PASSWORD})]


def _with_refresh(url: str) -> list[bytes]:
    given = {"USERNAME": USER, "PASSWORD": PASSWORD}
    told = client("cognito-idp", url).initiate_auth(
        ClientId=_app(url), AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given
    )
    refresh = told["AuthenticationResult"]["RefreshToken"]
    return [_auth(url, "REFRESH_TOKEN_AUTH", {"REFRESH_TOKEN": refresh})]


CASES = (
    Case("Website, a page", _page("/")),
    Case("Sign-in with a password", _with_password, connections=4),
    Case("Sign-in, tokens by a refresh token", _with_refresh, connections=4),
)
