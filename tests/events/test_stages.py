"""Rules whose targets are methods of APIs, the metrics of rules, and buses' dead-letter queues."""

from __future__ import annotations

import json
from typing import Any

from tests.cloudwatch.noted import Noted
from tests.support import ACCOUNT, REGION

from .support import DETAIL, MINUTE_NS, EventsCloud, run


async def stage(c: EventsCloud, queue: str, *, authorization: str = "NONE") -> str:
    """The ARN of the method POST of an API's stage, which puts what it gets on a queue: path, query and body."""
    api = (await c.call("apigateway", "CreateRestApi", name="a"))["id"]
    (top,) = (await c.call("apigateway", "GetResources", restApiId=api))["items"]
    made = await c.call("apigateway", "CreateResource", restApiId=api, parentId=top["id"], pathPart="{kind}")
    method = {"restApiId": api, "resourceId": made["id"], "httpMethod": "POST"}
    await c.call("apigateway", "PutMethod", **method, authorizationType=authorization)
    trust = {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = (await c.call("iam", "CreateRole", RoleName="gateway", AssumeRolePolicyDocument=document))["Role"]["Arn"]
    allow = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    await c.call("iam", "PutRolePolicy", RoleName="gateway", PolicyName="p", PolicyDocument=document)
    body = (
        "Action=SendMessage&MessageBody=$util.urlEncode(\"$input.params('kind') $input.params('q') "
        "$input.params('x-h') $context.identity.userArn $input.body\")"
    )
    await c.call(
        "apigateway",
        "PutIntegration",
        **method,
        type="AWS",
        integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:{REGION}:sqs:path/{ACCOUNT}/{queue.rpartition(':')[2]}",
        credentials=role,
        requestParameters={"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"},
        requestTemplates={"application/json": body},
    )
    await c.call("apigateway", "PutMethodResponse", **method, statusCode="200")
    await c.call("apigateway", "PutIntegrationResponse", **method, statusCode="200")
    await c.call("apigateway", "CreateDeployment", restApiId=api, stageName="dev")
    return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/dev/POST/*"


HTTP: dict[str, Any] = {
    "PathParameterValues": ["orders"],
    "QueryStringParameters": {"q": "a b"},
    "HeaderParameters": {"X-H": "h", "Authorization": "mine"},
}


def test_a_method_of_an_api_gets_events_of_a_rule() -> None:
    async def scenario(c: EventsCloud) -> None:
        noted = Noted.of(c)
        queue = await c.queue()
        target = await stage(c, queue)
        await c.rule("r", target, HttpParameters=HTTP, InputPath="$.detail.command")
        await c.put()
        (text,) = await c.received(queue)
        assert text == f'orders a b h  "{DETAIL["command"]}"'
        assert noted.sum("Invocations", RuleName="r") == 1
        assert noted.sum("FailedInvocations", RuleName="r") == 0

    run(scenario)


def test_a_method_that_asks_who_calls_is_called_as_the_targets_role() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue, dead = await c.queue(), await c.queue("dead")
        target = await stage(c, queue, authorization="AWS_IAM")
        role = await c.role("caller", "execute-api:Invoke")
        more = {"HttpParameters": HTTP, "InputPath": "$.detail.command", "DeadLetterConfig": {"Arn": dead}}
        await c.rule("signed", target, RoleArn=role, **more)
        await c.rule("bare", target, **more)
        await c.put()
        (text,) = await c.received(queue)
        caller = f"arn:aws:sts::{ACCOUNT}:assumed-role/caller/EventBridge"
        assert text == f'orders a b h {caller} "{DETAIL["command"]}"'
        (letter,) = await c.messages(dead)
        told = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
        assert told["ERROR_CODE"] == "INVALID_PARAMETER"
        assert told["ERROR_MESSAGE"].endswith("answered 403")
        assert told["RULE_ARN"].endswith("/bare")

    run(scenario)


def test_what_is_no_method_of_an_api_is_refused() -> None:
    async def scenario(c: EventsCloud) -> None:
        await c.rule("r")
        wrong = {"Id": "t", "Arn": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:abc/dev"}
        found = await c.error("PutTargets", Rule="r", Targets=[wrong])
        assert found == {"Code": "ValidationException", "Message": "Provided Arn is not in correct format."}

    run(scenario)


def test_rules_have_metrics() -> None:
    async def scenario(c: EventsCloud) -> None:
        noted = Noted.of(c)
        queue, closed, dead = await c.queue(), await c.queue("closed", allowed=False), await c.queue("dead")
        await c.do("CreateEventBus", Name="b")
        await c.rule("good", queue, bus="b")
        await c.rule("bad", closed, bus="b", DeadLetterConfig={"Arn": dead})
        await c.rule("other", queue, bus="b", pattern=json.dumps({"source": ["no"]}))
        await c.put(EventBusName="b")
        for name, failed in (("good", 0), ("bad", 1)):
            of = {"EventBusName": "b", "RuleName": name}
            for metric in ("MatchedEvents", "TriggeredRules", "Invocations"):
                assert noted.sum(metric, **of) == 1
            assert noted.sum("FailedInvocations", **of) == failed
            assert noted.sum("InvocationsSentToDlq", **of) == failed
        assert noted.sum("TriggeredRules", EventBusName="b", RuleName="other") == 0
        assert (noted.sum("Invocations"), noted.sum("FailedInvocations")) == (2, 1)
        await c.do("PutRule", Name="often", ScheduleExpression="rate(1 minute)")
        await c.later(MINUTE_NS)
        assert noted.sum("TriggeredRules", RuleName="often") == 1
        assert noted.sum("MatchedEvents", RuleName="often") == 0
        assert (ACCOUNT, REGION, "AWS/Events") in noted.places

    run(scenario)


def test_a_bus_shows_its_dead_letter_queue() -> None:
    async def scenario(c: EventsCloud) -> None:
        dead = {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"}
        made = await c.do("CreateEventBus", Name="b", DeadLetterConfig=dead)
        assert made["DeadLetterConfig"] == dead
        assert (await c.do("DescribeEventBus", Name="b"))["DeadLetterConfig"] == dead
        other = {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:other"}
        assert (await c.do("UpdateEventBus", Name="b", DeadLetterConfig=other))["DeadLetterConfig"] == other
        wrong = {"Arn": f"arn:aws:sns:{REGION}:{ACCOUNT}:t"}
        message = "Parameter DeadLetterConfig.Arn is not valid."
        assert (await c.error("CreateEventBus", Name="x", DeadLetterConfig=wrong))["Message"] == message

    run(scenario)
