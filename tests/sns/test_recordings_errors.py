"""What AWS was recorded to answer to wrong requests about topics, messages and subscriptions.

A row has the name of its recorded case."""

from __future__ import annotations

from typing import Any

import pytest

from .recorded import ARN, FIFO, NO_TOPIC, QUEUE, TOPIC, Topics, fault, invalid, missing, row

LONG = "The Id of a batch entry in the batch request is too long: "
CHARACTER = "The Id of a batch entry in the batch request contains an impermissible character: "
ELSEWHERE = TOPIC.replace("us-east-1", "eu-west-1")
SUBSCRIPTION = f"{TOPIC}:12345678-1234-1234-1234-123456789012"
TOKEN = "51b2ff3edb475b7d91550e0ab6edf0c1"


def _entry(**more: Any) -> dict[str, Any]:
    return {"TopicArn": more.pop("topic", TOPIC), "PublishBatchRequestEntries": [{"Id": "1", "Message": "m", **more}]}


def _subscribe(**more: Any) -> dict[str, Any]:
    return {"TopicArn": TOPIC, "Protocol": "sqs", "Endpoint": QUEUE, **more}


_PERMISSION: dict[str, Any] = {"Label": "x", "AWSAccountId": ["000000000000"], "ActionName": ["Publish"]}


async def _topics() -> Topics:
    case = await Topics.begin()
    await case.topic()
    await case.topic("t.fifo")
    await case.topic("named", DisplayName="Value1")
    await case("AddPermission", TopicArn=TOPIC, **{**_PERMISSION, "Label": "taken"})
    return case


