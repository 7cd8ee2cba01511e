"""Metric filters, the embedded metric format, resource policies."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.contracts.errors import NotBuilt, ServiceError
from lambent.contracts.events import Undeliverable
from lambent.services.logs import measuring
from lambent.services.logs.errors import (
    InvalidParameterException,
    LimitExceededException,
    ResourceNotFoundException,
)
from tests.cloudformation.cloud import Cloud
from tests.cloudformation.cloud import run as run_stack
from tests.cloudwatch.noted import Noted

from .support import GROUP, LogsCloud
from .test_events import run

ERRORS: dict[str, Any] = {"metricName": "errors", "metricNamespace": "app", "metricValue": "1"}


async def put(cloud: LogsCloud, pattern: str, name: str = "f", **transformation: Any) -> None:
    """A metric filter of the group."""
    transformations = [{**ERRORS, **transformation}]
    await cloud.logs(
        "PutMetricFilter",
        logGroupName=GROUP,
        filterName=name,
        filterPattern=pattern,
        metricTransformations=transformations,
    )


def test_lines_with_errors_are_counted() -> None:
    async def body(cloud: LogsCloud) -> None:
        noted = Noted.of(cloud)
        await put(cloud, "ERROR", defaultValue=0, unit="Count")
        await cloud.put((0, "INFO fine"), (0, "ERROR bad"), (0, "ERROR worse"))
        assert noted.values["errors", frozenset()] == [1, 1]
        await cloud.put((0, "INFO fine"))
        assert noted.values["errors", frozenset()] == [1, 1, 0]
        assert (noted.units["errors"], {place[2] for place in noted.places}) == ("Count", {"app"})
        await cloud.logs("DeleteMetricFilter", logGroupName=GROUP, filterName="f")
        await cloud.put((0, "ERROR more"))
        assert noted.sum("errors") == 2

    run(body)


def test_values_and_dimensions_are_taken_from_events() -> None:
    async def body(cloud: LogsCloud) -> None:
        noted = Noted.of(cloud)
        await put(cloud, "{ $.took > 1 }", metricValue="$.took", dimensions={"Who": "$.user.name"})
        columns = {"metricName": "bytes", "metricValue": "$size", "dimensions": {"Status": "$status"}}
        await put(cloud, "[ip, status, size]", "columns", **columns)
        await cloud.put(
            (0, json.dumps({"took": 2.5, "user": {"name": "ann"}})),
            (0, json.dumps({"took": 0.5, "user": {"name": "ann"}})),
            (0, json.dumps({"took": 4, "user": {}})),
            (0, "127.0.0.1 200 1534"),
            (0, "127.0.0.1 404 none"),
        )
        assert dict(noted.values) == {
            ("errors", frozenset({("Who", "ann")})): [2.5],
            ("bytes", frozenset({("Status", "200")})): [1534],
        }

    run(body)


def test_a_filter_is_shown_as_aws_does() -> None:
    async def body(cloud: LogsCloud) -> None:
        await put(cloud, " ", defaultValue=0)
        await put(cloud, "pattern", "g", dimensions={"a": "$.b"}, metricName="other")
        first = {
            "applyOnTransformedLogs": False,
            "creationTime": cloud.now_ms,
            "filterName": "f",
            "filterPattern": " ",
            "logGroupName": GROUP,
            "metricTransformations": [{**ERRORS, "defaultValue": 0}],
        }
        found = await cloud.logs("DescribeMetricFilters", logGroupName=GROUP, limit=1)
        assert found["metricFilters"] == [first]
        rest = await cloud.logs("DescribeMetricFilters", logGroupName=GROUP, nextToken=found["nextToken"])
        assert [one["filterName"] for one in rest["metricFilters"]] == ["g"]
        assert "nextToken" not in rest
        named = await cloud.logs("DescribeMetricFilters", metricName="other", metricNamespace="app")
        assert [one["filterName"] for one in named["metricFilters"]] == ["g"]
        prefixed = await cloud.logs("DescribeMetricFilters", logGroupName=GROUP, filterNamePrefix="g")
        assert [one["filterName"] for one in prefixed["metricFilters"]] == ["g"]
        (group,) = (await cloud.logs("DescribeLogGroups"))["logGroups"]
        assert group["metricFilterCount"] == 2
        matched = await cloud.logs("TestMetricFilter", filterPattern="[a, b]", logEventMessages=["x", "y z"])
        record = {"eventNumber": 2, "eventMessage": "y z", "extractedValues": {"$a": "y", "$b": "z"}}
        assert matched == {"matches": [record]}

    run(body)


def test_what_is_wrong_with_a_filter_is_said() -> None:
    async def body(cloud: LogsCloud) -> None:
        for wrong in (
            {"metricValue": "many"},
            {"metricValue": "$.a["},
            {"dimensions": {"a": "$.b"}, "defaultValue": 0},
            {"dimensions": dict.fromkeys("abcd", "$.b")},
        ):
            with pytest.raises(InvalidParameterException):
                await put(cloud, "x", **wrong)
        with pytest.raises(InvalidParameterException):
            await put(cloud, "{ nothing")
        two = {
            "logGroupName": GROUP,
            "filterName": "f",
            "filterPattern": "x",
            "metricTransformations": [ERRORS, ERRORS],
        }
        with pytest.raises(ServiceError, match="Member must have length less than or equal to 1"):
            await cloud.logs("PutMetricFilter", **two)
        with pytest.raises(ServiceError, match="'filterName' failed to satisfy constraint: Member must have"):
            await put(cloud, "x", "X" * 513)
        with pytest.raises(ResourceNotFoundException, match="metric filter does not exist"):
            await cloud.logs("DeleteMetricFilter", logGroupName=GROUP, filterName="f")
        with pytest.raises(InvalidParameterException):
            await cloud.logs("DescribeMetricFilters", metricName="alone")
        for number in range(100):
            await put(cloud, "x", f"f{number}")
        with pytest.raises(LimitExceededException, match=r"Resource limit exceeded\."):
            await put(cloud, "x", "one too many")

    run(body)


def test_the_embedded_metric_format_is_measured() -> None:
    async def body(cloud: LogsCloud) -> None:
        noted = Noted.of(cloud)
        directive = {
            "Namespace": "shop",
            "Dimensions": [["Service"], ["Service", "Stage"], ["Missing"]],
            "Metrics": [{"Name": "took", "Unit": "Milliseconds"}, {"Name": "orders"}, {"Name": "absent"}],
        }
        root = {
            "_aws": {"Timestamp": cloud.now_ms, "CloudWatchMetrics": [directive]},
            **{"Service": "api", "Stage": "dev", "took": [10, 20.5], "orders": 3},
        }
        await cloud.put((0, json.dumps(root)), (0, 'no JSON "_aws"'), (0, '{"_aws": 1}'))
        assert dict(noted.values) == {
            ("took", frozenset({("Service", "api")})): [10, 20.5],
            ("took", frozenset({("Service", "api"), ("Stage", "dev")})): [10, 20.5],
            ("orders", frozenset({("Service", "api")})): [3],
            ("orders", frozenset({("Service", "api"), ("Stage", "dev")})): [3],
        }
        assert noted.units == {"took": "Milliseconds", "orders": "None"}

    run(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.sampled_from(["a", "Name", "AWS/x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["_aws", "CloudWatchMetrics", "Namespace", "Metrics", "Dimensions", "Name", "Unit", "a"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=80, deadline=None)
@given(JSON, JSON)
def test_no_line_of_a_log_breaks_the_measuring(directives: Any, value: Any) -> None:
    text = json.dumps({"_aws": {"CloudWatchMetrics": directives}, "a": value, "Name": "x"})
    for one in measuring.embedded(text):
        assert not one.namespace.startswith("AWS/")
    measuring.embedded(json.dumps(value))


def test_resource_policies_are_kept_and_asked() -> None:
    async def body(cloud: LogsCloud) -> None:
        target, rule = f"arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}", "arn:aws:events:us-east-1:0:rule/r"
        asked = (target, "events.amazonaws.com", rule, "000000000000")
        with pytest.raises(Undeliverable, match="No resource policy"):
            await cloud.targets["logs"].check(*asked)
        statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "logs:*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Resource": f"{target}:*"}]})
        made = await cloud.logs("PutResourcePolicy", policyName="p", policyDocument=document)
        policy = {
            "lastUpdatedTime": cloud.now_ms,
            "policyDocument": document,
            "policyName": "p",
            "policyScope": "ACCOUNT",
        }
        assert made == {"resourcePolicy": policy}
        assert await cloud.logs("DescribeResourcePolicies") == {"resourcePolicies": [policy]}
        await cloud.targets["logs"].check(*asked)
        with pytest.raises(Undeliverable):
            await cloud.targets["logs"].check(target, "iot.amazonaws.com", rule, "000000000000")
        with pytest.raises(Undeliverable, match="does not exist"):
            await cloud.targets["logs"].check(f"{target}x", *asked[1:])
        await cloud.logs("DeleteResourcePolicy", policyName="p")
        with pytest.raises(ResourceNotFoundException, match=r"Policy with name \[p\] does not exist\."):
            await cloud.logs("DeleteResourcePolicy", policyName="p")
        for number in range(10):
            await cloud.logs("PutResourcePolicy", policyName=f"p{number}", policyDocument=document)
        with pytest.raises(LimitExceededException, match=r"Resource limit exceeded\."):
            await cloud.logs("PutResourcePolicy", policyName="more", policyDocument=document)
        with pytest.raises(InvalidParameterException):
            await cloud.logs("PutResourcePolicy", policyName="p0", policyDocument="no")
        with pytest.raises(NotBuilt):
            await cloud.logs("PutResourcePolicy", policyName="p0", policyDocument=document, resourceArn=target)

    run(body)


TEMPLATE = """
Parameters:
  Word: {Type: String, Default: ERROR}
