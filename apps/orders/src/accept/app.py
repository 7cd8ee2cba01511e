"""Takes an order in: checks it, gives it an id, and puts it on the queue. The worker does the rest.

The event is an order, or an HTTP request whose body is one: `{"id": "...", "customer": "...", "items": [{"sku": "...",
"quantity": 1}]}`. The id is optional; who sends the same order again sends the same id.
"""

import base64
import json
import os
import uuid

import boto3

QUEUE_URL = os.environ["QUEUE_URL"]
ID_LENGTH_MAX = 64

sqs = boto3.client("sqs")


class BadOrder(Exception):
    """The order is incomplete; the message says what is wrong."""


def handler(event, context):
    """Accept one order; returns its id, to an HTTP request as a response."""
    over_http = "requestContext" in event
    try:
        order = checked(body_of(event) if over_http else event)
    except BadOrder as error:
        return answer(400, {"error": str(error)}) if over_http else {"error": str(error)}
    sqs.send_message(QueueUrl=QUEUE_URL, MessageBody=json.dumps(order))
    return answer(202, {"id": order["id"]}) if over_http else {"id": order["id"]}


def body_of(event):
    """The JSON in a request's body."""
    text = event.get("body") or ""
    try:
        return json.loads(base64.b64decode(text) if event.get("isBase64Encoded") else text)
    except ValueError:
        raise BadOrder("the body is no JSON") from None


def checked(order):
    """The order with an id, without anything that does not belong to it."""
    if not isinstance(order, dict):
        raise BadOrder("an order is an object")
    id = order.get("id") or str(uuid.uuid4())
    if not isinstance(id, str) or len(id) > ID_LENGTH_MAX:
        raise BadOrder(f"the id is a text of at most {ID_LENGTH_MAX} characters")
    if not isinstance(order.get("customer"), str) or not order["customer"]:
        raise BadOrder("the customer is missing")
    items = order.get("items")
    if not isinstance(items, list) or not items:
        raise BadOrder("an order has items")
    return {"id": id, "customer": order["customer"], "items": [checked_item(item) for item in items]}


def checked_item(item):
    """One line of an order."""
    if not isinstance(item, dict) or not isinstance(item.get("sku"), str):
        raise BadOrder("an item has a sku")
    quantity = item.get("quantity", 1)
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
        raise BadOrder("a quantity is a number from 1")
    return {"sku": item["sku"], "quantity": quantity}


def answer(status, body):
    """An HTTP response."""
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
