"""Topics' settings that mean ill."""

from __future__ import annotations

import pytest

from lambent.services.sns.settings import _is_action


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("Publish", True),
        ("*", True),
        ("pub???h", True),
        ("[P]ublish", False),
        ("*a" * 40 + "z", False),
        ("*" * 60 + "z", False),
    ],
)
def test_actions_with_many_stars_are_known_soon(name: str, is_one: bool) -> None:
    assert _is_action(name) is is_one