@pytest.mark.parametrize(
    ("operation", "params", "expected"),
    [
        row(
            "test_cross_region_delivery_sqs",
            "Subscribe",
            _subscribe(TopicArn=ELSEWHERE),
            invalid("TopicArn"),
        ),
        row(
            "test_empty_sns_message",
            "Publish",
            {"TopicArn": TOPIC, "Message": ""},
            invalid("Empty message"),
        ),
        row(
            "test_message_structure_json_exc invalid-json",
            "Publish",
            {"TopicArn": TOPIC, "Message": '{"default": ', "MessageStructure": "json"},
            invalid("Message Structure - JSON message body failed to parse"),
        ),
        row(
            "test_message_structure_json_exc key-is-not-string",
            "Publish",
            {"TopicArn": TOPIC, "Message": '{"default": {"x": 1}}', "MessageStructure": "json"},
            invalid("Message Structure - No default entry in JSON message body"),
        ),
        row(
            "test_message_structure_json_exc missing-default-key",
            "Publish",
            {"TopicArn": TOPIC, "Message": '{"sqs": "x"}', "MessageStructure": "json"},
            invalid("Message Structure - No default entry in JSON message body"),
        ),
        row(
            "test_publish_batch_invalid_entry_id id-too-long-81",
            "PublishBatch",
            _entry(Id="a" * 81),
            fault("InvalidBatchEntryId", LONG + "a" * 81),
        ),
        row(
            "test_publish_batch_invalid_entry_id id-too-long-91",
            "PublishBatch",
            _entry(Id="my" + "really" * 13 + "longid"),
            fault("InvalidBatchEntryId", LONG + "my" + "really" * 13 + "longid"),
        ),
        row(
            "test_publish_batch_invalid_entry_id invalid-char-dot",
            "PublishBatch",
            _entry(Id="message.id"),
            fault("InvalidBatchEntryId", CHARACTER + "message.id"),
        ),
        row(
            "test_publish_batch_invalid_entry_id invalid-char-special",
            "PublishBatch",
            _entry(Id="msg@123#test"),
            fault("InvalidBatchEntryId", CHARACTER + "msg@123#test"),
        ),
        row(
            "test_publish_non_existent_target",
            "Publish",
            {"TargetArn": f"{ARN}endpoint/APNS/abcdef/f7089b0e", "Message": "m"},
            invalid("TargetArn Reason: No endpoint found for the target arn specified"),
        ),
        row(
            "test_publish_wrong_arn_format invalid-topic-arn",
            "Publish",
            {"TopicArn": "randomstring", "Message": "m"},
            invalid("TopicArn Reason: An ARN must have at least 6 elements, not 1"),
        ),
        row(
            "test_publish_wrong_arn_format invalid-topic-arn-1",
            "Publish",
            {"TopicArn": "random:string", "Message": "m"},
            invalid("TopicArn Reason: An ARN must have at least 6 elements, not 2"),
        ),
        row(
            "test_publish_wrong_arn_format empty-topic",
            "Publish",
            {"TopicArn": "", "Message": "m"},
            invalid("TopicArn Reason: An ARN must have at least 6 elements, not 1"),
        ),
        row(
            "test_topic_publish_another_region error",
            "Publish",
            {"TopicArn": ELSEWHERE, "Message": "m"},
            invalid("TopicArn"),
        ),
        row(
            "test_topic_publish_another_region error-batch",
            "PublishBatch",
            _entry(topic=ELSEWHERE),
            invalid("TopicArn"),
        ),
        row(
            "test_unknown_topic_publish",
            "Publish",
            {"TopicArn": NO_TOPIC, "Message": "m"},
            missing("Topic does not exist"),
        ),
        row(
            "test_opt_in_invalid_number",
            "OptInPhoneNumber",
            {"phoneNumber": "no-number"},
            invalid("PhoneNumber Reason: input incorrectly formatted"),
        ),
        row(
            "test_publish_wrong_phone_format wrong-format",
            "Publish",
            {"PhoneNumber": "NAA+15551234567", "Message": "m"},
            invalid("PhoneNumber Reason: NAA+15551234567 is not valid to publish to"),
        ),
        row(
            "test_publish_wrong_phone_format invalid-number",
            "Publish",
            {"PhoneNumber": "+1a234", "Message": "m"},
            invalid("PhoneNumber Reason: +1a234 is not valid to publish to"),
        ),
        row(
            "test_publish_wrong_phone_format wrong-endpoint",
            "Subscribe",
            _subscribe(Protocol="sms", Endpoint="NAA+15551234567"),
            fault("InvalidParameter", "Invalid SMS endpoint: NAA+15551234567"),
        ),
        row(
            "test_set_invalid_sms_attributes[InvalidAttributeName]",
            "SetSMSAttributes",
            {"attributes": {"InvalidAttribute": "x"}},
            fault("InvalidParameter", "InvalidAttribute is not a valid attribute"),
        ),
        row(
            "test_create_subscriptions_with_attributes subscribe-wrong-attr",
            "Subscribe",
            _subscribe(Attributes={"RawMessageDelivery": "wrongvalue"}),
            invalid("Attributes Reason: RawMessageDelivery: Invalid value [wrongvalue]. Must be true or false."),
        ),
        row(
            "test_create_subscriptions_with_attributes get-attrs-nonexistent-sub",
            "GetSubscriptionAttributes",
            {"SubscriptionArn": SUBSCRIPTION},
            missing("Subscription does not exist"),
        ),
        row(
            "test_not_found_error_on_set_subscription_attributes",
            "SetSubscriptionAttributes",
            {"SubscriptionArn": SUBSCRIPTION, "AttributeName": "RawMessageDelivery", "AttributeValue": "true"},
            missing("Subscription does not exist"),
        ),
        row(
            "test_sns_confirm_subscription_wrong_token topic-not-exists",
            "ConfirmSubscription",
            {"TopicArn": NO_TOPIC, "Token": TOKEN},
            invalid("Token"),
        ),
        row(
            "test_sns_confirm_subscription_wrong_token token-not-exists",
            "ConfirmSubscription",
            {"TopicArn": TOPIC, "Token": TOKEN},
            invalid("Token"),
        ),
        row(
            "test_sns_confirm_subscription_wrong_token invalid-token",
            "ConfirmSubscription",
            {"TopicArn": TOPIC, "Token": "randomtoken"},
            fault("InvalidParameter", "Invalid token"),
        ),
        row(
            "test_subscribe_with_invalid_protocol",
            "Subscribe",
            _subscribe(Protocol="test-protocol"),
            invalid("Amazon SNS does not support this protocol string: test-protocol"),
        ),
        row(
            "test_subscribe_with_invalid_topic invalid-subscribe-arn-1",
            "Subscribe",
            _subscribe(TopicArn="randomstring"),
            invalid("TopicArn Reason: An ARN must have at least 6 elements, not 1"),
        ),
        row(
            "test_subscribe_with_invalid_topic invalid-subscribe-arn-2",
            "Subscribe",
            _subscribe(TopicArn="arn:aws:sns:us-east-1:random"),
            invalid("TopicArn Reason: An ARN must have at least 6 elements, not 5"),
        ),
        row(
            "test_subscribe_with_invalid_topic non-existent-topic",
            "Subscribe",
            _subscribe(TopicArn=NO_TOPIC),
            missing("Topic does not exist"),
        ),
        row(
            "test_unsubscribe_wrong_arn_format invalid-unsubscribe-arn-1",
            "Unsubscribe",
            {"SubscriptionArn": "random"},
            invalid("SubscriptionArn Reason: An ARN must have at least 6 elements, not 1"),
        ),
        row(
            "test_unsubscribe_wrong_arn_format invalid-unsubscribe-arn-2",
            "Unsubscribe",
            {"SubscriptionArn": "arn:aws:sns:us-east-1:random"},
            invalid("SubscriptionArn Reason: An ARN must have at least 6 elements, not 5"),
        ),
        row(
            "test_unsubscribe_wrong_arn_format invalid-unsubscribe-arn-3",
            "Unsubscribe",
            {"SubscriptionArn": TOPIC},
            invalid("SubscriptionId"),
        ),
        row(
            "test_unsubscribe_wrong_arn_format invalid-unsubscribe-arn-4",
            "Unsubscribe",
            {"SubscriptionArn": ""},
            invalid("SubscriptionArn Reason: no value for required parameter"),
        ),
        row(
            "test_get_subscription_attributes_error_not_exists",
            "GetSubscriptionAttributes",
            {"SubscriptionArn": SUBSCRIPTION},
            missing("Subscription does not exist"),
        ),
        row(
            "test_subscribe_bad_sms",
            "Subscribe",
            _subscribe(Protocol="sms", Endpoint="invalid-number"),
            fault("InvalidParameter", "Invalid SMS endpoint: invalid-number"),
        ),
        row(
            "test_subscribe_sqs_queue_url",
            "Subscribe",
            _subscribe(Endpoint="http://localhost/q"),
            invalid("SQS endpoint ARN"),
        ),
        row(
            "test_subscribe_unknown_sqs_queue",
            "Subscribe",
            _subscribe(Endpoint="invalid-arn"),
            invalid("SQS endpoint ARN"),
        ),
        row(
            "test_subscribe_unknown_topic",
            "Subscribe",
            _subscribe(TopicArn=NO_TOPIC),
            missing("Topic does not exist"),
        ),
        row(
            "test_unsubscribe_from_deleted_topic",
            "Unsubscribe",
            {"SubscriptionArn": "x"},
            invalid("SubscriptionArn Reason: An ARN must have at least 6 elements, not 1"),
        ),
        row(
            "test_subscribe_to_sqs_with_queue_url",
            "Subscribe",
            _subscribe(Endpoint="http://x/y"),
            invalid("SQS endpoint ARN"),
        ),
        row(
            "test_publish_batch_messages_without_topic",
            "PublishBatch",
            _entry(topic=NO_TOPIC),
            missing("Topic does not exist"),
        ),
        row(
            "test_publish_batch_exceptions no-group-id",
            "PublishBatch",
            _entry(topic=FIFO),
            invalid("The MessageGroupId parameter is required for FIFO topics"),
        ),
        row(
            "test_publish_batch_exceptions no-dedup-id",
            "PublishBatch",
            _entry(topic=FIFO, MessageGroupId="g"),
            invalid(
                "The topic should either have ContentBasedDeduplication enabled "
                "or MessageDeduplicationId provided explicitly"
            ),
        ),
        row(
            "test_publish_batch_exceptions no-default-key-json",
            "PublishBatch",
            _entry(Message="{}", MessageStructure="json"),
            invalid("Message Structure - No default entry in JSON message body"),
        ),
        row(
            "test_publish_batch_exceptions same-msg-id",
            "PublishBatch",
            {"TopicArn": TOPIC, "PublishBatchRequestEntries": [{"Id": "1", "Message": "m"}] * 2},
            fault("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id."),
        ),
        row(
            "test_publish_batch_exceptions too-many-msg",
            "PublishBatch",
            {"TopicArn": TOPIC, "PublishBatchRequestEntries": [{"Id": str(n), "Message": "m"} for n in range(11)]},
            fault("TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible."),
        ),
        row(
            "test_create_topic_test_arn",
            "GetTopicAttributes",
            {"TopicArn": NO_TOPIC},
            missing("Topic does not exist"),
        ),
        row(
            "test_add_permission_errors invalid-action",
            "AddPermission",
            {"TopicArn": TOPIC, "Label": "x", "AWSAccountId": ["000000000000"], "ActionName": ["InvalidAction"]},
            invalid("Policy statement action out of service scope!"),
        ),
        row(
            "test_add_permission_errors duplicate-label",
            "AddPermission",
            {"TopicArn": TOPIC, "Label": "taken", "AWSAccountId": ["000000000000"], "ActionName": ["Publish"]},
            invalid("Statement already exists"),
        ),
        row(
            "test_add_permission_errors topic-not-found",
            "AddPermission",
            {"TopicArn": NO_TOPIC, "Label": "x", "AWSAccountId": ["000000000000"], "ActionName": ["Publish"]},
            missing("Topic does not exist"),
        ),
        row(
            "test_remove_permission_errors",
            "RemovePermission",
            {"TopicArn": NO_TOPIC, "Label": "x"},
            missing("Topic does not exist"),
        ),
        row(
            "test_create_topic_different_attrs create-topic-diff-attrs",
            "CreateTopic",
            {"Name": "named", "Attributes": {"DisplayName": "Value2"}},
            invalid("Attributes Reason: Topic already exists with different attributes"),
        ),
        row(
            "test_create_topic_different_attrs create-topic-new-attrs",
            "CreateTopic",
            {"Name": "named", "Attributes": {"KmsMasterKeyId": "k"}},
            invalid("Attributes Reason: Topic already exists with different attributes"),
        ),
        row(
            "test_create_topic_different_attrs create-topic-new-and-same-attrs",
            "CreateTopic",
            {"Name": "named", "Attributes": {"DisplayName": "Value1", "KmsMasterKeyId": "k"}},
            invalid("Attributes Reason: Topic already exists with different attributes"),
        ),
        row(
            "test_create_topic_different_attrs create-topic-new-attrs-fifo",
            "CreateTopic",
            {"Name": "named", "Attributes": {"FifoTopic": "true"}},
            invalid("Topic Name"),
        ),
    ],
)
async def test_refused(operation: str, params: dict[str, Any], expected: dict[str, Any]) -> None:
    case = await _topics()
    assert await case.error(operation, **params) == expected


