"""Against what AWS was recorded to answer: code and message of every error, the members of every answer.

The recordings lie in the folder that LAMBENT_RECORDINGS names, default `../shared/recordings` beside the checkout.
"""

from __future__ import annotations

import asyncio
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lambent.services.sns import keys
from lambent.services.sns.envelopes import Envelopes
from lambent.services.sns.model import Message

from .support import Endpoint, SnsCloud

FOLDER = Path(os.environ.get("LAMBENT_RECORDINGS") or Path(__file__).parents[3] / "shared" / "recordings")
ARN = "arn:aws:sns:us-east-1:000000000000:"
TOPIC, FIFO, NO_TOPIC = f"{ARN}t", f"{ARN}t.fifo", f"{ARN}none"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
APP = f"{ARN}app/ADM/app"
SUB = f"{TOPIC}:12345678-1234-1234-1234-123456789012"


@cache
def _recorded() -> dict[str, Any]:
    path = FOLDER / "sns.json"
    if not path.exists():
        pytest.skip(f"no recordings in {FOLDER}")
    found: dict[str, Any] = {}
    for name, run in json.loads(path.read_text()).items():
        found[name.split("::")[-1]] = run["recorded-content"]
    return found


def _attribute(**content: Any) -> dict[str, Any]:
    return {"MessageAttributes": {"attr1": content}}


def _named(name: str) -> dict[str, Any]:
    return {"MessageAttributes": {name: {"DataType": "String", "StringValue": "x"}}}


_WRONG_ATTRIBUTES = {
    "missing_string_attr": _attribute(DataType="String", StringValue=""),
    "fully_missing_string_attr": _attribute(DataType="String"),
    "fully_missing_data_type": _attribute(StringValue="x"),
    "missing_binary_attr": _attribute(DataType="Binary", BinaryValue=b""),
    "str_attr_binary_value": _attribute(DataType="String", BinaryValue=b"x"),
    "int_attr_binary_value": _attribute(DataType="Number", BinaryValue=b"1"),
    "binary_attr_string_value": _attribute(DataType="Binary", StringValue="x"),
    "invalid_attr_string_value": _attribute(DataType="Bad", StringValue="x"),
    "too_long_name": _named("n" * 300),
    "invalid_name": _named("a^b"),
    "invalid_name_2": _named(".a"),
    "invalid_name_3": _named("a."),
    "invalid_name_4": _named("a..b"),
}


def _entry(**more: Any) -> dict[str, Any]:
    return {"TopicArn": more.pop("topic", TOPIC), "PublishBatchRequestEntries": [{"Id": "1", "Message": "m", **more}]}


