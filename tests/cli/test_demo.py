"""What the demonstrations say of other commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambent.cli.demo_common import where


def test_commands_are_told_with_what_they_need_to_find_the_cloud(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LAMBENT_DATA", str(tmp_path))
    assert where(tmp_path, "http://127.0.0.1:4566") == ("", "")
    other = tmp_path / "other"
    assert where(other, "http://127.0.0.1:5000") == (" --endpoint http://127.0.0.1:5000", f" --data {other}")
