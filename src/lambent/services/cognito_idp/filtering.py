"""The filter of ListUsers: one attribute, equal to a text or beginning with one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from .errors import InvalidParameterException
from .model import User

_FILTER: Final = re.compile(r'\s*([\w:]+)\s*(\^=|=)\s*"((?:[^"\\]|\\.)*)"\s*')
_STATES: Final[Mapping[str, Callable[[User], str]]] = {
    "username": lambda user: user.name,
    "sub": lambda user: user.sub,
    "cognito:user_status": lambda user: user.status,
    "status": lambda user: "Enabled" if user.enabled else "Disabled",
}
_ATTRIBUTES: Final = ("email", "phone_number", "name", "given_name", "family_name", "preferred_username")


def parse(text: str) -> Callable[[User], bool]:
    """What a filter asks of a user; refuses what is no filter. An empty one asks nothing."""
    if not text.strip():
        return lambda user: True
    found = _FILTER.fullmatch(text)
    if found is None:
        raise InvalidParameterException("Error while parsing filter.")
    name, operator, quoted = found.groups()
    wanted = re.sub(r"\\(.)", r"\1", quoted)
    state = _STATES.get(name)
    if state is None and name not in _ATTRIBUTES:
        raise InvalidParameterException(f"Invalid search attribute: {name}")

    def fits(user: User) -> bool:
        value = state(user) if state is not None else user.attributes.get(name)
        if value is None:
            return False
        if name == "cognito:user_status":
            return value.lower() == wanted.lower() if operator == "=" else value.lower().startswith(wanted.lower())
        return value == wanted if operator == "=" else value.startswith(wanted)

    return fits