def _subscribe(**more: Any) -> dict[str, Any]:
    return {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": QUEUE, **more}


def _filter(policy: Any) -> dict[str, Any]:
    text = policy if isinstance(policy, str) else json.dumps(policy, separators=(",", ":"))
    return _subscribe(Attributes={"FilterPolicy": text})


_LONG = "a" * 257
_NUMBERS = [str(number) for number in range(10)]
_KEYS = {f"k{number}": ["x"] for number in range(6)}
_ERRORS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("test_cross_region_delivery_sqs", "subscribe-cross-region", "Subscribe",
     _subscribe(TopicArn=TOPIC.replace("us-east-1", "eu-west-1"))),
    ("test_create_platform_application_invalid_attributes[missing-credential]", "platform-application-no-attributes",
     "CreatePlatformApplication", {"Name": "a", "Platform": "ADM", "Attributes": {"PlatformPrincipal": "p"}}),
    ("test_create_platform_application_invalid_attributes[missing-principal]", "platform-application-no-attributes",
     "CreatePlatformApplication", {"Name": "a", "Platform": "ADM", "Attributes": {"PlatformCredential": "p"}}),
    ("test_create_platform_application_invalid_platform", "invalid-platform", "CreatePlatformApplication",
     {"Name": "a", "Platform": "AAA", "Attributes": {}}),
    ("test_set_platform_application_attributes_non_existing_app[dummy-args]", "non_existing-application-arn",
     "SetPlatformApplicationAttributes", {"PlatformApplicationArn": f"{ARN}app/ADM/no", "Attributes": {}}),
    ("test_create_platform_endpoint_with_invalid_attributes[Data_Too_Long]", "create-platform-endpoint-invalid-attr",
     "CreatePlatformEndpoint", {"PlatformApplicationArn": APP, "Token": "t", "CustomUserData": "x" * 2049}),
    ("test_create_platform_endpoint_with_invalid_attributes[Invalid_Name_Generic]",
     "create-platform-endpoint-invalid-attr", "CreatePlatformEndpoint",
     {"PlatformApplicationArn": APP, "Token": "t", "Attributes": {"InvalidKey": "x"}}),
    ("test_get_platform_endpoint_attributes_non_existent_endpoint",
     "set-platform-endpoint-attributes-non-existent-app", "GetEndpointAttributes",
     {"EndpointArn": f"{ARN}endpoint/ADM/app/none"}),
    ("test_set_platform_endpoint_attributes_invalid_arn", "set-platform-endpoint-attributes-non-existent-app",
     "SetEndpointAttributes", {"EndpointArn": f"{ARN}endpoint/ADM", "Attributes": {}}),
    ("test_set_platform_endpoint_attributes_invalid_attributes[Data_Too_Long]",
     "set-platform-endpoint-invalid-attributes", "SetEndpointAttributes",
     {"EndpointArn": "DEVICE", "Attributes": {"CustomUserData": "x" * 2049}}),
    ("test_set_platform_endpoint_attributes_invalid_attributes[Invalid_Name_Credential]",
     "set-platform-endpoint-invalid-attributes", "SetEndpointAttributes",
     {"EndpointArn": "DEVICE", "Attributes": {"PlatformCredential": "x"}}),
    ("test_set_platform_endpoint_attributes_invalid_attributes[Invalid_Name_Generic]",
     "set-platform-endpoint-invalid-attributes", "SetEndpointAttributes",
     {"EndpointArn": "DEVICE", "Attributes": {"InvalidKey": "x"}}),
    ("test_set_platform_endpoint_attributes_non_existent_endpoint",
     "set-platform-endpoint-attributes-non-existent-app", "SetEndpointAttributes",
     {"EndpointArn": f"{ARN}endpoint/ADM/app/none", "Attributes": {}}),
    ("test_empty_sns_message", "empty-msg-error", "Publish", {"TopicArn": TOPIC, "Message": ""}),
    ("test_message_structure_json_exc", "invalid-json", "Publish",
     {"TopicArn": TOPIC, "Message": '{"default": ', "MessageStructure": "json"}),
    ("test_message_structure_json_exc", "key-is-not-string", "Publish",
     {"TopicArn": TOPIC, "Message": '{"default": {"x": 1}}', "MessageStructure": "json"}),
    ("test_message_structure_json_exc", "missing-default-key", "Publish",
     {"TopicArn": TOPIC, "Message": '{"sqs": "x"}', "MessageStructure": "json"}),
    ("test_publish_batch_invalid_entry_id", "id-too-long-81", "PublishBatch", _entry(Id="a" * 81)),
    ("test_publish_batch_invalid_entry_id", "id-too-long-91", "PublishBatch",
     _entry(Id="my" + "really" * 13 + "longid")),
    ("test_publish_batch_invalid_entry_id", "invalid-char-dot", "PublishBatch", _entry(Id="message.id")),
    ("test_publish_batch_invalid_entry_id", "invalid-char-special", "PublishBatch", _entry(Id="msg@123#test")),
    ("test_publish_non_existent_target", "non-existent-endpoint", "Publish",
     {"TargetArn": f"{ARN}endpoint/APNS/abcdef/f7089b0e", "Message": "m"}),
    ("test_publish_wrong_arn_format", "invalid-topic-arn", "Publish", {"TopicArn": "randomstring", "Message": "m"}),
    ("test_publish_wrong_arn_format", "invalid-topic-arn-1", "Publish", {"TopicArn": "random:string", "Message": "m"}),
    ("test_publish_wrong_arn_format", "empty-topic", "Publish", {"TopicArn": "", "Message": "m"}),
    ("test_topic_publish_another_region", "error", "Publish",
     {"TopicArn": TOPIC.replace("us-east-1", "eu-west-1"), "Message": "m"}),
    ("test_topic_publish_another_region", "error-batch", "PublishBatch",
     _entry(topic=TOPIC.replace("us-east-1", "eu-west-1"))),
    ("test_unknown_topic_publish", "error", "Publish", {"TopicArn": NO_TOPIC, "Message": "m"}),
    ("test_opt_in_invalid_number", "opt-in-non-existing-number", "OptInPhoneNumber", {"phoneNumber": "no-number"}),
    ("test_publish_wrong_phone_format", "wrong-format", "Publish", {"PhoneNumber": "NAA+15551234567", "Message": "m"}),
    ("test_publish_wrong_phone_format", "invalid-number", "Publish", {"PhoneNumber": "+1a234", "Message": "m"}),
    ("test_publish_wrong_phone_format", "wrong-endpoint", "Subscribe",
     _subscribe(Protocol="sms", Endpoint="NAA+15551234567")),
    ("test_set_invalid_sms_attributes[InvalidAttributeName]", "invalid-attribute", "SetSMSAttributes",
     {"attributes": {"InvalidAttribute": "x"}}),
    ("test_create_subscriptions_with_attributes", "subscribe-wrong-attr", "Subscribe",
     _subscribe(Attributes={"RawMessageDelivery": "wrongvalue"})),
    ("test_create_subscriptions_with_attributes", "get-attrs-nonexistent-sub", "GetSubscriptionAttributes",
     {"SubscriptionArn": SUB}),
    ("test_not_found_error_on_set_subscription_attributes", "sub-not-found", "SetSubscriptionAttributes",
     {"SubscriptionArn": SUB, "AttributeName": "RawMessageDelivery", "AttributeValue": "true"}),
    ("test_sns_confirm_subscription_wrong_token", "topic-not-exists", "ConfirmSubscription",
     {"TopicArn": NO_TOPIC, "Token": "51b2ff3edb475b7d91550e0ab6edf0c1"}),
    ("test_sns_confirm_subscription_wrong_token", "token-not-exists", "ConfirmSubscription",
     {"TopicArn": TOPIC, "Token": "51b2ff3edb475b7d91550e0ab6edf0c1"}),
    ("test_sns_confirm_subscription_wrong_token", "invalid-token", "ConfirmSubscription",
     {"TopicArn": TOPIC, "Token": "randomtoken"}),
    ("test_subscribe_with_invalid_protocol", "exception", "Subscribe", _subscribe(Protocol="test-protocol")),
    ("test_subscribe_with_invalid_topic", "invalid-subscribe-arn-1", "Subscribe", _subscribe(TopicArn="randomstring")),
    ("test_subscribe_with_invalid_topic", "invalid-subscribe-arn-2", "Subscribe",
     _subscribe(TopicArn="arn:aws:sns:us-east-1:random")),
    ("test_subscribe_with_invalid_topic", "non-existent-topic", "Subscribe", _subscribe(TopicArn=NO_TOPIC)),
    ("test_unsubscribe_wrong_arn_format", "invalid-unsubscribe-arn-1", "Unsubscribe", {"SubscriptionArn": "random"}),
    ("test_unsubscribe_wrong_arn_format", "invalid-unsubscribe-arn-2", "Unsubscribe",
     {"SubscriptionArn": "arn:aws:sns:us-east-1:random"}),
    ("test_unsubscribe_wrong_arn_format", "invalid-unsubscribe-arn-3", "Unsubscribe", {"SubscriptionArn": TOPIC}),
    ("test_unsubscribe_wrong_arn_format", "invalid-unsubscribe-arn-4", "Unsubscribe", {"SubscriptionArn": ""}),
    ("test_get_subscription_attributes_error_not_exists", "get-sub-attrs-nonexistent", "GetSubscriptionAttributes",
     {"SubscriptionArn": SUB}),
    ("test_subscribe_bad_sms", "subscribe-bad-sms", "Subscribe",
     _subscribe(Protocol="sms", Endpoint="invalid-number")),
    ("test_subscribe_sqs_queue_url", "subscribe-sqs-via-url-error", "Subscribe",
     _subscribe(Endpoint="http://localhost/q")),
    ("test_subscribe_unknown_sqs_queue", "subscribe-unknown-sqs-invalid_arn", "Subscribe",
     _subscribe(Endpoint="invalid-arn")),
    ("test_subscribe_unknown_topic", "subscribe-unknown-topic", "Subscribe", _subscribe(TopicArn=NO_TOPIC)),
    ("test_unsubscribe_from_deleted_topic", "unsubscribe-deleted-topic", "Unsubscribe", {"SubscriptionArn": "x"}),
    ("test_subscribe_to_sqs_with_queue_url", "sub-queue-url", "Subscribe", _subscribe(Endpoint="http://x/y")),
    ("test_publish_batch_messages_without_topic", "publish-batch-no-topic", "PublishBatch", _entry(topic=NO_TOPIC)),
    ("test_publish_batch_exceptions", "no-group-id", "PublishBatch", _entry(topic=FIFO)),
    ("test_publish_batch_exceptions", "no-dedup-id", "PublishBatch", _entry(topic=FIFO, MessageGroupId="g")),
    ("test_publish_batch_exceptions", "no-default-key-json", "PublishBatch",
     _entry(Message="{}", MessageStructure="json")),
    ("test_publish_batch_exceptions", "same-msg-id", "PublishBatch",
     {"TopicArn": TOPIC, "PublishBatchRequestEntries": [{"Id": "1", "Message": "m"}] * 2}),
    ("test_publish_batch_exceptions", "too-many-msg", "PublishBatch",
     {"TopicArn": TOPIC, "PublishBatchRequestEntries": [{"Id": str(n), "Message": "m"} for n in range(11)]}),
    ("test_create_topic_test_arn", "topic-not-exists", "GetTopicAttributes", {"TopicArn": NO_TOPIC}),
    ("test_add_permission_errors", "invalid-action", "AddPermission",
     {"TopicArn": TOPIC, "Label": "x", "AWSAccountId": ["000000000000"], "ActionName": ["InvalidAction"]}),
    ("test_add_permission_errors", "duplicate-label", "AddPermission",
     {"TopicArn": TOPIC, "Label": "taken", "AWSAccountId": ["000000000000"], "ActionName": ["Publish"]}),
    ("test_add_permission_errors", "topic-not-found", "AddPermission",
     {"TopicArn": NO_TOPIC, "Label": "x", "AWSAccountId": ["000000000000"], "ActionName": ["Publish"]}),
    ("test_remove_permission_errors", "topic-not-found", "RemovePermission", {"TopicArn": NO_TOPIC, "Label": "x"}),
    ("test_create_topic_different_attrs", "create-topic-diff-attrs", "CreateTopic",
     {"Name": "named", "Attributes": {"DisplayName": "Value2"}}),
    ("test_create_topic_different_attrs", "create-topic-new-attrs", "CreateTopic",
     {"Name": "named", "Attributes": {"KmsMasterKeyId": "k"}}),
    ("test_create_topic_different_attrs", "create-topic-new-and-same-attrs", "CreateTopic",
     {"Name": "named", "Attributes": {"DisplayName": "Value1", "KmsMasterKeyId": "k"}}),
    ("test_create_topic_different_attrs", "create-topic-new-attrs-fifo", "CreateTopic",
     {"Name": "named", "Attributes": {"FifoTopic": "true"}}),
    ("test_policy_complexity", "error-complexity-in-one-condition", "Subscribe",
     _filter({"k": [str(n) for n in range(151)]})),
    ("test_policy_complexity", "error-complexity-in-two-conditions", "Subscribe",
     _filter({"k1": [str(n) for n in range(16)], "k2": [str(n) for n in range(10)]})),
    ("test_policy_complexity", "error-complexity-too-many-fields", "Subscribe", _filter(_KEYS)),
    ("test_policy_complexity_with_or", "error-complexity-or-flat", "Subscribe",
     _filter({"$or": [{"a": [str(n) for n in range(76)]}, {"b": [str(n) for n in range(75)]}]})),
    ("test_policy_complexity_with_or", "error-complexity-or-nested", "Subscribe",
     _filter({"a": _NUMBERS, "$or": [{"b": _NUMBERS[:6]}, {"$or": [{"c": _NUMBERS[:6]}, {"d": _NUMBERS[:6]}]}]})),
]  # fmt: skip


