"""Amazon Resource Names."""

from __future__ import annotations

from typing import NamedTuple


class Arn(NamedTuple):
    """The six parts of `arn:partition:service:region:account:resource`; `str()` joins them again."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"


def parse(text: str) -> Arn:
    """Split an ARN; `ValueError` when it is none. The resource may itself contain colons."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not parts[1] or not parts[2]:
        raise ValueError(f"not an ARN: {text!r}")
    return Arn(*parts[1:])


def build(service: str, region: str, account: str, resource: str) -> str:
    """The ARN text of a resource in the `aws` partition."""
    return f"arn:aws:{service}:{region}:{account}:{resource}"
