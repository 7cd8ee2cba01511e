"""YAML that strangers wrote: no number keeps a core busy, none is there that JSON does not have, and nothing grows."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lambent.contracts.errors import ServiceError
from lambent.deploy.template import loader
from lambent.kit import yaml_text
from lambent.services.apigateway.openapi.document import Unreadable, load

SEXAGESIMAL = "1" + ":59" * 300_000
"""Half a minute of multiplying, in 900 KB."""
NONE = (SEXAGESIMAL, f"{SEXAGESIMAL}.5", "0x" + "f" * 6000, "0" * 5000, ".inf", "-.Inf", ".nan", "1" + "0" * 200)


@pytest.mark.parametrize("number", NONE, ids=lambda text: text[:8])
def test_numbers_that_take_long_or_are_none_of_json_are_refused(number: str) -> None:
    with pytest.raises(Unreadable):
        load(f"openapi: '3.0.1'\nx: {number}\n".encode())
    with pytest.raises(ServiceError):
        loader.load(f"Resources: {{}}\nx: {number}\n")


@pytest.mark.parametrize(
    "tagged", ["!!binary YWJj", "!!set {a}", "!!timestamp 2001-01-01", "!!pairs [a: 1]", "[!!set {}]"]
)
def test_values_that_json_does_not_have_are_refused(tagged: str) -> None:
    with pytest.raises(Unreadable):
        load(f"openapi: '3.0.1'\nx: {tagged}\n".encode())


@given(st.from_regex(r"[-+]?[0-9xob_.:eE+-]{1,40}", fullmatch=True))
def test_every_number_is_one_that_can_be_written_as_json(text: str) -> None:
    try:
        found: Any = load(f"openapi: '3.0.1'\nx: {text}\n".encode())["x"]
    except Unreadable:
        return
    assert not isinstance(found, float) or math.isfinite(found)
    assert orjson.loads(orjson.dumps(found)) == found


def test_numbers_as_people_write_them_stay() -> None:
    text = "openapi: '3.0.1'\na: 12\nb: 0x1F\nc: 1:30\nd: -2.5e+3\ne: 18446744073709551616\n"
    plain = {name: value for name, value in load(text.encode()).items() if name != "openapi"}
    assert plain == {"a": 12, "b": 31, "c": 90, "d": -2500.0, "e": 2.0**64}


def test_keys_and_dates_are_texts_as_they_are_written() -> None:
    assert yaml_text.load("200: {on: 2012-10-17}\n", 2) == {"200": {"on": "2012-10-17"}}
    with pytest.raises(yaml.YAMLError, match="a key must be a scalar"):
        yaml_text.load("{[a]: b}", 9)


def test_aliases_and_depth_are_refused_by_name() -> None:
    with pytest.raises(yaml_text.Aliased):
        yaml_text.load("a: &x [1]\nb: *x\n", 9)
    assert yaml_text.load("[[1], [2]]", 2) == [[1], [2]]
    with pytest.raises(yaml_text.TooDeep):
        yaml_text.load("[[[1]]]", 2)