async def _cloud() -> tuple[SnsCloud, str]:
    cloud = await SnsCloud.begin()
    await cloud.topic()
    await cloud.topic("t.fifo")
    await cloud.topic("named", DisplayName="Value1")
    taken = {"Label": "taken", "AWSAccountId": ["000000000000"], "ActionName": ["Publish"]}
    await cloud.sns("AddPermission", TopicArn=TOPIC, **taken)
    secrets = {"PlatformCredential": "c", "PlatformPrincipal": "p"}
    await cloud.sns("CreatePlatformApplication", Name="app", Platform="ADM", Attributes=secrets)
    device = await cloud.sns("CreatePlatformEndpoint", PlatformApplicationArn=APP, Token="token_1")
    return cloud, device["EndpointArn"]


def _same(error: dict[str, str], recorded: dict[str, Any]) -> None:
    assert error == {name: recorded["Error"][name] for name in ("Code", "Message")}


def test_errors() -> None:
    async def run() -> None:
        cloud, device = await _cloud()
        for case, key, operation, params in _ERRORS:
            given = {name: device if value == "DEVICE" else value for name, value in params.items()}
            _same(await cloud.error(operation, **given), _recorded()[case][key])
        longest = _recorded()["test_create_platform_application_invalid_name[too-long]"]["invalid-application-name"]
        name = longest["Error"]["Message"].split()[2]
        _same(await cloud.error("CreatePlatformApplication", Name=name, Platform="ADM", Attributes={}), longest)

    asyncio.run(run())


