"""Mocks: templates, selection, overrides, canaries, passthrough; the answers that AWS gave to the same."""

from __future__ import annotations

import pytest

from lambent.services.apigateway.model import Canary, GatewayResponse, Integration, IntegrationResponse
from tests.execute.rest.making import Making, header, json, mock
from tests.support import TestCloud


@pytest.mark.parametrize("passthrough", ["NEVER", "WHEN_NO_MATCH", "WHEN_NO_TEMPLATES"])
@pytest.mark.parametrize("verb", ["GET", "POST"])
async def test_a_mock_answers_its_template(passthrough: str, verb: str) -> None:
    making = Making(TestCloud())
    making.method("/", verb, mock('{"statusCode": 200, "id": 42}', passthrough=passthrough))
    await making.deploy()
    answer = await making.ask(verb, "")
    assert (answer.status, json(answer)) == (200, {"statusCode": 200, "id": 42})
    assert header(answer, "Content-Type") == "application/json"
    assert header(answer, "X-Amzn-Trace-Id") is None, "no backend, no trace"


async def test_an_unmatched_content_type_is_refused_or_passed_on() -> None:
    making = Making(TestCloud())
    making.method("/never", "POST", mock("{}", passthrough="NEVER"))
    making.method("/templates", "POST", mock("{}", passthrough="WHEN_NO_TEMPLATES"))
    making.method("/match", "POST", mock("{}", passthrough="WHEN_NO_MATCH"))
    await making.deploy()
    text = {"Content-Type": "text/plain; charset=utf-8"}
    for path in ("/never", "/templates"):
        answer = await making.ask("POST", path, headers=text, body=b'{"statusCode": 200}')
        assert (answer.status, json(answer)) == (415, {"message": "Unsupported Media Type"})
    assert (await making.ask("POST", "/match", headers=text, body=b'{"statusCode": 200}')).status == 200
    answer = await making.ask("POST", "/match", headers=text, body=b"no status")
    assert (answer.status, json(answer)) == (500, {"message": "Internal server error"})
    assert header(answer, "x-amzn-ErrorType") == "InternalServerErrorException"


@pytest.mark.parametrize(
    ("template", "empty", "text", "document"),
    [
        ("$input.body", "{}", "some raw data", '{"some": "value"}'),
        (
            "Action=SendMessage&MessageBody=$input.body",
            "Action=SendMessage&MessageBody={}",
            "Action=SendMessage&MessageBody=some raw data",
            'Action=SendMessage&MessageBody={"some": "value"}',
        ),
        (
            "EncodedBody=$util.urlEncode($input.body)&EncodedBodyAccess=$util.urlEncode($input.body.testAccess)",
            "EncodedBody=%7B%7D&EncodedBodyAccess=",
            "EncodedBody=some+raw+data&EncodedBodyAccess=",
            "EncodedBody=%7B%22some%22%3A+%22value%22%7D&EncodedBodyAccess=",
        ),
    ],
)
async def test_a_mocks_template_reads_the_requests_body(template: str, empty: str, text: str, document: str) -> None:
    making = Making(TestCloud())
    making.method("/", "POST", mock(template))
    await making.deploy()
    for body, expected in ((b"", empty), (b"some raw data", text), (b'{"some": "value"}', document)):
        assert (await making.ask("POST", "", body=body)).body == expected.encode()


@pytest.mark.recorded("test_integration_mock_with_response_override_in_request_template[True]")
@pytest.mark.recorded("test_integration_mock_with_response_override_in_request_template[False]")
async def test_an_override_of_the_status_in_the_request_template() -> None:
    making = Making(TestCloud())
    request = (
        "#set($context.responseOverride.status = 444)"
        '#set($context.responseOverride.header.foo = "bar")'
        '#set($context.custom = "is also passed around"){"statusCode": 200}'
    )
    response = (
        '{"statusOverride": "$context.responseOverride.status", "fooHeader": "$context.responseOverride.header.foo", '
        '"custom": "$context.custom"}'
    )
    making.method("/with", "GET", mock(response, templates={"application/json": request}))
    making.method("/without", "GET", mock("", templates={"application/json": request}))
    await making.deploy()
    answer = await making.ask("GET", "/with")
    assert answer.status == 444
    assert json(answer) == {"custom": "is also passed around", "fooHeader": "bar", "statusOverride": "444"}
    assert header(answer, "foo") == "bar"
    answer = await making.ask("GET", "/without")
    assert (answer.status, answer.body) == (444, b"")


