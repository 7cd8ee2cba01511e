"""User pools over HTTP: boto3 and pycognito unchanged, mails, keys as they are served, the pages in a real browser."""

from __future__ import annotations

import http.client
import json
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import boto3
import jwt
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from pycognito.aws_srp import AWSSRP

from .node import REGION, RUNTIME, Node
from .test_lambda import role, zipped

pytestmark = pytest.mark.e2e
PASSWORD = "Correct-horse-7"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def idp(node: Node) -> Any:
    """A client with root's signature."""
    return node.client("cognito-idp")


@pytest.fixture(scope="module")
def public(node: Node) -> Any:
    """A client without a signature: what runs in browsers and phones."""
    config = Config(signature_version=UNSIGNED, retries={"max_attempts": 0})
    return boto3.client("cognito-idp", endpoint_url=node.url, region_name=REGION, config=config)


def pool_and_client(idp: Any, name: str, **client: Any) -> tuple[str, str]:
    pool = idp.create_user_pool(PoolName=name, AutoVerifiedAttributes=["email"])["UserPool"]["Id"]
    flows = ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    made = idp.create_user_pool_client(UserPoolId=pool, ClientName="app", ExplicitAuthFlows=flows, **client)
    return pool, made["UserPoolClient"]["ClientId"]


def code_of(node: Node, to: str) -> str:
    """The last code that was mailed to somebody."""
    with urllib.request.urlopen(f"{node.url}/_lambent/mail", timeout=10) as answer:
        letters = json.load(answer)["letters"]
    return next(str(one["details"]["Code"]) for one in letters if one["to"] == to)


