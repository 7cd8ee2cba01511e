"""PynamoDB, an object mapper that knows DynamoDB's protocol by heart, works unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pynamodb.attributes import (
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    NumberSetAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)
from pynamodb.connection import Connection
from pynamodb.exceptions import PutError, TransactWriteError, UpdateError
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection, LocalSecondaryIndex
from pynamodb.models import Model
from pynamodb.transactions import TransactGet, TransactWrite

from tests.e2e.node import REGION, Node

pytestmark = pytest.mark.e2e


class ViewIndex(GlobalSecondaryIndex):
    """Threads by their number of views."""

    class Meta:
        index_name = "views"
        projection = AllProjection()
        read_capacity_units = 1
        write_capacity_units = 1

    views = NumberAttribute(hash_key=True)


class NewestIndex(LocalSecondaryIndex):
    """Threads of a forum by their time."""

    class Meta:
        index_name = "newest"
        projection = KeysOnlyProjection()

    forum = UnicodeAttribute(hash_key=True)
    posted = UTCDateTimeAttribute(range_key=True)


class Author(MapAttribute[str, str]):
    """Who wrote it."""

    name = UnicodeAttribute()
    age = NumberAttribute(null=True)


class Thread(Model):
    """What PynamoDB's own tutorial keeps: threads of a forum."""

    class Meta:
        table_name = "Thread"
        region = REGION
        aws_access_key_id = "test"
        aws_secret_access_key = "test"
        host = ""

    forum = UnicodeAttribute(hash_key=True)
    subject = UnicodeAttribute(range_key=True)
    views = NumberAttribute(default=0)
    replies = NumberAttribute(default=0)
    posted = UTCDateTimeAttribute(default=datetime(2026, 1, 1, tzinfo=UTC))
    tags = UnicodeSetAttribute(null=True)
    scores = NumberSetAttribute(null=True)
    author = Author(null=True)
    lines = ListAttribute[str](default=list)
    until = TTLAttribute(null=True)
    version = VersionAttribute()
    by_views = ViewIndex()
    newest = NewestIndex()


@pytest.fixture(scope="module")
def threads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[Thread]]:
    node = Node(Path(tmp_path_factory.mktemp("cloud"))).start()
    Thread.Meta.host = node.url
    Thread.create_table(read_capacity_units=1, write_capacity_units=1, wait=True)
    yield Thread
    Thread.delete_table()
    node.stop()


def test_items_are_saved_read_and_updated(threads: type[Thread]) -> None:
    thread = threads("dogs", "bones", tags={"a", "b"}, scores={1, 2.5}, author=Author(name="Ada", age=36), lines=["x"])
    thread.save()
    found = threads.get("dogs", "bones")
    assert (found.tags, found.scores, found.author.name, found.author.age, found.lines, found.version) == (
        {"a", "b"}, {1, 2.5}, "Ada", 36, ["x"], 1,
    )  # fmt: skip
    found.update(
        actions=[
            threads.views.set(threads.views + 5),
            threads.tags.add({"c"}),
            threads.lines.set(threads.lines.append(["y"])),
            threads.author.age.remove(),
        ],
        condition=threads.author.name == "Ada",
    )
    assert (found.views, found.tags, found.lines, found.author.age, found.version) == (
        5, {"a", "b", "c"}, ["x", "y"], None, 2,
    )  # fmt: skip
    with pytest.raises(UpdateError, match="ConditionalCheckFailed"):
        found.update(actions=[threads.views.set(0)], condition=threads.views.between(6, 9))
    with pytest.raises(PutError, match="ConditionalCheckFailed"):
        threads("dogs", "bones").save()  # its version says that it is new


def test_queries_scans_and_batches(threads: type[Thread]) -> None:
    with threads.batch_write() as batch:
        for number in range(60):
            posted = datetime(2026, 1, 1 + number % 28, tzinfo=UTC)
            batch.save(threads("cats", f"{number:02}", views=number % 3, posted=posted))
    assert threads.count("cats", threads.subject.startswith("1")) == 10
    assert [thread.subject for thread in threads.query("cats", threads.subject < "03", scan_index_forward=False)] == [
        "02", "01", "00",
    ]  # fmt: skip
    assert len(list(threads.query("cats", filter_condition=threads.views.is_in(1, 2)))) == 40
    assert len(list(threads.by_views.query(1))) == 20
    newest = next(iter(threads.newest.query("cats", scan_index_forward=False, limit=1)))
    assert newest.subject in {"27", "55"}
    pages = threads.query("cats", page_size=7)
    assert len(list(pages)) == 60
    assert (
        len(list(threads.scan(threads.forum == "cats", segment=0, total_segments=2)))
        + len(list(threads.scan(threads.forum == "cats", segment=1, total_segments=2)))
        == 60
    )
    got = list(threads.batch_get([("cats", f"{number:02}") for number in range(60)] + [("cats", "none")]))
    assert len(got) == 60
    with threads.batch_write() as batch:
        for thread in got:
            batch.delete(thread)
    assert threads.count("cats") == 0


def test_transactions(threads: type[Thread]) -> None:
    connection = Connection(region=REGION, host=threads.Meta.host)
    connection.session.set_credentials("test", "test")
    with TransactWrite(connection=connection, client_request_token="once") as transaction:
        transaction.save(threads("birds", "one"))
        transaction.save(threads("birds", "two"))
    refused = TransactWrite(connection=connection)
    refused.save(threads("birds", "three"))
    refused.condition_check(threads, "birds", "none", condition=threads.forum.exists())
    with pytest.raises(TransactWriteError) as told:
        refused._commit()
    # PynamoDB sends the checks first.
    codes = [reason.code if reason else None for reason in told.value.cancellation_reasons]
    assert codes == ["ConditionalCheckFailed", None]
    with TransactGet(connection=connection) as transaction:
        futures = [transaction.get(threads, "birds", subject) for subject in ("one", "two")]
    assert [future.get().subject for future in futures] == ["one", "two"]
    assert threads.count("birds") == 2
