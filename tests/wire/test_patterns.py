"""A pattern of a model must not take exponential time, whatever text it is held against."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.model import service_model
from lambent.wire.patterns import _LINEAR, compile_pattern

SERVICES = (
    "apigateway",
    "cloudformation",
    "cloudwatch",
    "dynamodb",
    "events",
    "firehose",
    "kinesis",
    "kms",
    "lambda",
    "logs",
    "pipes",
    "scheduler",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "stepfunctions",
    "sts",
)
LIMIT_S = 0.5
LENGTH_MAX = 20_000
REPEATED = ("a", "0", "-", "a-", "/a", "a.", "a:", " ", "A1_", "arn:aws:")
BEGINNINGS = ("", "arn:aws:lambda:us-east-1:123456789012:function:", "https://", "$")


class TooSlow(Exception):
    pass


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES)
def test_no_text_takes_long(service: str) -> None:
    for name, definition in service_model(service).definitions.items():
        fits = compile_pattern(definition.get("pattern"))
        if fits is None:
            continue
        length = min(definition.get("max") or LENGTH_MAX, LENGTH_MAX)
        for start in BEGINNINGS:
            for part in REPEATED:
                text = (start + part * (length // len(part) + 1))[:length] + "\0"
                try:
                    with limit(LIMIT_S):
                        fits(text)
                except TooSlow:
                    pytest.fail(f"{service}'s {name} takes exponential time on {text[:40]!r}...")


@pytest.mark.parametrize("slow", _LINEAR)
def test_what_is_linear_means_the_same(slow: str) -> None:
    theirs, ours = re.compile(slow), compile_pattern(slow)
    assert ours is not None

    @given(st.text(st.sampled_from("\t :a~\x7f\x1f\né"), max_size=8))
    def check(text: str) -> None:
        assert ours(text) == (theirs.fullmatch(text) is not None)

    check()