def test_errors_of_message_attributes() -> None:
    async def run() -> None:
        cloud, _ = await _cloud()
        recorded = _recorded()["test_empty_or_wrong_message_attributes"]
        for name, params in _WRONG_ATTRIBUTES.items():
            _same(await cloud.error("Publish", TopicArn=TOPIC, Message="m", **params), recorded[name])
            _same(await cloud.error("PublishBatch", **_entry(**params)), recorded[f"batch-{name}"])

    asyncio.run(run())


def test_errors_of_filter_policies() -> None:
    async def run() -> None:
        cloud, _ = await _cloud()
        found = 0
        for case in ("test_validate_policy_string_operators", "test_validate_policy_exists_operator"):
            for recorded in _recorded()[case].values():
                message = recorded["Error"]["Message"]
                if '(String)"' not in message:
                    continue
                text = message.split('(String)"', 1)[1].rsplit('"; line', 1)[0]
                _same(await cloud.error("Subscribe", **_filter(text)), recorded)
                found += 1
        assert found > 10
        for text, key in (
            ({"key": [{"cidr": "bad-filter"}]}, "error-condition-bad-cidr-str"),
            ({"key": [{"cidr": "bad-filter/64"}]}, "error-condition-bad-cidr-str-slash"),
            ({"key": [{"cidr": "bad-/64filter"}]}, "error-condition-bad-cidr-str-slash-2"),
            ({"key": [{"cidr": "xx.11.xx/8"}]}, "error-condition-bad-cidr-v4"),
            ({"key": [{"cidr": "xxxx:db8:1234:1a00::/64"}]}, "error-condition-bad-cidr-v6"),
        ):
            recorded = _recorded()["test_validate_policy_string_operators"][key]
            _same(await cloud.error("Subscribe", **_filter(text)), recorded)

    asyncio.run(run())


