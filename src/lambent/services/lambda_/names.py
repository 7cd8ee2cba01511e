"""The many ways to name a function: `name`, `name:qualifier`, `account:function:name`, full ARNs."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

from lambent.contracts import arn
from lambent.kit import Context

from .errors import InvalidParameterValueException, ResourceNotFoundException
from .model import LATEST

_NAME = re.compile(
    r"(?:arn:[a-z-]+:lambda:)?(?:(?P<region>[a-z]{2,4}(?:-[a-z]+)+-\d):)?(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9_-]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]+))?"
)


class Ref(NamedTuple):
    """A function and, where one was given, a version or alias of it."""

    account: str
    region: str
    name: str
    qualifier: str = ""

    @property
    def place(self) -> tuple[str, str, str]:
        """The beginning of the keys of everything that belongs to the function."""
        return self.account, self.region, self.name

    @property
    def arn(self) -> str:
        """The function's ARN."""
        return arn.build("lambda", self.region, self.account, f"function:{self.name}")

    @property
    def qualified(self) -> str:
        """The ARN with the qualifier, where there is one."""
        return f"{self.arn}:{self.qualifier}" if self.qualifier else self.arn


def ref(ctx: Context, req: dict[str, Any]) -> Ref:
    """What `FunctionName` and `Qualifier` of a request name."""
    text = req["FunctionName"]
    found = _NAME.fullmatch(text)
    if found is None:
        raise InvalidParameterValueException(f"Invalid function name: {text}")
    region = found["region"] or ctx.region
    if region != ctx.region:
        raise ResourceNotFoundException(f"Functions from '{region}' are not reachable in this region ('{ctx.region}')")
    qualifier, derived = req.get("Qualifier") or "", found["qualifier"] or ""
    if qualifier and derived and qualifier != derived:
        raise InvalidParameterValueException(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return Ref(found["account"] or ctx.account, region, found["name"], qualifier or derived)


@lru_cache(4096)
def from_arn(text: str) -> Ref | None:
    """What a function's full ARN names; None when it is no such ARN."""
    try:
        parts = arn.parse(text)
    except ValueError:
        return None
    kind, _, rest = parts.resource.partition(":")
    if parts.service != "lambda" or kind != "function" or not rest:
        return None
    name, _, qualifier = rest.partition(":")
    return Ref(parts.account, parts.region, name, qualifier)


def is_version(qualifier: str) -> bool:
    """Whether a qualifier is a version's number, or $LATEST, and so no alias."""
    return qualifier == LATEST or qualifier.isdigit()


class LayerRef(NamedTuple):
    """A version of a layer."""

    account: str
    region: str
    name: str
    version: int

    @property
    def layer_arn(self) -> str:
        """The ARN of the layer."""
        return arn.build("lambda", self.region, self.account, f"layer:{self.name}")

    @property
    def arn(self) -> str:
        """The ARN of the version."""
        return f"{self.layer_arn}:{self.version}"


def layer_ref(ctx: Context, name: str, version: int) -> LayerRef:
    """A layer version by the layer's name or ARN, and a number."""
    if name.startswith("arn:"):
        parts = arn.parse(name)
        return LayerRef(parts.account, parts.region, parts.resource.removeprefix("layer:"), version)
    return LayerRef(ctx.account, ctx.region, name, version)


def layer_from_arn(text: str) -> LayerRef:
    """A layer version by its full ARN."""
    try:
        parts = arn.parse(text)
        kind, name, version = parts.resource.split(":")
        number = int(version)
    except ValueError:
        raise InvalidParameterValueException(f"Layer version ARN {text} is not valid.") from None
    if kind != "layer":
        raise InvalidParameterValueException(f"Layer version ARN {text} is not valid.")
    return LayerRef(parts.account, parts.region, name, number)
