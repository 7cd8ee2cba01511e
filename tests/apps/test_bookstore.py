"""The book store's functions, without a cloud: what they keep, what they answer, and what they refuse."""

from __future__ import annotations

import importlib
import io
import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from PIL import Image

SOURCE = Path(__file__).parents[2] / "apps" / "bookstore" / "src"
BOOK = {"title": "Salt and Cedar", "author": "Teodora Reyes", "price": 16.9}
FUNCTIONS = ("list_books", "get_book", "create_book", "update_book", "delete_book", "upload_cover")
COVERS = "covers"


class FakeTable:
    """As much of a table as the functions use; conditions and updates are of the few forms that they write."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}

    def scan(self, Limit: int, ExclusiveStartKey: dict[str, str] | None = None) -> dict[str, Any]:
        after = ExclusiveStartKey["id"] if ExclusiveStartKey else ""
        rest = sorted(name for name in self.items if name > after)
        page: dict[str, Any] = {"Items": [self.items[name] for name in rest[:Limit]]}
        if len(rest) > Limit:
            page["LastEvaluatedKey"] = {"id": rest[Limit - 1]}
        return page

    def get_item(self, Key: dict[str, str], **how: Any) -> dict[str, Any]:
        return {"Item": self.items[Key["id"]]} if Key["id"] in self.items else {}

    def put_item(self, Item: dict[str, Any], ConditionExpression: str) -> None:
        assert ConditionExpression == "attribute_not_exists(id)"
        assert Item["id"] not in self.items
        self.items[Item["id"]] = Item

    def delete_item(self, Key: dict[str, str], ReturnValues: str) -> dict[str, Any]:
        assert ReturnValues == "ALL_OLD"
        old = self.items.pop(Key["id"], None)
        return {"Attributes": old} if old else {}

    def update_item(self, Key: dict[str, str], UpdateExpression: str, **more: Any) -> dict[str, Any]:
        names = more.get("ExpressionAttributeNames", {})
        values = more["ExpressionAttributeValues"]
        item = self.items.get(Key["id"])
        later = "cover <= :this" in more["ConditionExpression"] and item and item.get("cover", "") > values[":this"]
        if item is None or later:
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "UpdateItem")
        to_set, _, to_remove = UpdateExpression.removeprefix("SET ").partition(" REMOVE ")
        for pair in to_set.split(", "):
            name, _, value = pair.partition(" = ")
            item[names.get(name, name)] = values[value]
        for name in filter(None, to_remove.split(", ")):
            item.pop(names.get(name, name), None)
        return {"Attributes": item}


class FakeS3:
    """Keeps objects in a dictionary, and signs nothing."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.deleted: list[str] = []

    def generate_presigned_post(self, **asked: Any) -> dict[str, Any]:
        return {"url": f"http://s3/{asked['Bucket']}", "fields": {"key": asked["Key"], **asked["Fields"]}, "a": asked}

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        data = self.objects[Key]
        return {"ContentLength": len(data), "Body": io.BytesIO(data)}

    def put_object(self, Bucket: str, Key: str, Body: bytes, ContentType: str, CacheControl: str) -> None:
        assert (Bucket, ContentType) == (COVERS, "image/webp")
        self.objects[Key] = Body

    def delete_object(self, Bucket: str, Key: str) -> None:
        self.deleted.append(Key)