def _shape(value: Any) -> Any:
    """A value without what differs from run to run: names and types."""
    if isinstance(value, str) and value[:1] == "{":
        value = json.loads(value)
    if isinstance(value, dict):
        return {name: _shape(member) for name, member in value.items() if name != "ResponseMetadata"}
    if isinstance(value, list):
        return [_shape(member) for member in value]
    text = isinstance(value, str) and (value.startswith(("arn:", "<", "Sns")) or ":" in value)
    return "..." if text else value


def test_attributes_of_topics() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        recorded = _recorded()["test_topic_delivery_policy_crud"]
        topic = await cloud.topic("t.fifo", DisplayName="TestTopic", SignatureVersion="2")

        async def check(key: str) -> None:
            shown = await cloud.sns("GetTopicAttributes", TopicArn=topic)
            expected = _shape(recorded[key])
            expected["Attributes"]["Owner"] = "000000000000"
            expected["Attributes"]["Policy"]["Statement"][0]["Condition"]["StringEquals"]["AWS:SourceOwner"] = (
                "000000000000"
            )
            assert _shape(shown) == expected

        async def put(value: Any) -> None:
            text = json.dumps(value) if value else ""
            await cloud.sns("SetTopicAttributes", TopicArn=topic, AttributeName="DeliveryPolicy", AttributeValue=text)

        await put({"http": {"defaultRequestPolicy": {"headerContentType": "application/json"}}})
        await check("get-topic-attrs")
        healthy = {"minDelayTarget": 5, "maxDelayTarget": 6, "numRetries": 1}
        await put({"http": {"defaultHealthyRetryPolicy": healthy}})
        await check("get-topic-attrs-after-update")
        await put({"http": {"defaultHealthyRetryPolicy": None}})
        await check("get-topic-attrs-after-none")
        await put(None)
        await check("get-topic-attrs-after-delete")

    asyncio.run(run())


