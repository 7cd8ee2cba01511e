"""Which roles a request hands on to API Gateway: what IAM is asked about before they are kept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

_VARIABLE: Final = re.compile(r"\$\{[^}]*\}")
_CALLERS: Final = "arn:aws:iam::*:user/*"
"""No role: whoever calls the API is whom the integration acts as."""


def handed_on(given: Iterable[Any]) -> set[str]:
    """The roles among values of `credentials`. Where a stage variable will say which one, that is every role that it
    could say: a `*` stands for it, which only a permission for as many covers."""
    found = {_VARIABLE.sub("*", one) for one in given if isinstance(one, str) and one != _CALLERS}
    return {role for role in found if ":role/" in role or "*" in role}
