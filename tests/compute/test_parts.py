"""The parts that need no sandbox: log splitting, archives, the system-call filter, report lines."""

from __future__ import annotations

import asyncio
import io
import json
import os
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.compute import report, seccomp
from lambent.compute.addresses import reachable
from lambent.compute.code import BadArchive, merge, unpack
from lambent.compute.logs import EVENT_BYTES_MAX, Splitter
from lambent.compute.runtime_api import Connection, Desk, header_value, next_message, protocol_factory


def _frame(text: bytes) -> bytes:
    return b"\xa5\x5a\x00\x03" + len(text).to_bytes(4, "big") + b"\0" * 8 + text


@given(st.lists(st.tuples(st.booleans(), st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"])))))
def test_any_cut_gives_the_same_lines(parts: list[tuple[bool, str]]) -> None:
    """Lines and frames come out whole and in order, wherever the pipe cut them."""
    stream = b"".join(_frame(t.encode()) if framed else t.encode() + b"\n" for framed, t in parts)
    whole = Splitter().feed(stream)
    assert whole == [text for _, text in parts]
    splitter = Splitter()
    assert [line for byte in stream for line in splitter.feed(bytes([byte]))] == whole


@given(st.binary(max_size=200))
def test_no_bytes_break_the_splitter(data: bytes) -> None:
    """Whatever a function prints, the splitter goes on, and holds back no more than one event."""
    splitter = Splitter()
    splitter.feed(data)
    splitter.finish()
    assert splitter.feed(b"\n")[-1:] is not None
    assert len(splitter._rest) <= EVENT_BYTES_MAX + 16


def test_long_lines_are_cut() -> None:
    """A line longer than an event becomes several."""
    lines = Splitter().feed(b"x" * (EVENT_BYTES_MAX * 2 + 5) + b"\n")
    assert [len(line) for line in lines] == [EVENT_BYTES_MAX, EVENT_BYTES_MAX, 5]


def _archive(path: Path, entries: list[tuple[str, bytes, int]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content, mode in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(info, content)
    return path


def test_unpack_keeps_modes_and_inner_links(tmp_path: Path) -> None:
    """Executables stay executable, everything is readable, links inside the archive work."""
    source = _archive(
        tmp_path / "a.zip",
        [
            ("bin/run", b"#!/bin/sh", stat.S_IFREG | 0o755),
            ("secret", b"s", stat.S_IFREG | 0o600),
            ("lib/link", b"../secret", stat.S_IFLNK | 0o777),
            ("plain", b"p", 0),
        ],
    )
    assert unpack(source, tmp_path / "out") == 11
    assert (tmp_path / "out/bin/run").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out/secret").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "out/plain").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "out/lib/link").read_bytes() == b"s"


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([("../x", b"", 0)], "outside itself"),
        ([("/x", b"", 0)], "outside itself"),
        ([("a/../../x", b"", 0)], "outside itself"),
        ([("l", b"/etc/passwd", stat.S_IFLNK | 0o777)], "points outside"),
        ([("l", b"../../x", stat.S_IFLNK | 0o777)], "points outside"),
        ([("l", b".", stat.S_IFLNK | 0o777), ("l/x", b"", stat.S_IFREG | 0o644)], "unzip"),
        ([("big", b"0" * 2_000_000, 0)], "Unzipped size"),
        ([("a", b"", 0), ("a/b", b"", 0)], "unzip"),
    ],
)
def test_unpack_refuses(tmp_path: Path, entries: list[tuple[str, bytes, int]], reason: str) -> None:
    """Nothing of an archive gets outside its folder, through names or links, nor beyond the size."""
    source = _archive(tmp_path / "a.zip", entries)
    with pytest.raises(BadArchive, match=reason):
        unpack(source, tmp_path / "in" / "out", bytes_max=1_000_000)
    assert sorted(os.listdir(tmp_path)) == ["a.zip", "in"]
    assert sorted(os.listdir(tmp_path / "in")) == ["out"]


def test_merge_puts_later_layers_on_top(tmp_path: Path) -> None:
    """Files replace files, folders join."""
    for name, files in {"one": {"a/x": "1", "a/y": "1"}, "two": {"a/x": "2", "b": "2"}}.items():
        for path, text in files.items():
            target = tmp_path / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    merge([tmp_path / "one", tmp_path / "two"], tmp_path / "out")
    found = {str(p.relative_to(tmp_path / "out")): p.read_text() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert found == {"a/x": "2", "a/y": "1", "b": "2"}
    assert (tmp_path / "one/a/x").read_text() == "1"


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_is_well_formed(machine: str) -> None:
    """Whole instructions, jumps that stay inside, a return at the end."""
    text = seccomp.program(machine)
    assert text is not None
    assert len(text) % 8 == 0
    count = len(text) // 8
    assert count < 4096
    for index in range(count):
        code, true, false = text[index * 8], text[index * 8 + 2], text[index * 8 + 3]
        if code & 0x07 == 0x05:
            assert index + 1 + max(true, false) < count
    assert text[-8] == 0x06
    assert seccomp.program("vax") is None


def test_report_lines() -> None:
    """The shapes that AWS writes."""
    fault = report.timed_out(3)
    assert report.report("r", 3000, 0, 128, 36, fault) == (
        "REPORT RequestId: r\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 36 MB\tStatus: timeout"
    )
    assert report.report("r", 3.01, 110.1, 128, 36, None) == (
        "REPORT RequestId: r\tDuration: 3.01 ms\tBilled Duration: 114 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 36 MB\tInit Duration: 110.10 ms\t"
    )
    assert report.fault_line(fault, "r", 1_700_000_000_123) == (
        "2023-11-14T22:13:20.123Z r Task timed out after 3.00 seconds\n"
    )
    assert report.exit_reason(139) == "Runtime exited with error: signal: segmentation fault"


class _Desk(Desk):
    """Notes what the runtime says."""

    def __init__(self) -> None:
        self.said: list[object] = []

    def on_next(self, connection: Connection) -> None:
        """Answer at once."""
        connection.answer(next_message([(b"Lambda-Runtime-Aws-Request-Id", "1")], b"{}"))

    def on_response(self, request_id: str, body: bytes | None) -> bool:
        """Note it."""
        self.said.append((request_id, body))
        return True

    def on_error(self, request_id: str, body: bytes) -> bool:
        """Note it."""
        self.said.append((request_id, body))
        return True

    def on_init_error(self, body: bytes, kind: str) -> bool:
        """Note it."""
        self.said.append((kind, body))
        return True

    def on_gone(self, connection: Connection) -> None:
        """Nothing."""


class _Wire(asyncio.Transport):
    """Collects what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.out = io.BytesIO()
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Collect."""
        self.out.write(data)

    def abort(self) -> None:
        """Note it."""
        self.aborted = True


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=3))
def test_runtime_api_survives_any_bytes(data: bytes, cuts: list[int]) -> None:
    """Garbage ends the connection or is answered; it raises nothing."""
    desk, wire = _Desk(), _Wire()
    connection = protocol_factory(desk)()
    connection.connection_made(wire)
    at = 0
    for cut in [*sorted(cuts), len(data)]:
        if data[at:cut] and not wire.aborted:
            connection.data_received(data[at:cut])
        at = max(at, cut)
    connection.connection_lost(None)


def test_runtime_api_answers() -> None:
    """The four requests of the Runtime API, and one that is none."""
    desk, wire = _Desk(), _Wire()
    connection = protocol_factory(desk)()
    connection.connection_made(wire)
    base = b"/2018-06-01/runtime/"
    connection.data_received(b"GET " + base + b"invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
    connection.data_received(b"POST " + base + b"invocation/7/response HTTP/1.1\r\nContent-Length: 2\r\n\r\nok")
    connection.data_received(b"POST " + base + b"invocation/8/error HTTP/1.1\r\nContent-Length: 2\r\n\r\nno")
    connection.data_received(b"POST " + base + b"init/error HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
    connection.data_received(b"GET /secrets HTTP/1.1\r\n\r\n")
    statuses = [line.split(b" ")[1] for line in wire.out.getvalue().split(b"\r\n") if b"HTTP/1.1" in line]
    assert statuses == [b"200", b"202", b"202", b"202", b"404"]
    assert desk.said == [("7", b"ok"), ("8", b"no"), ("", b"")]
    assert header_value("a\r\nSet-Cookie: ü") == b"a??Set-Cookie: ?"


def test_answers_of_custom_resources_go_to_where_the_function_finds_lambent() -> None:
    """Whatever node asked, and however the world reaches it."""
    inside = "http://127.0.0.1:4566"
    for outside in ("https://10.0.0.7:4566", "http://[::1]:80", "http://cloud.example"):
        event = json.dumps({"ResponseURL": f"{outside}/_lambent/cfn-response/t-1", "Other": f"{outside}/x"}).encode()
        told = json.loads(reachable(event, inside))
        assert told == {"ResponseURL": f"{inside}/_lambent/cfn-response/t-1", "Other": f"{outside}/x"}
    for other in (b"", b"{}", b'{"a": "/_lambent/cfn-response/x"}', b'"http://a/b/_lambent/cfn-response/x"'):
        assert reachable(other, inside) == other