@pytest.mark.parametrize("raw", [False, True])
def test_attributes_of_subscriptions(raw: bool) -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        case = f"test_subscribe_external_http_endpoint_content_type[{raw}]"
        topic = await cloud.topic()
        if raw:
            policy: dict[str, Any] = {"requestPolicy": {"headerContentType": "text/csv"}}
        else:
            await cloud.sns(
                "SetTopicAttributes",
                TopicArn=topic,
                AttributeName="DeliveryPolicy",
                AttributeValue='{"http": {"defaultRequestPolicy": {"headerContentType": "application/json"}}}',
            )
            healthy = {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 0}
            policy = {"healthyRetryPolicy": healthy, "throttlePolicy": {"maxReceivesPerSecond": 1000}}
        arn = await cloud.subscribe(
            topic,
            "http://127.0.0.1:1/sns-endpoint",
            "http",
            DeliveryPolicy=json.dumps(policy),
            **({"RawMessageDelivery": "true"} if raw else {}),
        )
        shown = await cloud.sns("GetSubscriptionAttributes", SubscriptionArn=arn)
        expected = _shape(_recorded()[case]["sub-attrs"])
        expected["Attributes"]["Owner"] = "000000000000"
        assert _shape(shown) == expected
        queue = await cloud.subscribe(topic, QUEUE, FilterPolicy='{"store": ["value1"]}', RawMessageDelivery="true")
        shown = await cloud.sns("GetSubscriptionAttributes", SubscriptionArn=queue)
        case = "test_exists_filter_policy_attributes_array"
        expected = _shape(_recorded()[case]["subscription-attributes-policy"])
        expected["Attributes"]["Owner"] = "000000000000"
        assert _shape(shown) == expected

    asyncio.run(run())