def _one(**content: Any) -> dict[str, Any]:
    return {"attr1": content}


def _named(name: str) -> dict[str, Any]:
    return {name: {"DataType": "String", "StringValue": "x"}}


_EMPTY = "The message attribute 'attr1' must contain non-empty message attribute value for message attribute type '{}'."
_FIELD = "The message attribute 'attr1' with type '{}' must use field '{}'."
_NULL = "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null"
_OTHER_TYPE = (
    "The message attribute 'attr1' has an invalid message attribute type, "
    "the set of supported type prefixes is Binary, Number, and String."
)
_OTHER_NAME = (
    "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. "
    "Can only include alphanumeric characters, hyphens, underscores, or dots."
)


@pytest.mark.parametrize("name", ["test_empty_or_wrong_message_attributes"])
async def test_refused_attributes(name: str) -> None:
    """Of a message and of a batch's entry, under `batch-` in the recorded case."""
    case = await Topics.begin()
    await case.topic()
    for key, attributes, text in (
        ("missing_string_attr", _one(DataType="String", StringValue=""), _EMPTY.format("String")),
        ("fully_missing_string_attr", _one(DataType="String"), _EMPTY.format("String")),
        ("missing_binary_attr", _one(DataType="Binary", BinaryValue=b""), _EMPTY.format("Binary")),
        ("str_attr_binary_value", _one(DataType="String", BinaryValue=b"x"), _FIELD.format("String", "String")),
        ("int_attr_binary_value", _one(DataType="Number", BinaryValue=b"1"), _FIELD.format("Number", "String")),
        ("binary_attr_string_value", _one(DataType="Binary", StringValue="x"), _FIELD.format("Binary", "Binary")),
        ("invalid_attr_string_value", _one(DataType="Bad", StringValue="x"), _OTHER_TYPE),
        ("too_long_name", _named("n" * 300), "Length of message attribute name must be less than 256 bytes."),
        ("invalid_name", _named("a^b"), _OTHER_NAME),
        ("invalid_name_2", _named(".a"), "Invalid message attribute name starting with character '.' was found."),
        ("invalid_name_3", _named("a."), "Invalid message attribute name ending with character '.' was found."),
        ("invalid_name_4", _named("a..b"), "Message attribute name can not have successive '.' character."),
    ):
        expected = fault("ParameterValueInvalid", text)
        params = {"TopicArn": TOPIC, "Message": "m", "MessageAttributes": attributes}
        assert await case.error("Publish", **params) == expected, key
        assert await case.error("PublishBatch", **_entry(MessageAttributes=attributes)) == expected, key
    null = _one(StringValue="x")
    error = await case.error("Publish", TopicArn=TOPIC, Message="m", MessageAttributes=null)
    assert error == fault("ValidationError", _NULL.format("messageAttributes.attr1.member.dataType"))
    error = await case.error("PublishBatch", **_entry(MessageAttributes=null))
    place = "publishBatchRequestEntries.1.member.messageAttributes.attr1.member.dataType"
    assert error == fault("ValidationError", _NULL.format(place))
