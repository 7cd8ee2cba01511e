"""Several nodes on one PostgreSQL, as commands start them: workers behind one port, nodes that come and go."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.node import BIN, Node, eventually
from tests.kv.postgres_cluster import Cluster, find_binaries, started

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(find_binaries() is None, reason="PostgreSQL is not installed")]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    binaries = find_binaries()
    assert binaries is not None
    with started(binaries) as running:
        yield running


@pytest.fixture
def node(cluster: Cluster, tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """Makes nodes of one cloud; they are stopped afterwards."""
    url = cluster.schema()
    made: list[Node] = []

    def make(name: str, *options: str) -> Node:
        made.append(Node(tmp_path / name, "--store", url, *options))
        return made[-1].start()

    yield make
    for each in made:
        each.stop()


def processes(parent: int) -> list[int]:
    """The workers of a supervisor."""
    found = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def test_workers_share_a_port_and_one_that_is_killed_comes_back(node: Callable[..., Node]) -> None:
    front = node("front", "--workers", "3")
    assert front.said.count("ready ") == 1
    s3 = front.client("s3")
    s3.create_bucket(Bucket="shelf")
    for number in range(30):
        front.client("s3").put_object(Bucket="shelf", Key=str(number), Body=b"x" * 100)
    assert s3.list_objects_v2(Bucket="shelf")["KeyCount"] == 30
    names = {member["name"] for member in front.health()["nodes"]}
    assert sorted(name.rpartition("#")[2] for name in names) == ["1", "2", "3"]
    assert front.pid is not None
    victim = processes(front.pid)[1]
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: len(processes(front.pid)) == 3 and victim not in processes(front.pid), 20)
    # Its place among the nodes is taken over, and the new process has one of its own.
    eventually(lambda: len(front.health()["nodes"]) == 3 and names != _names(front), 20)
    assert front.client("s3").get_object(Bucket="shelf", Key="7")["Body"].read() == b"x" * 100


def _names(node: Node) -> set[str]:
    return {member["name"] for member in node.health()["nodes"]}


def test_workers_end_with_their_supervisor_even_when_it_is_killed(node: Callable[..., Node]) -> None:
    front = node("front", "--workers", "2")
    assert front.pid is not None
    workers = processes(front.pid)
    assert len(workers) == 2
    front.kill()
    eventually(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers), 20)


def test_a_node_joins_by_starting_and_leaves_by_sigterm(node: Callable[..., Node]) -> None:
    first = node("first")
    first.client("s3").create_bucket(Bucket="shelf")
    second = node("second")
    assert [bucket["Name"] for bucket in second.client("s3").list_buckets()["Buckets"]] == ["shelf"]
    assert len(first.health()["nodes"]) == 2
    shown = first.run("lambent", "status").stdout
    assert first.url in shown
    assert second.url in shown
    assert second.stop() == 0
    assert len(first.health()["nodes"]) == 1, "a node that leaves in order is gone at once"


def test_what_one_node_grants_or_takes_away_holds_on_the_others_at_once(node: Callable[..., Node]) -> None:
    first, second = node("first"), node("second")
    iam = first.client("iam")
    iam.create_user(UserName="ada")
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    theirs = second.client("s3", key["AccessKeyId"], key["SecretAccessKey"])
    with pytest.raises(theirs.exceptions.ClientError, match="AccessDenied"):
        theirs.list_buckets()
    allow = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
    iam.put_user_policy(UserName="ada", PolicyName="s3", PolicyDocument=allow)
    assert theirs.list_buckets()["Buckets"] == []
    iam.delete_user_policy(UserName="ada", PolicyName="s3")
    with pytest.raises(theirs.exceptions.ClientError, match="AccessDenied"):
        theirs.list_buckets()


def refused(tmp_path: Path, *options: str) -> str:
    """The one line with which `lambent up` refuses to start; it must leave no data folder behind."""
    folder = tmp_path / "refused"
    done = subprocess.run(
        [BIN / "lambent", "up", "--port", "0", "--data", folder, *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("lambent: ")
    assert done.stderr.count("\n") == 1
    assert not folder.exists()
    return done.stderr


def test_what_cannot_be_opened_is_said_in_one_line_and_leaves_nothing(cluster: Cluster, tmp_path: Path) -> None:
    assert "mysql" in refused(tmp_path, "--store", "mysql://host/db")
    assert "--store" in refused(tmp_path, "--workers", "2")
    assert "--store" in refused(tmp_path, "--blobs", "s3://bucket")
    cluster.execute("CREATE ROLE locked LOGIN PASSWORD 'right'")
    wrong = refused(tmp_path, "--store", cluster.url("locked", "hush"))
    assert "hush" not in wrong
    assert "locked" in wrong
    assert "ftp" in refused(tmp_path, "--store", cluster.schema(), "--blobs", "ftp://bucket")
    nobody = "s3://bucket?endpoint=http://127.0.0.1:1&access_key=a&secret_key=hush"
    unreachable = refused(tmp_path, "--store", cluster.schema(), "--blobs", nobody)
    assert "127.0.0.1:1" in unreachable
    assert "hush" not in unreachable


def test_a_store_of_a_newer_version_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    url = cluster.schema()
    Node(tmp_path / "first", "--store", url).start().stop()
    schema = url.rpartition("search_path%3D")[2]
    cluster.execute(f"UPDATE {schema}.lambent_format SET version = 99")
    assert "99" in refused(tmp_path, "--store", url)


def test_a_data_folder_belongs_to_one_cloud(cluster: Cluster, node: Callable[..., Node], tmp_path: Path) -> None:
    first = node("first")
    first.stop()
    mine = first.folder
    before = sorted(mine.rglob("*"))
    empty, others = cluster.schema(), cluster.schema()
    Node(tmp_path / "other", "--store", others).start().stop()
    for options, said in (
        ((), "belongs to a node of a cloud on another store"),
        (("--store", empty), "holds no cloud, and this node belongs to one"),
        (("--store", others), "belongs to a node of another cloud"),
    ):
        done = subprocess.run(
            [BIN / "lambent", "up", "--port", "0", "--data", mine, *options],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
    schema = empty.rpartition("search_path%3D")[2]
    assert cluster.execute(f"SELECT 1 FROM pg_tables WHERE schemaname = '{schema}'") == []
    alone = Node(tmp_path / "alone").start()
    alone.stop()
    done = subprocess.run(
        [BIN / "lambent", "up", "--port", "0", "--data", alone.folder, "--store", cluster.schema()],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "a cloud of its own" in done.stderr
    assert sorted(mine.rglob("*")) == before


def test_two_nodes_cannot_share_a_data_folder(node: Callable[..., Node], cluster: Cluster) -> None:
    first = node("first")
    (first.folder / "node.json").unlink()  # the note is a help, the lock is what counts
    done = subprocess.run(
        [BIN / "lambent", "up", "--port", "0", "--data", first.folder, *first.options],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"in use by process {first.pid}" in done.stderr


def test_a_folder_that_cannot_be_used_is_said_before_the_store_is_touched(
    node: Callable[..., Node], cluster: Cluster, tmp_path: Path
) -> None:
    first = node("first")
    (first.folder / "node.json").unlink()
    (tmp_path / "file").touch()
    empty = cluster.schema()
    for folder, why in (
        (first.folder, f"the data folder {first.folder} is in use by process {first.pid}"),
        (tmp_path / "file", f"cannot use the data folder {tmp_path / 'file'}: Not a directory"),
        (tmp_path / "file" / "below", f"cannot use the data folder {tmp_path / 'file' / 'below'}: Not a directory"),
    ):
        done = subprocess.run(
            [BIN / "lambent", "up", "--port", "0", "--data", folder, "--store", empty],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (1, f"lambent: {why}\n")
    schema = empty.rpartition("search_path%3D")[2]
    assert cluster.execute(f"SELECT to_regclass('{schema}.lambent_kv')") == [(None,)]


def test_a_supervisor_whose_first_worker_fails_says_one_line(cluster: Cluster, tmp_path: Path) -> None:
    assert "refused" in refused(tmp_path, "--workers", "2", "--store", "postgresql://nobody@127.0.0.1:1/nothing")


def test_an_interrupt_from_the_terminal_lets_requests_under_way_finish(node: Callable[..., Node]) -> None:
    """Ctrl-C goes to every process of the group: workers must not hear it beside their supervisor's word."""
    front = node("front", "--workers", "2")
    assert front.pid is not None
    assert {os.getpgid(worker) for worker in processes(front.pid)}.isdisjoint({os.getpgid(front.pid)})


def test_a_supervisor_that_is_told_to_stop_while_it_starts_stops_at_once(cluster: Cluster, tmp_path: Path) -> None:
    """Here its first worker waits for a lock of the database, and would wait on."""
    import psycopg  # deferred, both: an optional dependency

    from lambent.kv.engines.postgres_setup import SETUP_LOCK

    url = cluster.schema()
    with psycopg.connect(cluster.url()) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", (SETUP_LOCK,))
        options = ["--port", "0", "--data", str(tmp_path / "cloud"), "--workers", "2", "--store", url]
        command = [str(BIN / "lambent"), "up", *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as supervisor:
            waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            eventually(lambda: cluster.execute(waiting), 20)
            (worker,) = processes(supervisor.pid)
            supervisor.terminate()
            said = supervisor.communicate(timeout=5)
        assert said == ("", "")
        assert supervisor.returncode == 0
        assert not Path(f"/proc/{worker}").exists()