Resources:
  Group: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: g}}
  Filter:
    Type: AWS::Logs::MetricFilter
    Properties:
      LogGroupName: !Ref Group
      FilterPattern: !Ref Word
      MetricTransformations:
        - {MetricName: errors, MetricNamespace: app, MetricValue: '1', DefaultValue: 0, Unit: Count}
  Other:
    Type: AWS::Logs::MetricFilter
    Properties:
      LogGroupName: !Ref Group
      FilterName: other
      FilterPattern: '{ $.took = * }'
      MetricTransformations:
        - MetricName: took
          MetricNamespace: app
          MetricValue: $.took
          Dimensions: [{Key: Who, Value: $.who}]
  Policy:
    Type: AWS::Logs::ResourcePolicy
    Properties:
      PolicyName: p
      PolicyDocument: !Sub |
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
         "Action": "logs:PutLogEvents", "Resource": "${Group.Arn}"}]}
"""


def test_filters_and_policies_in_stacks() -> None:
    async def scenario(c: Cloud) -> None:
        await c.cfn("CreateStack", StackName="s", TemplateBody=TEMPLATE)
        assert await c.failures() == []
        shown = (await c.call("logs", "DescribeMetricFilters", logGroupName="g"))["metricFilters"]
        assert {one["filterPattern"]: one["metricTransformations"] for one in shown} == {
            "ERROR": [{**ERRORS, "defaultValue": 0, "unit": "Count"}],
            "{ $.took = * }": [
                {**ERRORS, "metricName": "took", "metricValue": "$.took", "dimensions": {"Who": "$.who"}}
            ],
        }
        word = {"ParameterKey": "Word", "ParameterValue": "FATAL"}
        await c.cfn("UpdateStack", StackName="s", UsePreviousTemplate=True, Parameters=[word])
        assert await c.failures() == []
        shown = (await c.call("logs", "DescribeMetricFilters", logGroupName="g"))["metricFilters"]
        assert {one["filterPattern"] for one in shown} == {"FATAL", "{ $.took = * }"}
        (policy,) = (await c.call("logs", "DescribeResourcePolicies"))["resourcePolicies"]
        assert policy["policyName"] == "p"
        await c.cfn("DeleteStack", StackName="s")
        assert (await c.call("logs", "DescribeResourcePolicies"))["resourcePolicies"] == []

    run_stack(scenario)
