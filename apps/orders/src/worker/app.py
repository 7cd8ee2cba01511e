"""Writes orders from the queue into the table, and announces each new one.

A message may come more than once: after a failure, a time-out, or when the worker dies before the queue hears that it
was done. So each step finds out whether it was taken before: an order is written only if it is not there, and announced
only if it is not marked as announced. Messages that fail are named in the answer and come again; the others are done.
"""

import json
import os

import boto3
from botocore.exceptions import ClientError

TABLE = os.environ["TABLE"]
TOPIC_ARN = os.environ.get("TOPIC_ARN", "")

orders = boto3.resource("dynamodb").Table(TABLE)
sns = boto3.client("sns")


def handler(event, context):
    """Work on a batch; returns the messages that failed."""
    failures = []
    for record in event["Records"]:
        try:
            work(json.loads(record["body"]))
        except Exception as error:  # the other messages of the batch shall not suffer
            print(json.dumps({"failed": record["messageId"], "error": repr(error)}))
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def work(order):
    """Everything that is to be done for one order, each step once."""
    if not write(order) and announced(order["id"]):
        return
    announce(order)
    orders.update_item(
        Key={"id": order["id"]},
        UpdateExpression="SET announced = :yes",
        ExpressionAttributeValues={":yes": True},
    )


def write(order):
    """Write the order; False when it was there already."""
    try:
        orders.put_item(Item={**order, "announced": False}, ConditionExpression="attribute_not_exists(id)")
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True


def announced(id):
    """Whether the order was announced before."""
    found = orders.get_item(Key={"id": id}, ConsistentRead=True).get("Item", {})
    return bool(found.get("announced"))


def announce(order):
    """Tell the topic's subscribers."""
    if TOPIC_ARN:
        count = sum(item["quantity"] for item in order["items"])
        text = f"Order {order['id']} of {order['customer']}: {count} item{'s' if count != 1 else ''}."
        sns.publish(TopicArn=TOPIC_ARN, Subject=f"New order {order['id']}", Message=text)
