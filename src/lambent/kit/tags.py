"""Tags of a resource, as `{key: value}`: what every service does with them.

How many a resource may have, and the error that says so, are the service's own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping


def limited(tags: dict[str, str], most: int, error: Exception) -> dict[str, str]:
    """The same tags; raises `error` where there are more than `most`."""
    if len(tags) > most:
        raise error
    return tags


def merged(old: Mapping[str, str], new: Mapping[str, str], most: int, error: Exception) -> dict[str, str]:
    """The tags of a resource with more of them, or other values; raises `error` where that makes more than `most`."""
    return limited({**old, **new}, most, error)


def without(tags: Mapping[str, str], gone: Collection[str]) -> dict[str, str]:
    """The tags that are left once those with the keys `gone` are taken away; keys that no tag has do not matter."""
    return {key: value for key, value in tags.items() if key not in gone}


def pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as a list of `{"Key": ..., "Value": ...}`, in their own order."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def from_pairs(given: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags of a list of `{"Key": ..., "Value": ...}`; of two with the same key the later one holds."""
    return {tag["Key"]: tag["Value"] for tag in given}
