"""The lesson that every newcomer to API Gateway learns: CORS is off, is switched on, and works after a deployment."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from lambent.cli import demo_bookstore

from ..node import REGION, ROOT, RUNTIME, Node
from .conftest import Shop, sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
APP = ROOT / "apps" / "bookstore"
STACK = "blocked"
EMAIL, PASSWORD = "reader@example.com", "Paper-and-Ink-1"
BLOCKED = "The browser blocked the answer"


def without_cors(folder: Path) -> Path:
    """The application, from whose template everything is taken out that lets pages of other origins in."""
    app = folder / "app"
    shutil.copytree(APP, app, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    template = app / "template.yaml"
    text = re.sub(r"^      Cors:\n(?:        .*\n)+", "", template.read_text(), flags=re.MULTILINE)
    text = re.sub(r"^      GatewayResponses:\n(?:        .*\n)+", "", text, flags=re.MULTILINE)
    text = text.replace("ALLOW_ORIGIN: !Ref AllowOrigin", 'ALLOW_ORIGIN: ""')
    assert "Cors:" not in text
    template.write_text(text)
    return app


@pytest.fixture(scope="module")
def blocked(node: Node, tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, str]:
    """The book store without CORS, with one book; and its API."""
    app = without_cors(tmp_path_factory.mktemp("blocked"))
    node.run("lambent", "deploy", str(app), "--stack-name", STACK, "--parameter", f"Runtime={RUNTIME}")
    stack = node.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    config = demo_bookstore.make_config(outputs, node.url, REGION)
    pages = APP / "frontend" / "dist"
    demo_bookstore.publish(pages, outputs["WebsiteBucket"], config, node.url, REGION)
    demo_bookstore.make_reader(outputs["UserPoolId"], EMAIL, PASSWORD, node.url, REGION)
    store = demo_bookstore.Store(config, EMAIL, PASSWORD)
    store.call("POST", "/books", {"title": "Origins", "author": "C. Ross", "price": 1})
    return Shop(node, outputs["WebsiteUrl"], EMAIL, PASSWORD), outputs["ApiId"]


def functions_allow_everyone(node: Node) -> None:
    """The header in the functions' own answers. Functions are no part of the API: this works at once."""
    functions = node.client("lambda")
    for function in functions.list_functions()["Functions"]:
        variables = function.get("Environment", {}).get("Variables", {})
        if function["FunctionName"].startswith(f"{STACK}-") and "ALLOW_ORIGIN" in variables:
            functions.update_function_configuration(
                FunctionName=function["FunctionName"], Environment={"Variables": {**variables, "ALLOW_ORIGIN": "*"}}
            )


def enable_cors(gateway: Any, api: str) -> None:
    """What the console's "Enable CORS" does: an OPTIONS method that answers by itself, on every resource."""
    headers = {
        "Access-Control-Allow-Origin": "'*'",
        "Access-Control-Allow-Methods": "'GET,POST,PUT,DELETE,OPTIONS'",
        "Access-Control-Allow-Headers": "'Authorization,Content-Type'",
    }
    given = {f"method.response.header.{name}": value for name, value in headers.items()}
    for resource in gateway.get_resources(restApiId=api)["items"]:
        if not resource.get("resourceMethods"):
            continue
        where = {"restApiId": api, "resourceId": resource["id"], "httpMethod": "OPTIONS"}
        gateway.put_method(**where, authorizationType="NONE")
        gateway.put_integration(
            **where, type="MOCK", requestTemplates={"application/json": json.dumps({"statusCode": 200})}
        )
        gateway.put_method_response(**where, statusCode="200", responseParameters=dict.fromkeys(given, False))
        gateway.put_integration_response(**where, statusCode="200", responseParameters=given)


def test_cors_heals_only_when_the_api_is_deployed_again(blocked: tuple[Shop, str], page: Page) -> None:
    shop, api = blocked
    gateway = shop.node.client("apigateway")
    page.goto(shop.url)
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text(BLOCKED)
    expect(notice).to_contain_text("Was the API deployed after the change?")
    expect(notice).to_contain_text(f"does not allow pages of {shop.url}")

    functions_allow_everyone(shop.node)
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("link", name=re.compile("Origins")).wait_for()

    # A write asks first (preflight), and there is no OPTIONS method to answer.
    sign_in(page, shop)
    page.get_by_role("link", name=re.compile("Origins")).click()
    page.get_by_role("button", name="Delete…").click()
    delete = page.get_by_role("button", name="Delete the book")
    delete.click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text(BLOCKED)

    enable_cors(gateway, api)
    delete.click()
    expect(delete).to_be_enabled()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text(BLOCKED)

    gateway.create_deployment(restApiId=api, stageName="prod", description="now with CORS")
    delete.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The shelves are empty")


def test_the_stack_goes_with_everything_in_it(blocked: tuple[Shop, str]) -> None:
    node = blocked[0].node
    done = node.run("lambent", "destroy", "--stack-name", STACK, check=False)
    assert done.returncode == 1, "the buckets are not empty"
    node.run("lambent", "destroy", "--stack-name", STACK, "--empty-buckets")
    names = [bucket["Name"] for bucket in node.client("s3").list_buckets()["Buckets"]]
    assert not [name for name in names if name.startswith(f"{STACK}-")]
    functions = node.client("lambda").list_functions()["Functions"]
    assert not [one for one in functions if one["FunctionName"].startswith(f"{STACK}-")]