@pytest.mark.recorded("test_integration_mock_with_request_overrides_in_response_template")
async def test_the_response_template_sees_overrides_of_the_request() -> None:
    making = Making(TestCloud())
    request = '#set($context.requestOverride.path.path = $input.params("part")){"statusCode": 200}'
    response = (
        '#if($context.requestOverride.path.path == "path1"){"response": "path was path one"}'
        '#elseif($context.requestOverride.path.path == "path2"){"response": "path was path two"}'
        '#else{"response": "this is the else clause"}#end'
    )
    making.method("/{part}", "GET", mock(response, templates={"application/json": request}))
    await making.deploy()
    said = [json(await making.ask("GET", f"/{part}"))["response"] for part in ("path1", "path2", "path111")]
    assert said == ["path was path one", "path was path two", "this is the else clause"]


async def test_the_status_of_the_mock_selects_the_response() -> None:
    making = Making(TestCloud())
    responses = {
        "200": IntegrationResponse(status_code="200", templates={"application/json": "good"}),
        "404": IntegrationResponse(
            status_code="404",
            selection_pattern="4\\d{2}",
            templates={"application/json": "gone"},
            parameters={"method.response.header.x-reason": "'none'", "method.response.header.Date": "'never'"},
        ),
    }
    request = '{"statusCode": $input.params("status")}'
    making.method("/", "GET", mock(responses=responses, templates={"application/json": request}))
    await making.deploy()
    answer = await making.ask("GET", "?status=404")
    assert (answer.status, answer.body, header(answer, "x-reason")) == (404, b"gone", "none")
    assert header(answer, "x-amzn-Remapped-Date") == "never"
    assert header(answer, "Date") is None
    assert (await making.ask("GET", "?status=200")).body == b"good"


async def test_no_matching_response_is_an_internal_error() -> None:
    making = Making(TestCloud())
    only = IntegrationResponse(status_code="404", selection_pattern="404")
    making.method("/", "GET", mock(responses={"404": only}))
    making.method("/none", "GET", None)
    await making.deploy()
    for path in ("", "/none"):
        answer = await making.ask("GET", path)
        assert (answer.status, json(answer)) == (500, {"message": "Internal server error"})


async def test_a_canary_answers_with_its_own_variables() -> None:
    making = Making(TestCloud())
    template = (
        '{"statusCode": 200, "message": "%s deployment", "variable": "$stageVariables.testVar", '
        '"nonExistingDefault": "$!stageVariables.noStageVar", "nonOverridden": "$stageVariables.defaultVar", '
        '"isCanary": "$context.isCanaryRequest"}'
    )
    making.method("/", "GET", mock(template % "canary"))
    await making.deploy(deployment="d2")
    making.method("/", "GET", mock(template % "default"))
    canary = Canary(percent=0.0, deployment="d2", variables={"testVar": "canary", "noStageVar": "canary"})
    await making.deploy(deployment="d1", variables={"testVar": "default", "defaultVar": "default"}, canary=canary)
    assert json(await making.ask("GET", "")) == {
        "isCanary": "false",
        "message": "default deployment",
        "nonExistingDefault": "",
        "nonOverridden": "default",
        "statusCode": 200,
        "variable": "default",
    }
    await making.stage(canary=Canary(percent=100.0, deployment="d2", variables=canary.variables))
    assert json(await making.ask("GET", "")) == {
        "isCanary": "true",
        "message": "canary deployment",
        "nonExistingDefault": "canary",
        "nonOverridden": "default",
        "statusCode": 200,
        "variable": "canary",
    }


