"""Event patterns: against what AWS was recorded to answer.

What a case asked was not recorded, but for the patterns in sentences about them. Cases that are among the public
patterns (LAMBENT_CONFORMANCE) ask what those ask; for the others a pattern and an event were written after the name.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.patterns import public

from .recorded import done, recorded, refused
from .support import EventsCloud, run

EVENT = {
    "id": "1",
    "source": "test-source",
    "detail-type": "test-detail-type",
    "account": "123456789012",
    "region": "us-east-2",
    "time": "2022-07-13T13:48:01Z",
}
"""What an event needs; it has no `resources`."""


@pytest.mark.parametrize(
    "case",
    [
        "TestEventPattern::test_event_pattern[arrays_NEG]",
        "TestEventPattern::test_event_pattern[boolean]",
        "TestEventPattern::test_event_pattern[complex_many_rules]",
        "TestEventPattern::test_event_pattern[complex_multi_match]",
        "TestEventPattern::test_event_pattern[complex_or]",
        "TestEventPattern::test_event_pattern[complex_or_NEG]",
        "TestEventPattern::test_event_pattern[content_anything_but_ignorecase]",
        "TestEventPattern::test_event_pattern[content_anything_but_ignorecase_missing_NEG]",
        "TestEventPattern::test_event_pattern[content_anything_but_ignorecase_null]",
        "TestEventPattern::test_event_pattern[content_anything_but_number_NEG]",
        "TestEventPattern::test_event_pattern[content_anything_but_number_zero]",
        "TestEventPattern::test_event_pattern[content_anything_but_string]",
        "TestEventPattern::test_event_pattern[content_anything_but_string_missing_NEG]",
        "TestEventPattern::test_event_pattern[content_anything_prefix_int_value]",
        "TestEventPattern::test_event_pattern[content_anything_prefix_list]",
        "TestEventPattern::test_event_pattern[content_anything_prefix_list_NEG]",
        "TestEventPattern::test_event_pattern[content_anything_prefix_list_int]",
        "TestEventPattern::test_event_pattern[content_anything_prefix_list_null]",
        "TestEventPattern::test_event_pattern[content_anything_prefix_missing_NEG]",
        "TestEventPattern::test_event_pattern[content_anything_suffix_list_NEG]",
        "TestEventPattern::test_event_pattern[content_anything_suffix_list_missing_NEG]",
        "TestEventPattern::test_event_pattern[content_anything_wildcard]",
        "TestEventPattern::test_event_pattern[content_anything_wildcard_missing_NEG]",
        "TestEventPattern::test_event_pattern[content_exists]",
        "TestEventPattern::test_event_pattern[content_exists_false_NEG]",
        "TestEventPattern::test_event_pattern[content_ip_address]",
        "TestEventPattern::test_event_pattern[content_ip_address_v6]",
        "TestEventPattern::test_event_pattern[content_ip_address_v6_NEG]",
        "TestEventPattern::test_event_pattern[content_numeric_and_NEG]",
        "TestEventPattern::test_event_pattern[content_prefix]",
        "TestEventPattern::test_event_pattern[content_prefix_empty]",
        "TestEventPattern::test_event_pattern[content_suffix_empty]",
        "TestEventPattern::test_event_pattern[content_suffix_ignorecase_NEG]",
        "TestEventPattern::test_event_pattern[content_wildcard_nonrepeating]",
        "TestEventPattern::test_event_pattern[dot_joining_event_NEG]",
        "TestEventPattern::test_event_pattern[dot_joining_pattern]",
        "TestEventPattern::test_event_pattern[exists_dynamodb]",
        "TestEventPattern::test_event_pattern[exists_dynamodb_NEG]",
        "TestEventPattern::test_event_pattern[nested_json_NEG]",
        "TestEventPattern::test_event_pattern[numeric-null_NEG]",
        "TestEventPattern::test_event_pattern[numeric-string_NEG]",
        "TestEventPattern::test_event_pattern[operator_multiple_list]",
        "TestEventPattern::test_event_pattern[or-exists-parent]",
        "TestEventPattern::test_event_pattern[sample1]",
        "TestEventPattern::test_event_pattern[string_empty]",
    ],
)
def test_a_public_pattern(case: str) -> None:
    name = case.partition("[")[2][:-1]
    if name not in public.names():
        pytest.skip(f"no conformance data in {public.CONFORMANCE}")
    asked = public.read(name)
    _matches(asked["EventPattern"], asked["Event"], not name.endswith("_NEG"))


def _matches(pattern: dict[str, Any], event: dict[str, Any], result: bool) -> None:
    async def scenario(c: EventsCloud) -> None:
        asked = {"EventPattern": json.dumps(pattern), "Event": json.dumps(event)}
        assert await done(c, "TestEventPattern", **asked) == {"Result": result}

    run(scenario)


@pytest.mark.parametrize(
    ("case", "pattern", "event"),
    [
        (
            "TestEventPattern::test_event_pattern[content_anything_but_ignorecase_list_missing_NEG]",
            {"detail": {"state": [{"anything-but": {"equals-ignore-case": ["initializing", "stopped"]}}]}},
            {"detail": {}},
        ),
        (
            "TestEventPattern::test_event_pattern[content_anything_but_number_list]",
            {"detail": {"x-limit": [{"anything-but": [100, 200, 300]}]}},
            {"detail": {"x-limit": 123}},
        ),
        (
            "TestEventPattern::test_event_pattern[content_anything_but_string_NEG]",
            {"detail": {"state": [{"anything-but": "initializing"}]}},
            {"detail": {"state": "initializing"}},
        ),
        (
            "TestEventPattern::test_event_pattern[content_anything_but_string_list_NEG]",
            {"detail": {"state": [{"anything-but": ["stopped", "overloaded"]}]}},
            {"detail": {"state": "stopped"}},
        ),
        (
            "TestEventPattern::test_event_pattern[content_anything_but_string_list_missing_NEG]",
            {"detail": {"state": [{"anything-but": ["stopped", "overloaded"]}]}},
            {"detail": {}},
        ),
        (
            "TestEventPattern::test_event_pattern[content_anything_but_string_null]",
            {"detail": {"state": [{"anything-but": "initializing"}]}},
            {"detail": {"state": None}},
        ),
        (
            "TestEventPattern::test_event_pattern[content_anything_prefix]",
            {"detail": {"state": [{"anything-but": {"prefix": "init"}}]}},
            {"detail": {"state": "post-init"}},
        ),
        (
            "TestEventPattern::test_event_pattern[content_anything_prefix_NEG]",
            {"detail": {"state": [{"anything-but": {"prefix": "init"}}]}},
            {"detail": {"state": "initializing"}},
        ),
        (
            "TestEventPattern::test_event_pattern[content_anything_suffix_list]",
            {"detail": {"FileName": [{"anything-but": {"suffix": [".txt", ".jpg"]}}]}},
            {"detail": {"FileName": "file.txt.bak"}},
        ),
        (
            "TestEventPattern::test_event_pattern[content_anything_suffix_list_null]",
            {"detail": {"FileName": [{"anything-but": {"suffix": [".txt", ".jpg"]}}]}},
            {"detail": {"FileName": None}},
        ),
        (
            "TestEventPattern::test_event_pattern[content_ignorecase]",
            {"detail-type": [{"equals-ignore-case": "TEST-detail-TYPE"}]},
            {},
        ),
        (
            "TestEventPattern::test_event_pattern[content_ignorecase_NEG]",
            {"detail-type": [{"equals-ignore-case": "TEST-detail"}]},
            {},
        ),
        (
            "TestEventPattern::test_event_pattern[content_numeric_and]",
            {
                "detail": {
                    "c-count": [{"numeric": [">", 0, "<=", 5]}],
                    "d-count": [{"numeric": ["<", 10]}],
                    "x-limit": [{"numeric": ["=", 301.8]}],
                }
            },
            {"detail": {"c-count": 2, "d-count": 9, "x-limit": 301.8}},
        ),
        ("TestEventPattern::test_event_pattern[content_prefix_NEG]", {"time": [{"prefix": "2022-07-14"}]}, {}),
        (
            "TestEventPattern::test_event_pattern[content_suffix]",
            {"FileName": [{"suffix": ".png"}]},
            {"FileName": "image.png"},
        ),
        (
            "TestEventPattern::test_event_pattern[content_wildcard_empty_NEG]",
            {"FilePath": [{"wildcard": ""}]},
            {"FilePath": "dir/init/file"},
        ),
        (
            "TestEventPattern::test_event_pattern[content_wildcard_repeating]",
            {"FileName": [{"wildcard": "/Users/*/dir/dir/dir/dir/dir/doc.txt"}]},
            {"FileName": "/Users/user/dir/dir/dir/dir/dir/dir/doc.txt"},
        ),
        (
            "TestEventPattern::test_event_pattern[dynamodb]",
            {"dynamodb": {"NewImage": {"state": {"S": ["FL"]}}, "Keys": {"PK": {"S": ["COMPANY#1000"]}}}},
            {"dynamodb": {"Keys": {"PK": {"S": "COMPANY#1000"}}, "NewImage": {"state": {"S": "FL"}}}},
        ),
        ("TestEventPattern::test_event_pattern[exists_list_empty]", {"key": [{"exists": False}]}, {"key": []}),
        (
            "TestEventPattern::test_event_pattern[list_within_dict]",
            {"detail": {"items": {"id": ["2"]}}},
            {"detail": {"items": [{"id": "1"}, {"id": "2"}]}},
        ),
        ("TestEventPattern::test_event_pattern[number_comparison_float]", {"number": [18.0]}, {"number": 18}),
        (
            "TestEventPattern::test_event_pattern[or-anything-but]",
            {"detail": {"state": ["stopped", {"anything-but": "running"}]}},
            {"detail": {"state": "pending"}},
        ),
    ],
)
def test_a_pattern_after_a_name(case: str, pattern: dict[str, Any], event: dict[str, Any]) -> None:
    _matches(pattern, {**EVENT, **event}, not case.endswith("_NEG]"))


@pytest.mark.parametrize(
    ("case", "pattern", "sentence", "column", "times"),
    [
        (
            "TestEventPattern::test_event_pattern[content_anything_but_ignorecase_EXC]",
            '{"detail": {"state": [{"anything-but": {"equals-ignore-case": 123}}]}}',
            "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.",
            66,
            1,
        ),
        (
            "TestEventPattern::test_event_pattern[content_anything_but_string_list_null_type_EXC]",
            '{"detail": {"state": [{"anything-but": ["stopped", null]}]}}',
            "Inside anything but list, start|null|boolean is not supported.",
            56,
            2,
        ),
        (
            "TestEventPattern::test_event_pattern[content_anything_but_string_null_type_EXC]",
            '{"detail": {"state": [{"anything-but": null}]}}',
            "Value of anything-but must be an array or single string/number value.",
            44,
            1,
        ),
        (
            "TestEventPattern::test_event_pattern[content_anything_prefix_empty_EXC]",
            '{"detail": {"FileName": [{"anything-but": {"prefix": ""}}]}}',
            "Null prefix/suffix not allowed",
            56,
            1,
        ),
        (
            "TestEventPattern::test_event_pattern[content_anything_prefix_list_type_EXC]",
            '{"detail": {"state": [{"anything-but": {"prefix": [123, "test"]}}]}}',
            "prefix/suffix match pattern must be a string",
            55,
            2,
        ),
        (
            "TestEventPattern::test_event_pattern[content_anything_suffix_ignorecase_EXC]",
            '{"detail": {"FileName": [{"anything-but": {"suffix": {"equals-ignore-case": ".png"}}}]}}',
            "Value of anything-but must be an array or single string/number value.",
            55,
            1,
        ),
        (
            "TestEventPattern::test_event_pattern[content_anything_suffix_int_EXC]",
            '{"detail": {"FileName": [{"anything-but": {"suffix": 123}}]}}',
            "prefix/suffix match pattern must be a string",
            57,
            1,
        ),
        (
            "TestEventPattern::test_event_pattern[content_anything_suffix_list_null_type_EXC]",
            '{"detail": {"FileName": [{"anything-but": {"suffix": [null, ".txt"]}}]}}',
            "prefix/suffix match pattern must be a string",
            59,
            2,
        ),
        (
            "TestEventPattern::test_event_pattern[content_anything_wildcard_list_type_EXC]",
            '{"detail": {"state": [{"anything-but": {"wildcard": [123, "*/dir/*"]}}]}}',
            "wildcard match pattern must be a string",
            57,
            2,
        ),
        (
            "TestEventPattern::test_event_pattern[content_ignorecase_EXC]",
            '{"detail-type": [{"equals-ignore-case": ["ec2 instance state-change notification"]}]}',
            "equals-ignore-case match pattern must be a string",
            42,
            1,
        ),
        (
            "TestEventPattern::test_event_pattern[content_ip_address_bad_mask_EXC]",
            '{"detail": {"sourceIPAddress": [{"cidr": "bad-/64filter"}]}}',
            "Malformed CIDR, mask bits must be an integer",
            0,
            0,
        ),
        (
            "TestEventPattern::test_event_pattern[content_numeric_EXC]",
            '{"detail": {"c-count": [{"numeric": [">", 0, ">", 0]}]}}',
            "Bad numeric range operator: >",
            49,
            1,
        ),
        (
            "TestEventPattern::test_event_pattern[content_numeric_number_EXC]",
            '{"detail": {"c-count": [{"numeric": 10}]}}',
            "Value of numeric must be an array.",
            39,
            1,
        ),
        (
            "TestEventPattern::test_event_pattern[content_numeric_operatorcasing_EXC]",
            '{"detail": {"equal": [{"NUMERIC": ["=", 5]}]}}',
            "Unrecognized match type NUMERIC",
            36,
            1,
        ),
        (
            "TestEventPattern::test_event_pattern[content_prefix_list_EXC]",
            '{"time": [{"prefix": ["2022-07-13"]}]}',
            "prefix match pattern must be a string",
            23,
            1,
        ),
        (
            "TestEventPattern::test_event_pattern[content_suffix_int_EXC]",
            '{"FileName": [{"suffix": 123}]}',
            "suffix match pattern must be a string",
            29,
            1,
        ),
        (
            "TestEventPattern::test_event_pattern[content_suffix_list_EXC]",
            '{"FileName": [{"suffix": [".png"]}]}',
            "suffix match pattern must be a string",
            27,
            1,
        ),
        (
            "TestEventPattern::test_event_pattern[content_wildcard_complex_EXC]",
            '{"EventBusArn": [{"wildcard": "*:*:*:*:*:event-bus/*"}]}',
            "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a "
            "wildcard character",
            0,
            0,
        ),
        (
            "TestEventPattern::test_event_pattern[content_wildcard_list_EXC]",
            '{"EventBusArn": [{"wildcard": ["arn:aws:events:us-east-1:**:event-bus/*"]}]}',
            "wildcard match pattern must be a string",
            32,
            1,
        ),
        (
            "TestEventPattern::test_event_pattern[content_wildcard_repeating_star_EXC]",
            '{"EventBusArn": [{"wildcard": "arn:aws:events:us-east-1:**:event-bus/*"}]}',
            "Consecutive wildcard characters at pos 26",
            72,
            1,
        ),
        (
            "TestEventPattern::test_event_pattern[int_nolist_EXC]",
            '{"int": 42}',
            '"int" must be an object or an array',
            11,
            1,
        ),
        (
            "TestEventPattern::test_event_pattern[operator_case_sensitive_EXC]",
            '{"my_key": [{"EXISTS": true}]}',
            "Unrecognized match type EXISTS",
            28,
            1,
        ),
        (
            "TestEventPattern::test_event_pattern[string_nolist_EXC]",
            '{"string": "my-value"}',
            '"string" must be an object or an array',
            13,
            1,
        ),
    ],
)
def test_a_pattern_that_is_none(case: str, pattern: str, sentence: str, column: int, times: int) -> None:
    """`times` is how often the sentence names the place: twice in lists of some operators, not at all for some."""

    async def scenario(c: EventsCloud) -> None:
        place = f'\n at [Source: (String)"{pattern}"; line: 1, column: {column}]' * times
        message = f"Event pattern is not valid. Reason: {sentence}{place}"
        for operation, more in (("TestEventPattern", {"Event": json.dumps(EVENT)}), ("PutRule", {"Name": "r"})):
            found = await refused(c, operation, EventPattern=pattern, **more)
            assert found == (400, "InvalidEventPatternException", message)

    run(scenario)


_TOKEN = "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


@pytest.mark.parametrize(
    ("case", "pattern", "sentence", "column"),
    [
        (
            'TestEventPattern::test_invalid_json_event_pattern[["not", "a", "dict", "but valid json"]]',
            '["not", "a", "dict", "but valid json"]',
            "Filter is not an object",
            2,
        ),
        (
            "TestEventPattern::test_invalid_json_event_pattern[this is valid json but not a dict]",
            "this is valid json but not a dict",
            f"Unrecognized token 'this': {_TOKEN}",
            5,
        ),
        (
            'TestEventPattern::test_invalid_json_event_pattern[{"not": closed mark"]',
            '{"not": closed mark"',
            f"Unrecognized token 'closed': {_TOKEN}",
            15,
        ),
        (
            "TestEventPattern::test_invalid_json_event_pattern[{'bad': 'quotation'}]",
            "{'bad': 'quotation'}",
            "Unexpected character (''' (code 39)): was expecting double-quote to start field name",
            2,
        ),
    ],
)
def test_a_pattern_that_is_no_json(case: str, pattern: str, sentence: str, column: int) -> None:
    test_a_pattern_that_is_none(case, pattern, sentence, column, 1)


@pytest.mark.parametrize(
    ("case", "event"),
    [
        ("TestEventPattern::test_plain_string_payload", "plain string"),
        ("TestEventPattern::test_invalid_event_payload", '{"not": closed mark"'),
    ],
)
def test_an_event_that_is_none(case: str, event: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        error = (400, "ValidationException", "Parameter Event is not valid.")
        assert await refused(c, "TestEventPattern", EventPattern='{"source": ["s"]}', Event=event) == error

    run(scenario)


@recorded("TestEventPattern::test_event_pattern_source")
def test_a_pattern_of_the_source() -> None:
    _matches({"source": ["order"]}, {**EVENT, "source": "order"}, True)
    _matches({"source": ["order"]}, {**EVENT, "source": "shipping"}, False)