def code_and_text(work: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        work(**params)
    error = caught.value.response["Error"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return error["Code"], error["Message"]


def test_from_sign_up_to_sign_out(node: Node, idp: Any, public: Any) -> None:
    pool, client = pool_and_client(idp, "readers")
    mail = "anna@example.com"
    given = [{"Name": "email", "Value": mail}]
    public.sign_up(ClientId=client, Username="anna", Password=PASSWORD, UserAttributes=given)
    srp = {"pool": pool, "client": client, "public": public}
    early = code_and_text(sign_in_by_srp, **srp, password=PASSWORD)
    assert early == ("UserNotConfirmedException", "User is not confirmed.")
    public.confirm_sign_up(ClientId=client, Username="anna", ConfirmationCode=code_of(node, mail))
    wrong = code_and_text(sign_in_by_srp, **srp, password="nonsense")
    assert wrong == ("NotAuthorizedException", "Incorrect username or password.")
    tokens = sign_in_by_srp(pool, client, public, PASSWORD)
    claims = verified(node.url, pool, tokens["IdToken"], audience=client)
    assert (claims["cognito:username"], claims["email"], claims["email_verified"]) == ("anna", mail, True)
    assert verified(node.url, pool, tokens["AccessToken"])["client_id"] == client
    again = public.initiate_auth(
        ClientId=client, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"]}
    )["AuthenticationResult"]
    assert public.get_user(AccessToken=again["AccessToken"])["Username"] == "anna"
    public.global_sign_out(AccessToken=again["AccessToken"])
    assert code_and_text(public.get_user, AccessToken=tokens["AccessToken"]) == (
        "NotAuthorizedException", "Access Token has been revoked",
    )  # fmt: skip
    assert code_and_text(public.admin_get_user, UserPoolId=pool, Username="anna")[0] != "UserNotFoundException"


def sign_in_by_srp(pool: str, client: str, public: Any, password: str) -> dict[str, str]:
    """Sign in with pycognito, which proves the password by SRP."""
    proof = AWSSRP(username="anna", password=password, pool_id=pool, client_id=client, client=public)
    found: dict[str, str] = proof.authenticate_user()["AuthenticationResult"]
    return found


def verified(at: str, pool: str, token: str, audience: str | None = None) -> dict[str, Any]:
    """A token's claims, after the signature was checked with the keys that discovery at an address leads to."""
    issuer = f"{at}/{pool}"
    with urllib.request.urlopen(f"{issuer}/.well-known/openid-configuration", timeout=10) as answer:
        found = json.load(answer)
    assert found["issuer"] == issuer
    key = jwt.PyJWKClient(found["jwks_uri"]).get_signing_key_from_jwt(token)
    claims: dict[str, Any] = jwt.decode(token, key.key, algorithms=["RS256"], audience=audience, issuer=issuer)
    return claims


FUNCTION = """
def handler(event, context):
    if event["triggerSource"].startswith("PreSignUp"):
        event["response"] = {"autoConfirmUser": True, "autoVerifyEmail": True}
    else:
        event["response"] = {"claimsOverrideDetails": {"claimsToAddOrOverride": {"shelf": "A1"}}}
    return event
"""


def test_a_real_function_confirms_and_adds_a_claim(node: Node, idp: Any, public: Any) -> None:
    functions = node.client("lambda")
    made = functions.create_function(
        FunctionName="pool-trigger", Runtime=RUNTIME, Role=role(node, "pool-trigger"), Handler="app.handler",
        Code={"ZipFile": zipped(app=FUNCTION)}, Timeout=10,
    )  # fmt: skip
    arn = made["FunctionArn"]
    pool, client = pool_and_client(idp, "triggered")
    config = {"PreSignUp": arn, "PreTokenGeneration": arn}
    idp.update_user_pool(UserPoolId=pool, AutoVerifiedAttributes=["email"], LambdaConfig=config)
    given = {"ClientId": client, "Username": "anna", "Password": PASSWORD}
    # The function does not let the pool in yet.
    assert code_and_text(public.sign_up, **given)[0] == "UnexpectedLambdaException"
    functions.add_permission(
        FunctionName="pool-trigger", StatementId="pool", Action="lambda:InvokeFunction",
        Principal="cognito-idp.amazonaws.com", SourceArn=idp.describe_user_pool(UserPoolId=pool)["UserPool"]["Arn"],
    )  # fmt: skip
    assert public.sign_up(**given)["UserConfirmed"] is True
    params = {"USERNAME": "anna", "PASSWORD": PASSWORD}
    answer = public.initiate_auth(ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=params)
    assert verified(node.url, pool, answer["AuthenticationResult"]["IdToken"], audience=client)["shelf"] == "A1"


def test_what_is_kept_survives_a_crash(tmp_path: Any) -> None:
    node = Node(tmp_path).start()
    idp = node.client("cognito-idp")
    pool, client = pool_and_client(idp, "durable")
    idp.admin_create_user(UserPoolId=pool, Username="anna", MessageAction="SUPPRESS")
    idp.admin_set_user_password(UserPoolId=pool, Username="anna", Password=PASSWORD, Permanent=True)
    tokens = sign_in_by_srp(pool, client, idp, PASSWORD)
    keys = urllib.request.urlopen(f"{node.url}/{pool}/.well-known/jwks.json", timeout=10).read()
    node.kill()
    node.start()
    idp = node.client("cognito-idp")
    assert urllib.request.urlopen(f"{node.url}/{pool}/.well-known/jwks.json", timeout=10).read() == keys
    assert idp.get_user(AccessToken=tokens["AccessToken"])["Username"] == "anna"
    assert "AccessToken" in sign_in_by_srp(pool, client, idp, PASSWORD)
    assert node.stop() == 0


# -- the pages --------------------------------------------------------------------------------------------------------


class _Application(BaseHTTPRequestHandler):
    """Where the browser comes back to."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>application</title><h1>Welcome back</h1>")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing to standard error."""


@pytest.fixture
def application() -> Iterator[str]:
    """An application's address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Application)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/callback"
    server.shutdown()
    thread.join()
    server.server_close()


FETCH_TOKEN = """async ([url, body]) => (await fetch(url, {
    method: "POST", headers: {"content-type": "application/x-www-form-urlencoded"}, body})).json()"""
CALL_API = """async ([url, body]) => (await fetch(url + "/", {method: "POST", body, headers: {
    "content-type": "application/x-amz-json-1.1", "x-amz-user-agent": "test",
    "x-amz-target": "AWSCognitoIdentityProviderService.InitiateAuth"}})).json()"""


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
@pytest.mark.parametrize("by_host", [False, True])
def test_a_real_browser_signs_up_and_in(node: Node, idp: Any, application: str, by_host: bool) -> None:
    from playwright.sync_api import sync_playwright

    oauth = {
        "AllowedOAuthFlowsUserPoolClient": True, "AllowedOAuthFlows": ["code"],
        "AllowedOAuthScopes": ["openid", "email"],
        "CallbackURLs": [application],
    }  # fmt: skip
    pool, client = pool_and_client(idp, "Pages", **oauth)
    domain = f"pages-{int(by_host)}"
    idp.create_user_pool_domain(Domain=domain, UserPoolId=pool)
    port = node.url.rpartition(":")[2]
    host = f"http://{domain}.auth.{REGION}.localhost:{port}"
    base = host if by_host else f"{node.url}/_aws/cognito/{domain}"
    query = {"client_id": client, "response_type": "code", "redirect_uri": application, "state": "s1"}
    mail = f"berta{int(by_host)}@example.com"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(f"{base}/oauth2/authorize?{urllib.parse.urlencode(query)}")
        page.get_by_label("Username").fill("berta")
        page.get_by_label("Password").fill("nonsense")
        page.get_by_role("button", name="Sign in").click()
        assert page.get_by_role("alert").inner_text() == "User does not exist."
        page.get_by_role("link", name="Create an account").click()
        page.get_by_label("Username").fill("berta")
        page.get_by_label("Email").fill(mail)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign up").click()
        page.get_by_label("Code").fill(code_of(node, mail))
        page.get_by_role("button", name="Confirm", exact=True).click()
        page.get_by_label("Username").fill("berta")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{application}?**")
        back = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(page.url).query))
        form = {**query, "grant_type": "authorization_code", "code": back["code"]}
        # The application is of another origin: its page calls the endpoint and the API all the same.
        found = page.evaluate(FETCH_TOKEN, [f"{base}/oauth2/token", urllib.parse.urlencode(form)])
        params = {"USERNAME": "berta", "PASSWORD": PASSWORD}
        asked = {"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": params}
        called = page.evaluate(CALL_API, [node.url, json.dumps(asked)])
        browser.close()
    assert complaints == []
    assert back["state"] == "s1"
    assert "AccessToken" in called["AuthenticationResult"]
    # Who comes by a name below `localhost` is told of `localhost`.
    at = f"http://localhost:{port}" if by_host else node.url
    assert verified(at, pool, found["id_token"], audience=client)["email"] == mail
    assert posted(f"{node.url}/_aws/cognito/{domain}/oauth2/token", form) == (400, {"error": "invalid_grant"})


def posted(url: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """What an endpoint says to a form."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    kind = {"content-type": "application/x-www-form-urlencoded"}
    connection.request("POST", parts.path, urllib.parse.urlencode(form), kind)
    answer = connection.getresponse()
    found = json.loads(answer.read())
    connection.close()
    return answer.status, found