async def test_a_canary_takes_its_share() -> None:
    making = Making(TestCloud())
    making.method("/", "GET", mock("canary"))
    await making.deploy(deployment="d2")
    making.method("/", "GET", mock("default"))
    await making.deploy(deployment="d1", canary=Canary(percent=25.0, deployment="d2"))
    answers = [(await making.ask("GET", "")).body for _ in range(400)]
    assert 60 <= answers.count(b"canary") <= 140


async def test_a_change_takes_effect_only_when_it_is_deployed() -> None:
    making = Making(TestCloud())
    making.method("/", "GET", mock("before"))
    await making.deploy()
    making.method("/", "GET", mock("after"))
    assert (await making.ask("GET", "")).body == b"before"
    await making.deploy(deployment="d2")
    assert (await making.ask("GET", "")).body == b"after"


async def test_gateway_responses_are_the_users() -> None:
    making = Making(TestCloud())
    making.method("/", "GET", mock("{}"))
    cors = {
        "gatewayresponse.header.Access-Control-Allow-Origin": "'*'",
        "gatewayresponse.header.x-path": "context.path",
    }
    making.parts["gateway_responses"] = {
        "DEFAULT_4XX": GatewayResponse(type="DEFAULT_4XX", parameters=cors),
        "THROTTLED": GatewayResponse(type="THROTTLED", status_code="420"),
        "MISSING_AUTHENTICATION_TOKEN": GatewayResponse(
            type="MISSING_AUTHENTICATION_TOKEN",
            status_code="404",
            parameters={"gatewayresponse.header.origin": "method.request.header.Origin"},
            templates={
                "application/json": '{"error":$context.error.messageString,"type":"$context.error.responseType"}',
                "text/plain": "nothing at $context.path",
            },
        ),
    }
    await making.deploy()
    answer = await making.ask("GET", "/none", headers={"Origin": "http://a.example\r\nx-evil: 1"})
    assert answer.status == 404
    assert json(answer) == {"error": "Missing Authentication Token", "type": "MISSING_AUTHENTICATION_TOKEN"}
    assert header(answer, "origin") == "http://a.examplex-evil: 1", "a value never becomes two headers"
    answer = await making.ask("GET", "/none", headers={"Accept": "text/plain"})
    assert (answer.body, header(answer, "content-type")) == (b"nothing at /dev/none", "text/plain")


async def test_default_gateway_responses_stand_for_the_rest() -> None:
    making = Making(TestCloud())
    making.method("/", "POST", mock("{}", passthrough="NEVER"))
    making.method("/broken", "GET", Integration(type="MOCK"))
    making.parts["gateway_responses"] = {
        "DEFAULT_4XX": GatewayResponse(
            type="DEFAULT_4XX", parameters={"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"}
        ),
        "DEFAULT_5XX": GatewayResponse(type="DEFAULT_5XX", templates={"application/json": '{"oh":"no"}'}),
    }
    await making.deploy()
    answer = await making.ask("POST", "", headers={"Content-Type": "text/plain"})
    assert answer.status == 415, "the status of its own type stays"
    assert json(answer) == {"message": "Unsupported Media Type"}
    assert header(answer, "access-control-allow-origin") == "*"
    answer = await making.ask("GET", "/broken")
    assert (answer.status, json(answer)) == (500, {"oh": "no"})


async def test_an_answer_without_a_body_has_none() -> None:
    making = Making(TestCloud())
    making.method("/", "OPTIONS", mock("body", status="204"))
    override = '#set($context.responseOverride.status = 101){"statusCode": 200}'
    making.method("/early", "GET", mock("{}", templates={"application/json": override}))
    await making.deploy()
    answer = await making.ask("OPTIONS", "")
    assert (answer.status, answer.body) == (204, b"")
    assert (await making.ask("GET", "/early")).status == 500, "an answer that is none yet would confuse the client"
