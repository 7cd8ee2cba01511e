"""Which method answers, and what the door says when none does."""

from __future__ import annotations

import msgspec
import pytest

from lambent.contracts.http import Request
from lambent.contracts.ports import Transaction
from lambent.execute import serve
from lambent.execute.addresses import spot
from lambent.execute.rest.router import Router
from lambent.services.apigateway.common import domains
from tests.execute.rest.making import Making, header, json, mock
from tests.support import ACCOUNT, REGION, TestCloud


def router(*templates: str) -> Router[str]:
    made: Router[str] = Router()
    for template in templates:
        made.add(template, template)
    return made


@pytest.mark.parametrize(
    ("path", "template", "parameters"),
    [
        ("", "/", {}),
        ("/", "/", {}),
        ("/books", "/books", {}),
        ("/books/", "/books", {}),
        ("/books/new", "/books/new", {}),
        ("/books/7", "/books/{id}", {"id": "7"}),
        ("/books/a%20b", "/books/{id}", {"id": "a%20b"}),
        ("/books/7/pages", "/books/{id}/pages", {"id": "7"}),
        ("/books/new/pages", "/books/{id}/pages", {"id": "new"}),
        ("/books/7/pages/1/2", "/{proxy+}", {"proxy": "books/7/pages/1/2"}),
        ("/files/a/b", "/files/{path+}", {"path": "a/b"}),
        ("/files", "/{proxy+}", {"proxy": "files"}),
        ("/%62ooks", "/books", {}),
    ],
)
def test_the_most_specific_path_wins(path: str, template: str, parameters: dict[str, str]) -> None:
    made = router("/", "/books", "/books/new", "/books/{id}", "/books/{id}/pages", "/{proxy+}", "/files/{path+}")
    assert next(made.matches(path)) == (template, parameters)


def test_a_path_without_resource_matches_nothing() -> None:
    made = router("/books", "/files/{path+}")
    assert [list(made.matches(path)) for path in ("", "/", "/book", "/files", "/files/", "/books/1")] == [[]] * 6


async def test_a_verb_falls_to_any_and_to_the_next_best_resource() -> None:
    making = Making(TestCloud())
    making.method("/books", "GET", mock("static"))
    making.method("/books", "OPTIONS", mock("options"))
    making.method("/{proxy+}", "ANY", mock("greedy $input.params('proxy')"))
    await making.deploy()
    assert (await making.ask("GET", "/books")).body == b"static"
    assert (await making.ask("OPTIONS", "/books")).body == b"options"
    assert (await making.ask("DELETE", "/books")).body == b"greedy books"


async def test_what_is_not_there_wants_a_token_as_on_aws() -> None:
    making = Making(TestCloud())
    making.method("/books", "GET", mock("{}"))
    await making.deploy()
    for verb, path in (("GET", "/nowhere"), ("POST", "/books"), ("GET", "")):
        answer = await making.ask(verb, path)
        assert answer.status == 403
        assert json(answer) == {"message": "Missing Authentication Token"}
        assert header(answer, "x-amzn-ErrorType") == "MissingAuthenticationTokenException"
        assert header(answer, "x-amzn-RequestId")
        assert header(answer, "x-amz-apigw-id")


async def test_unknown_apis_and_stages_are_forbidden() -> None:
    making = Making(TestCloud())
    making.method("/books", "GET", mock("{}"))
    await making.deploy()
    for stage, host in (("prod", ""), ("", ""), ("dev", "unknown.execute-api.localhost")):
        answer = await making.ask("GET", "/books", stage=stage, host=host)
        assert (answer.status, json(answer)) == (403, {"message": "Forbidden"})
        assert header(answer, "x-amzn-ErrorType") == "ForbiddenException"


async def test_the_path_form_and_regions_in_hosts_lead_to_the_same_api() -> None:
    making = Making(TestCloud())
    making.method("/books/{id}", "GET", mock("$context.path $context.domainName"))
    await making.deploy()
    answer = await making.ask("GET", "/books/1", host="abcdefghij.execute-api.eu-west-1.localhost")
    assert answer.body == b"/dev/books/1 abcdefghij.execute-api.eu-west-1.localhost"
    answer = await making.ask("GET", "/books/1", stage="_aws/execute-api/abcdefghij/dev", host="127.0.0.1:4566")
    assert answer.body == b"/dev/books/1 abcdefghij.execute-api.localhost"


async def test_a_custom_domain_maps_by_the_longest_base_path() -> None:
    cloud = TestCloud()
    making = Making(cloud, disable_execute_api=True)
    making.method("/books/{id}", "GET", mock("$context.stage $context.path $input.params('id')"))
    await making.deploy("dev")
    await making.deploy("prod")

    def place(tx: Transaction) -> None:
        name = domains.DomainName(
            name="api.example.com", account=ACCOUNT, region=REGION, endpoint_type="REGIONAL", created_ms=0, target=""
        )
        domains.put_domain(tx, name)
        domains.put_domain(tx, msgspec.structs.replace(name, name="*.example.net"))
        for path, stage in (("", "dev"), ("shop", "prod"), ("free", "")):
            mapping = domains.Mapping(
                id=path or "none", domain="api.example.com", path=path, api=making.id, stage=stage, kind="REST"
            )
            domains.put_mapping(tx, mapping)

    await cloud.store.write(place)
    ask = making.ask
    assert (await ask("GET", "/books/1", stage="", host="api.example.com")).body == b"dev /books/1 1"
    assert (await ask("GET", "/shop/books/1", stage="", host="API.example.com:443")).body == b"prod /shop/books/1 1"
    assert (await ask("GET", "/free/dev/books/1", stage="", host="api.example.com")).body == b"dev /free/dev/books/1 1"
    assert (await ask("GET", "/books/1")).status == 403, "the default endpoint is off"
    for host in ("a.example.net", "b.example.net"):
        answer = await ask("GET", "/", stage="", host=host)
        assert (answer.status, json(answer)) == (403, {"message": "Forbidden"}), "a domain that maps nothing"
    other = Request("GET", "/", headers={"host": "other.example.com"})
    assert await serve(cloud, other) is None, "no API's domain: somebody else's request"


def test_hosts_of_apis_are_told_from_others() -> None:
    def api(host: str, path: str = "/") -> str:
        return spot(Request("GET", path, headers={"host": host})).api

    assert api("abc.execute-api.us-east-1.amazonaws.com") == "abc"
    assert api("abc-vpce-0123.execute-api.us-east-1.amazonaws.com") == "abc"
    assert api("abc.execute-api") == "abc"
    assert api("x.y.execute-api.localhost") == ""
    assert api("localhost", "/_aws/execute-api/abc/dev") == "abc"
    assert api("example.com") == ""
