"""What the commands believe about a running node."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lambent.cli import common, lifecycle
from lambent.cli.common import running_node


@pytest.mark.parametrize(
    "note",
    [
        "",
        '{"pid":',
        "[]",
        "7",
        "{}",
        json.dumps({"pid": "x", "endpoint": "http://127.0.0.1:1"}),
        json.dumps({"pid": None, "endpoint": "http://127.0.0.1:1"}),
        json.dumps({"pid": os.getpid()}),
        *(json.dumps({"pid": pid, "endpoint": "http://127.0.0.1:1"}) for pid in (1, 0, -1, -2, 2**22 + 1, 2**80)),
        json.dumps({"pid": os.getpid(), "endpoint": "http://127.0.0.1:1"}),  # a process, but no cloud
    ],
)
def test_a_note_that_is_no_nodes_is_not_believed(tmp_path: Path, note: str) -> None:
    """Above all not -1: a signal to it would reach every process of the user."""
    (tmp_path / "node.json").write_text(note)
    assert running_node(tmp_path) is None


def test_without_a_note_nothing_runs(tmp_path: Path) -> None:
    assert running_node(tmp_path) is None


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("https://0.0.0.0:4566", "https://127.0.0.1:4566"),
        ("http://[::]:80", "http://[::1]:80"),
        ("http://10.0.0.1:4566", "http://10.0.0.1:4566"),
    ],
)
def test_a_cloud_on_every_address_is_found_on_loopback(
    said: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common, "running_node", lambda folder: {"pid": 7, "endpoint": said})
    assert common.find_endpoint(None, tmp_path) == found


def test_commands_go_where_awss_own_tools_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "running_node", lambda folder: {"pid": 7, "endpoint": "http://127.0.0.1:1"})
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:2/")
    assert common.find_endpoint("http://127.0.0.1:3") == "http://127.0.0.1:3"
    assert common.find_endpoint(None) == "http://127.0.0.1:2"
    assert common.find_endpoint(None, tmp_path) == "http://127.0.0.1:1"
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert common.find_endpoint(None) == "http://127.0.0.1:1"


def test_env_does_not_believe_what_it_printed_before(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(common, "running_node", lambda folder: {"pid": 7, "endpoint": "http://127.0.0.1:1"})
    monkeypatch.setattr(lifecycle, "health", lambda endpoint, data: None)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:2")
    lifecycle.env()
    assert "export AWS_ENDPOINT_URL=http://127.0.0.1:1\n" in capsys.readouterr().out
