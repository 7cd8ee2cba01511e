"""Tags as services keep them: what is added, taken away and refused."""

from __future__ import annotations

import pytest

from lambent.kit.tags import from_pairs, limited, merged, pairs, without


class TooMany(Exception):
    """The error that a service gives."""


def test_more_tags_are_added_and_values_replaced() -> None:
    old = {"a": "1", "b": "2"}
    assert merged(old, {"b": "3", "c": "4"}, 3, TooMany()) == {"a": "1", "b": "3", "c": "4"}
    assert old == {"a": "1", "b": "2"}


def test_one_tag_too_many_raises_the_services_error() -> None:
    assert limited({"a": "1", "b": "2"}, 2, TooMany()) == {"a": "1", "b": "2"}
    with pytest.raises(TooMany, match="two at most"):
        merged({"a": "1", "b": "2"}, {"c": "3"}, 2, TooMany("two at most"))


def test_tags_are_taken_away_by_key() -> None:
    assert without({"a": "1", "b": "2"}, ["b", "none"]) == {"a": "1"}


def test_lists_keep_the_order_and_the_last_of_a_key() -> None:
    listed = [{"Key": "b", "Value": "1"}, {"Key": "a", "Value": "2"}]
    assert pairs({"b": "1", "a": "2"}) == listed
    assert from_pairs([*listed, {"Key": "b", "Value": "3"}]) == {"b": "3", "a": "2"}