class Shop:
    """The functions, loaded as Lambda loads them, with a table and a bucket of their own."""

    def __init__(self) -> None:
        self.table = FakeTable()
        self.s3 = FakeS3()
        self.modules: dict[str, ModuleType] = {}

    def client(self, name: str, config: Any = None) -> Any:
        assert name == "s3"
        return self.s3

    def resource(self, name: str) -> Any:
        shop = self

        class DynamoDB:
            def Table(self, name: str) -> FakeTable:
                assert name == "books"
                return shop.table

        assert name == "dynamodb"
        return DynamoDB()

    def call(self, function: str, id: str = "", body: Any = None, **query: str) -> tuple[int, Any]:
        """Status and decoded body of the answer to a request, as API Gateway hands it over."""
        event = {
            "pathParameters": {"id": id} if id else None,
            "queryStringParameters": query or None,
            "body": body if isinstance(body, str) or body is None else json.dumps(body),
        }
        answer = self.modules[function].handler(event, None)
        assert answer["headers"]["Access-Control-Allow-Origin"] == "http://shop.test"
        return answer["statusCode"], json.loads(answer["body"]) if answer["body"] else None

    def draw(self, key: str, data: bytes) -> dict[str, Any]:
        """Upload a cover and have its pictures drawn."""
        self.s3.objects[key] = data
        event = {"Records": [{"s3": {"bucket": {"name": COVERS}, "object": {"key": key.replace(" ", "+")}}}]}
        (result,) = self.modules["draw_pictures"].handler(event, None)
        return dict(result)

    def add(self, **more: Any) -> str:
        """Add a book and give its id."""
        status, book = self.call("create_book", body={**BOOK, **more})
        assert status == 201
        return str(book["id"])


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop without books."""
    found = Shop()
    variables = {"TABLE": "books", "COVERS": COVERS, "COVER_BYTES_MAX": "1000", "ALLOW_ORIGIN": "http://shop.test"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "client", found.client)
    monkeypatch.setattr(boto3, "resource", found.resource)
    for folder in ("books", "pictures"):
        monkeypatch.syspath_prepend(str(SOURCE / folder))
    names = ("shop", *FUNCTIONS, "draw_pictures")
    for name in names:
        sys.modules.pop(name, None)
        found.modules[name] = importlib.import_module(name)
    yield found
    for name in names:
        sys.modules.pop(name, None)


def picture(size: tuple[int, int] = (40, 60), mode: str = "RGB", image_format: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, "#00808000" if mode == "RGBA" else "#008080").save(out, image_format)
    return out.getvalue()


def test_a_book_comes_and_goes(shop: Shop) -> None:
    id = shop.add(year=2014, genre=" Poetry ", description="")
    status, book = shop.call("get_book", id)
    assert status == 200
    assert {**BOOK, "year": 2014, "genre": "Poetry", "id": id}.items() <= book.items()
    assert "description" not in book, "an empty text is none"
    assert shop.call("list_books") == (200, {"books": [book]})
    assert shop.call("delete_book", id) == (204, None)
    for function in ("get_book", "delete_book"):
        assert shop.call(function, id) == (404, {"message": "There is no such book."})


def test_a_changed_book_keeps_its_cover_and_loses_what_is_left_out(shop: Shop) -> None:
    id = shop.add(year=2014, genre="Poetry")
    shop.table.items[id]["thumbnail"] = "pictures/x"
    status, book = shop.call("update_book", id, {**BOOK, "price": 12})
    assert (status, book["price"], book["thumbnail"]) == (200, 12, "pictures/x")
    assert "year" not in book
    assert "genre" not in book
    assert shop.call("update_book", "none", BOOK)[0] == 404
    assert list(shop.table.items) == [id], "changing a book that is gone does not bring it back"


def test_a_price_has_cents(shop: Shop) -> None:
    id = shop.add(price=9.99)
    assert shop.table.items[id]["price"] == Decimal("9.99")
    assert shop.call("get_book", id)[1]["price"] == 9.99


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "no JSON"),
        ("", "no JSON"),
        ('{"title": "a", "author": "b", "price": NaN}', "no JSON"),
        ("[]", "no object"),
        ({"title": "a", "price": 1}, "author is missing"),
        ({**BOOK, "title": "   "}, "title is missing"),
        ({**BOOK, "title": "x" * 201}, "at most 200"),
        ({**BOOK, "title": 7}, "title is a text"),
        ({**BOOK, "price": "7"}, "price is a number"),
        ({**BOOK, "price": True}, "price is a number"),
        ({**BOOK, "price": -1}, "between 0 and"),
        ({**BOOK, "year": 2000.5}, "whole number"),
        ({**BOOK, "id": "mine"}, "has no id"),
        ({**BOOK, "cover": "uploads/other"}, "has no cover"),
    ],
)
@pytest.mark.parametrize("function", ["create_book", "update_book"])
def test_what_is_no_book_is_refused(shop: Shop, function: str, body: Any, message: str) -> None:
    status, said = shop.call(function, "some", body)
    assert status == 400
    assert message in said["message"]
    assert not shop.table.items


def test_many_books_come_in_pages(shop: Shop) -> None:
    ids = sorted(shop.add(title=f"Volume {number}") for number in range(250))
    found: list[str] = []
    query: dict[str, str] = {}
    while True:
        status, page = shop.call("list_books", **query)
        assert status == 200
        found += [book["id"] for book in page["books"]]
        if "next" not in page:
            break
        query = {"next": page["next"]}
    assert found == ids
    for token in ("!", "bnVsbA==", "e30="):
        assert shop.call("list_books", next=token)[0] == 400


def test_the_form_for_a_cover_takes_pictures_of_this_book_only(shop: Shop) -> None:
    id = shop.add()
    status, form = shop.call("upload_cover", id, {"contentType": "image/png"})
    assert status == 200
    assert form["key"].startswith(f"uploads/{id}/")
    assert form["fields"] == {"key": form["key"], "Content-Type": "image/png"}
    assert form["a"]["Conditions"] == [["starts-with", "$Content-Type", "image/"], ["content-length-range", 1, 1000]]
    assert shop.call("upload_cover", "none", {"contentType": "image/png"})[0] == 404
    for wrong in ("text/html", "image/", "image/png; x", None, 7):
        assert shop.call("upload_cover", id, {"contentType": wrong})[0] == 400


def test_pictures_are_drawn_of_a_cover(shop: Shop) -> None:
    id = shop.add()
    result = shop.draw(f"uploads/{id}/1", picture((1000, 1500)))
    book = shop.call("get_book", id)[1]
    assert (result["entered"], book["cover"]) == (True, f"uploads/{id}/1")
    for name, size in (("thumbnail", (320, 480)), ("picture", (900, 1350))):
        image = Image.open(io.BytesIO(shop.s3.objects[book[name]]))
        assert (image.format, image.size) == ("WEBP", size)
    shop.call("delete_book", id)
    assert shop.s3.deleted == [book["cover"], book["picture"], book["thumbnail"]]


def test_transparency_stays_and_small_pictures_stay_small(shop: Shop) -> None:
    id = shop.add()
    result = shop.draw(f"uploads/{id}/1", picture((40, 60), "RGBA", "PNG"))
    image = Image.open(io.BytesIO(shop.s3.objects[result["thumbnail"]]))
    assert (image.mode, image.size) == ("RGBA", (40, 60))


def test_the_later_cover_wins_in_whatever_order_they_are_drawn(shop: Shop) -> None:
    id = shop.add()
    assert shop.draw(f"uploads/{id}/2", picture())["entered"]
    assert not shop.draw(f"uploads/{id}/1", picture())["entered"]
    assert shop.draw(f"uploads/{id}/2", picture())["entered"], "an event may come twice"
    assert shop.call("get_book", id)[1]["cover"] == f"uploads/{id}/2"


def test_a_cover_that_is_none_is_told_in_the_book(shop: Shop) -> None:
    id = shop.add()
    result = shop.draw(f"uploads/{id}/1", b"not a picture")
    assert "no picture" in result["skipped"]
    assert shop.call("get_book", id)[1]["unreadableCover"] == f"uploads/{id}/1"
    shop.draw(f"uploads/{id}/2", picture())
    assert "unreadableCover" not in shop.call("get_book", id)[1]


def test_a_cover_of_a_book_that_is_gone_is_nobodys(shop: Shop) -> None:
    assert shop.draw("uploads/gone/1", picture())["entered"] is False
    assert "skipped" in shop.draw("pictures/gone/1.webp", picture())
    assert not shop.table.items