def _bodies(case: str, key: str) -> list[set[str]]:
    """The members of the envelopes that were recorded under a key."""
    return [set(message["Body"]) for message in _recorded()[case][key]["Messages"]]


def test_members_of_envelopes() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic, fifo = await cloud.topic(), await cloud.topic("t.fifo", ContentBasedDeduplication="true")
        queue = await cloud.queue()
        for one in (topic, fifo):
            await cloud.subscribe(one, queue)
        number = {"attr1": {"DataType": "Number", "StringValue": "99.12"}}
        for recorded, params in (
            (_bodies("test_cross_region_delivery_sqs", "messages"), {"MessageAttributes": number}),
            (_bodies("test_publish_message_before_subscribe_topic", "receive-messages"), {"Subject": "s"}),
            (_bodies("test_publish_unicode_chars", "received-message"), {}),
        ):
            await cloud.sns("Publish", TopicArn=topic, Message="m", **params)
            assert [set(message["Body"]) for message in await cloud.received(queue)] == recorded
        await cloud.sns("Publish", TopicArn=fifo, Message="m", MessageGroupId="g")
        found = [set(message["Body"]) for message in await cloud.received(queue)]
        assert found == _bodies("test_fifo_topic_to_regular_sqs[True]", "messages")

    asyncio.run(run())


def test_members_of_a_functions_event() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic, subscription = await cloud.topic(), ""
        subscription = await cloud.subscribe(topic, await cloud.function(), "lambda")
        message = Message(id="i", topic=topic, text="Hello world.", published_ms=0, subject="s")

        def read(tx: Any) -> Any:
            found = keys.get_subscription(tx, subscription)
            return json.loads(Envelopes(cloud, tx, keys.get_topic(tx, topic), message).event(found))

        (record,) = (await cloud.store.write(read))["Records"]
        recorded = _recorded()["test_python_lambda_subscribe_sns_topic"]["notification"]
        assert set(record["Sns"]) - {"Signature", "SignatureVersion"} == set(recorded) - {
            "Signature",
            "SignatureVersion",
        }
        dead = _recorded()["test_sns_topic_as_lambda_dead_letter_queue"]["messages"]["Messages"][0]["Body"]["Message"]
        assert set(record) == set(dead["Records"][0])
        assert set(record["Sns"]) == set(dead["Records"][0]["Sns"])

    asyncio.run(run())


def test_headers_of_posts() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic = await cloud.topic()
        for raw, key in (("false", "http-message-headers"), ("true", "http-message-headers-raw")):
            recorded = _recorded()[f"test_subscribe_external_http_endpoint[{raw.title()}]"]
            async with Endpoint() as endpoint:
                await cloud.subscribe(topic, endpoint.url, "http", RawMessageDelivery=raw)
                await endpoint.wait(1)
                _, headers, body = endpoint.posts[0]
                assert set(headers) == {name.lower() for name in recorded["http-confirm-sub-headers"]}
                assert set(json.loads(body)) == set(recorded["subscription-confirmation"])
                await cloud.sns("ConfirmSubscription", TopicArn=topic, Token=json.loads(body)["Token"])
                arn = (await cloud.sns("ListSubscriptions"))["Subscriptions"][0]["SubscriptionArn"]
                await cloud.sns("Publish", TopicArn=topic, Message="m")
                await endpoint.wait(2)
                _, headers, body = endpoint.posts[1]
                assert set(headers) == {name.lower() for name in recorded[key]}
                if raw == "false":
                    assert set(json.loads(body)) == set(recorded["http-message"])
                await cloud.sns("Unsubscribe", SubscriptionArn=arn)
                await endpoint.wait(3)
                assert set(json.loads(endpoint.posts[2][2])) == set(recorded["unsubscribe-request"])

    asyncio.run(run())
