"""What the functions of the book store share: the table, answers to a browser, and what a book is."""

import json
import math
import os
import time
from decimal import Decimal

import boto3

FIELDS = {"title": 200, "author": 120, "genre": 60, "description": 4000}
REQUIRED = ("title", "author", "price")
PRICE_MAX = 100_000
YEARS = (-3000, 2100)

books = boto3.resource("dynamodb").Table(os.environ["TABLE"])


class BadRequest(Exception):
    """The request cannot be served as it is; the text says why."""


def answer(status, value=None):
    """The answer of a function behind an API: `value` as JSON, and the header that lets the page's script read it."""
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    if os.environ.get("ALLOW_ORIGIN"):
        headers["Access-Control-Allow-Origin"] = os.environ["ALLOW_ORIGIN"]
    body = "" if value is None else json.dumps(value, default=_plain)
    return {"statusCode": status, "headers": headers, "body": body}


def refusal(status, message):
    """An answer that says why not."""
    return answer(status, {"message": message})


def _plain(value):
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(type(value).__name__)


def body_of(event):
    """The JSON object that a request brings; `BadRequest`."""
    try:
        found = json.loads(event.get("body") or "", parse_float=Decimal, parse_constant=_no_number)
    except ValueError:
        raise BadRequest("The body is no JSON.") from None
    if not isinstance(found, dict):
        raise BadRequest("The body is no object.")
    return found


def _no_number(text):
    raise ValueError(text)


def book_of(event):
    """The book that a request describes, fit for the table; `BadRequest`. API Gateway has held it against the model
    already, but a function does not rely on who calls it."""
    given = body_of(event)
    unknown = sorted(given.keys() - FIELDS.keys() - {"price", "year"})
    if unknown:
        raise BadRequest(f"A book has no {unknown[0]}.")
    book = {}
    for name, longest in FIELDS.items():
        text = given.get(name, "")
        if not isinstance(text, str) or len(text.strip()) > longest:
            raise BadRequest(f"The {name} is a text of at most {longest} characters.")
        if text.strip():
            book[name] = text.strip()
    if "price" in given:
        book["price"] = _price(given["price"])
    if given.get("year") is not None:
        book["year"] = _year(given["year"])
    for name in REQUIRED:
        if name not in book:
            raise BadRequest(f"The {name} is missing.")
    return book


def _price(value):
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)) or not math.isfinite(value):
        raise BadRequest("The price is a number.")
    if not 0 <= value <= PRICE_MAX:
        raise BadRequest(f"The price lies between 0 and {PRICE_MAX}.")
    return Decimal(value).quantize(Decimal("0.01"))


def _year(value):
    if isinstance(value, bool) or not isinstance(value, int) or not YEARS[0] <= value <= YEARS[1]:
        raise BadRequest(f"The year is a whole number from {YEARS[0]} to {YEARS[1]}.")
    return value


def now():
    """The time as books carry it, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def id_of(event):
    """The book that the path names."""
    return event["pathParameters"]["id"]
