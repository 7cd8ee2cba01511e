"""Tags of topics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lambent.kit.tags import limited

from .errors import InvalidParameter, TagLimitExceeded
from .model import TAGS_MAX


def read_tags(given: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags, checked."""
    found: dict[str, str] = {}
    for tag in given:
        key, value = tag["Key"], tag.get("Value") or ""
        if key in found:
            raise InvalidParameter("Invalid parameter: Duplicated keys are not allowed.")
        if key.lower().startswith("aws:"):
            raise InvalidParameter("Invalid parameter: Tag keys that start with aws: are reserved.")
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise InvalidParameter("Invalid parameter: Tag keys have 1 to 128 and tag values up to 256 characters.")
        found[key] = value
    return _limited(found)


def _limited(tags: dict[str, str]) -> dict[str, str]:
    return limited(tags, TAGS_MAX, TagLimitExceeded("Could not complete request: tag quota of per resource exceeded"))


def merged(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """The tags of a topic with more of them."""
    return _limited({**old, **new})
