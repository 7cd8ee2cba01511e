"""Addresses and databases that cannot be used: one clear line, no password in it, nothing written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.contracts.clock import ManualClock
from lambent.contracts.ids import Ids
from lambent.kv.errors import StoreError, StoreTooNew, StoreUnreachable
from tests.kv.postgres_cluster import Cluster

pytest.importorskip("psycopg", reason="psycopg is not installed")

from lambent.kv.engines.postgres import PostgresStore
from lambent.kv.engines.postgres_setup import complete

TABLES = "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = '%s' ORDER BY 1"
SECRET = "hunter2"


def refusal(url: str) -> str:
    """The message with which a store on `url` is refused."""
    with pytest.raises(StoreError) as failure:
        PostgresStore(url, ManualClock(), Ids(1))
    message = str(failure.value)
    assert "\n" not in message
    assert SECRET not in message
    return message


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=12), st.text(max_size=8), st.text(max_size=12))
def test_no_address_however_broken_tells_the_password(user: str, around: str, rest: str) -> None:
    for url in (
        f"postgresql://{user}:{around}{SECRET}@{rest}",
        f"password={SECRET}{around} host={rest}",
        rest + SECRET,
    ):
        try:
            complete(url)
        except StoreUnreachable as error:
            said = str(error)
        else:
            said = ""
        assert SECRET not in said
        assert "\n" not in said


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://host/db", "not one"),
        ("mysql://u:hunter2@host/db", "not one"),
        ("postgresql://u:hunter2@[::1/db", "not one"),
        ("postgresql://u:hunter2@127.0.0.1/db?colour=blue", "not one"),
        ("postgresql://u:p@hunter2@127.0.0.1:1/db", "%40"),
        ("postgresql://u:p/hunter2@127.0.0.1:1/db", "%2F"),
        ("postgresql://u:hunter2@127.0.0.1:port/db", "127.0.0.1 cannot be reached"),
        ("postgresql://u:hunter2@127.0.0.1:99999/db", "127.0.0.1 cannot be reached"),
        ("postgresql://u:hunter2@127.0.0.1:1/db", "the PostgreSQL database db on 127.0.0.1 cannot be reached"),
        ("postgresql://u:hunter2@no-such-host.invalid/db", "no-such-host.invalid cannot be reached"),
        ("postgresql://u:hunter2@/db?host=/no/such/folder", "/no/such/folder cannot be reached"),
        ("postgresql://u:hunter2@127.0.0.1:1/db?sslmode=sometimes", "sslmode"),
    ],
)
def test_an_address_that_leads_nowhere_is_said_in_one_line(url: str, says: str) -> None:
    assert says in refusal(url)


@pytest.mark.slow
def test_a_wrong_password_is_said_without_it(cluster: Cluster) -> None:
    cluster.execute("CREATE ROLE closed LOGIN PASSWORD 'right'")
    cluster.execute("ALTER ROLE closed CONNECTION LIMIT 0")
    assert "cannot be reached" in refusal(cluster.url("closed", SECRET))
    assert "does not exist" in refusal(cluster.url("nobody-of-this-name"))


@pytest.mark.slow
def test_a_database_that_may_not_be_written_is_left_alone(cluster: Cluster) -> None:
    cluster.execute("CREATE ROLE guest LOGIN")
    cluster.execute("CREATE SCHEMA foreign_schema")
    cluster.execute("GRANT USAGE ON SCHEMA foreign_schema TO guest")
    assert "permission denied" in refusal(cluster.url("guest", options="-csearch_path=foreign_schema"))
    assert cluster.execute(TABLES % "foreign_schema") == []


@pytest.mark.slow
async def test_tables_that_may_only_be_read_are_said_so(cluster: Cluster) -> None:
    url = cluster.schema()
    await PostgresStore(url, ManualClock(), Ids(1)).close()
    schema = url.rpartition("%3D")[2]
    cluster.execute("CREATE ROLE reader LOGIN")
    cluster.execute(f"GRANT USAGE ON SCHEMA {schema} TO reader")
    cluster.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader")
    assert "may only be read" in refusal(cluster.url("reader", options=f"-csearch_path={schema}"))


@pytest.mark.slow
@pytest.mark.parametrize("version", ["2", "99", "NULL"])
def test_a_newer_format_is_refused_and_left_alone(cluster: Cluster, version: str) -> None:
    url = cluster.schema()
    schema = url.rpartition("%3D")[2]
    cluster.execute(f"CREATE TABLE {schema}.lambent_format (version integer)")
    cluster.execute(f"INSERT INTO {schema}.lambent_format VALUES ({version})")
    with pytest.raises(StoreTooNew, match="this program knows formats up to 1"):
        PostgresStore(url, ManualClock(), Ids(1))
    assert cluster.execute(TABLES % schema) == [("lambent_format",)]


@pytest.mark.slow
def test_tables_of_somebody_else_are_left_alone(cluster: Cluster) -> None:
    url = cluster.schema()
    schema = url.rpartition("%3D")[2]
    cluster.execute(f"CREATE TABLE {schema}.lambent_kv (id integer)")
    assert "already exists" in refusal(url)
    assert cluster.execute(TABLES % schema) == [("lambent_kv",)]


@pytest.mark.slow
async def test_a_table_that_is_taken_away_is_an_error_of_the_store(cluster: Cluster) -> None:
    url = cluster.schema()
    store = PostgresStore(url, ManualClock(), Ids(1))
    cluster.execute(f"DROP TABLE {url.rpartition('%3D')[2]}.lambent_kv")
    with pytest.raises(StoreUnreachable, match="does not exist"):
        await store.read(lambda tx: tx.get(b"k"))
    await store.close()
