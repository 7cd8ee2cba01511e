"""docs/apis.md, done."""

from __future__ import annotations

from pathlib import Path

import pytest

from .pages import run

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_every_command_of_the_page_does_what_it_says(tmp_path: Path) -> None:
    run("docs/apis.md", tmp_path)
