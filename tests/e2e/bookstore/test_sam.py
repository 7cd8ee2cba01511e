"""The book store by the tools of AWS alone: `sam build`, `sam deploy`, `aws s3 sync`, `sam delete`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lambent.cli import demo_bookstore

from ..node import REGION, ROOT, RUNTIME, Node

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
APP = ROOT / "apps" / "bookstore"
STACK = "books-by-sam"
PAGES = str(APP / "frontend" / "dist")


@pytest.mark.timeout(600)
def test_sam_and_the_aws_cli_open_the_store(node: Node, sam: str, tmp_path: Path, page: Page) -> None:
    overrides = ("--parameter-overrides", f"Runtime={RUNTIME}")
    built = tmp_path / "build"
    node.run(sam, "build", "--template", str(APP / "template.yaml"), "--build-dir", str(built), *overrides)
    options = ("--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-progressbar")
    template = str(built / "template.yaml")
    node.run(sam, "deploy", "--template", template, "--stack-name", STACK, *options, *overrides)
    stack = node.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    config = tmp_path / "config.json"
    config.write_text(json.dumps(demo_bookstore.make_config(outputs, node.url, REGION)))
    site = f"s3://{outputs['WebsiteBucket']}"
    node.run("aws", "s3", "sync", "--no-progress", "--delete", PAGES, site)
    node.run("aws", "s3", "cp", "--no-progress", "--cache-control", "no-store", str(config), f"{site}/config.json")
    page.goto(outputs["WebsiteUrl"])
    expect(page.get_by_role("heading", level=1)).to_have_text("The shelves are empty")

    for name in (outputs["WebsiteBucket"], outputs["CoversBucket"]):
        node.run("aws", "s3", "rm", "--recursive", f"s3://{name}")
    node.run(sam, "delete", "--stack-name", STACK, "--no-prompts", "--region", REGION)
    names = [bucket["Name"] for bucket in node.client("s3").list_buckets()["Buckets"]]
    assert not [name for name in names if name.startswith(STACK)]
