"""The attributes that users may have: the standard ones, a pool's own, and whether values fit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

from .errors import InvalidParameterException, NotAuthorizedException
from .model import Client, Pool, SchemaAttribute

_TEXT_MAX: Final = "2048"
_STANDARD: Final = (
    SchemaAttribute(name="sub", mutable=False, required=True, shortest="1", longest=_TEXT_MAX),
    *(
        SchemaAttribute(name=name, shortest="0", longest=_TEXT_MAX)
        for name in ("name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile")
    ),
    *(SchemaAttribute(name=name, shortest="0", longest=_TEXT_MAX) for name in ("picture", "website", "email")),
    SchemaAttribute(name="email_verified", type="Boolean"),
    SchemaAttribute(name="gender", shortest="0", longest=_TEXT_MAX),
    SchemaAttribute(name="birthdate", shortest="10", longest="10"),
    *(SchemaAttribute(name=name, shortest="0", longest=_TEXT_MAX) for name in ("zoneinfo", "locale", "phone_number")),
    SchemaAttribute(name="phone_number_verified", type="Boolean"),
    SchemaAttribute(name="address", shortest="0", longest=_TEXT_MAX),
    SchemaAttribute(name="updated_at", type="Number", smallest="0"),
    SchemaAttribute(name="identities"),
)
STANDARD: Final[Mapping[str, SchemaAttribute]] = {one.name: one for one in _STANDARD}
"""OpenID Connect's attributes, by name."""
CUSTOM_MAX: Final = 50
NOT_WRITTEN: Final = frozenset(("sub", "email_verified", "phone_number_verified", "identities"))
"""What an application cannot write, whatever its client may."""
_EMAIL: Final = re.compile(r"[^\s@<>(),;:\\\"\[\]]+@[^\s@<>(),;:\\\"\[\]]+")
_NUMBER: Final = re.compile(r"-?[0-9]{1,19}")
_PHONE: Final = re.compile(r"\+[0-9]{5,15}")


def is_email(text: str) -> bool:
    """Whether a text looks like an address."""
    return _EMAIL.fullmatch(text) is not None


def is_phone(text: str) -> bool:
    """Whether a text is a phone number in E.164."""
    return _PHONE.fullmatch(text) is not None


# -- the schema -------------------------------------------------------------------------------------------------------


def read_schema(given: Iterable[dict[str, Any]]) -> tuple[SchemaAttribute, ...]:
    """A new pool's attributes: the standard ones, as the parameter changes them, and the pool's own."""
    found = dict(STANDARD)
    for one in given:
        if one["Name"] in STANDARD:
            found[one["Name"]] = _read(one, one["Name"], STANDARD[one["Name"]])
        else:
            own = read_custom(one)
            found[own.name] = own
    return tuple(found.values())


def read_custom(one: dict[str, Any]) -> SchemaAttribute:
    """An attribute of a pool's own."""
    if one.get("Required"):
        raise InvalidParameterException("Required custom attributes are not supported currently.")
    prefix = "dev:custom:" if one.get("DeveloperOnlyAttribute") else "custom:"
    return _read(one, one["Name"] if one["Name"].startswith(prefix) else prefix + one["Name"], None)


def _read(one: dict[str, Any], name: str, standard: SchemaAttribute | None) -> SchemaAttribute:
    kind = one.get("AttributeDataType") or (standard.type if standard else "String")
    if standard is not None and kind != standard.type:
        raise InvalidParameterException(
            f"You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute {name}."
        )
    texts, numbers = one.get("StringAttributeConstraints", {}), one.get("NumberAttributeConstraints", {})
    if not all(_NUMBER.fullmatch(bound) for bound in (*texts.values(), *numbers.values())):
        raise InvalidParameterException(f"Invalid constraints of attribute {name}.")
    return SchemaAttribute(
        name=name,
        type=kind,
        mutable=bool(one.get("Mutable", standard.mutable if standard else True)),
        required=bool(one.get("Required", False)) or name == "sub",
        developer_only=bool(one.get("DeveloperOnlyAttribute", False)),
        shortest=texts.get("MinLength", standard.shortest if standard else ""),
        longest=texts.get("MaxLength", standard.longest if standard else ""),
        smallest=numbers.get("MinValue", standard.smallest if standard else ""),
        largest=numbers.get("MaxValue", standard.largest if standard else ""),
    )


def show_schema(one: SchemaAttribute) -> dict[str, Any]:
    """An attribute as the API tells of it."""
    shown: dict[str, Any] = {
        "Name": one.name,
        "AttributeDataType": one.type,
        "DeveloperOnlyAttribute": one.developer_only,
        "Mutable": one.mutable,
        "Required": one.required,
    }
    if one.type == "String":
        texts = {"MinLength": one.shortest, "MaxLength": one.longest}
        shown["StringAttributeConstraints"] = {name: value for name, value in texts.items() if value}
    elif one.type == "Number":
        numbers = {"MinValue": one.smallest, "MaxValue": one.largest}
        shown["NumberAttributeConstraints"] = {name: value for name, value in numbers.items() if value}
    return shown


# -- values -----------------------------------------------------------------------------------------------------------


def read(given: Iterable[dict[str, str]] | None) -> dict[str, str]:
    """A list of Name and Value as a dict."""
    return {one["Name"]: one.get("Value", "") for one in given or ()}


def show(sub: str, attributes: Mapping[str, str]) -> list[dict[str, str]]:
    """Attributes as the API tells of them."""
    shown = [{"Name": "sub", "Value": sub}] if sub else []
    return shown + [{"Name": name, "Value": value} for name, value in sorted(attributes.items())]


def check(pool: Pool, given: Mapping[str, str], *, new: bool, complete: bool = False) -> None:
    """Refuse values that the pool's schema does not take. `new` for a user who is being made; `complete` when the
    required ones must be there."""
    complaints = []
    for name, value in given.items():
        attribute = pool.attribute(name)
        if attribute is None or name in ("sub", "identities"):
            raise InvalidParameterException(
                f"Attributes did not conform to the schema: Type for attribute {{{name}}} could not be determined"
                if attribute is None
                else f"user.{name}: Attribute cannot be updated.\n"
            )
        if not new and not attribute.mutable:
            raise InvalidParameterException(f"user.{name}: Attribute cannot be updated.\n")
        wrong = _wrong(attribute, value)
        if wrong:
            complaints.append(f"{name}: {wrong}\n")
    if complete:
        missing = (one.name for one in pool.schema if one.required and one.name != "sub" and not given.get(one.name))
        complaints += [f"{name}: The attribute is required\n" for name in missing]
    if complaints:
        raise InvalidParameterException(f"Attributes did not conform to the schema: {''.join(complaints)}")


def _wrong(attribute: SchemaAttribute, value: str) -> str:
    """What is wrong with a value, or nothing. An empty one takes the attribute away."""
    if attribute.name == "email" and value and not is_email(value):
        raise InvalidParameterException("Invalid email address format.")
    if attribute.name == "phone_number" and value and not is_phone(value):
        raise InvalidParameterException("Invalid phone number format.")
    if attribute.type == "Boolean":
        return "" if value.lower() in ("true", "false", "") else "The boolean attribute must be either true or false."
    if attribute.type == "Number" and value:
        return _wrong_number(attribute, value)
    if attribute.name == "birthdate" and value and not _is_date(value):
        return "Invalid birthdate format, please use YYYY-MM-DD."
    if attribute.type == "String" and value:
        if attribute.shortest and len(value) < int(attribute.shortest):
            return f"String must be at least {attribute.shortest} characters long"
        if attribute.longest and len(value) > int(attribute.longest):
            return f"String must be no longer than {attribute.longest} characters"
    return ""


def _wrong_number(attribute: SchemaAttribute, value: str) -> str:
    if not _NUMBER.fullmatch(value):
        return "The number attribute must be an integer."
    if attribute.smallest and int(value) < int(attribute.smallest):
        return f"Number must be no less than {attribute.smallest}"
    if attribute.largest and int(value) > int(attribute.largest):
        return f"Number must be no greater than {attribute.largest}"
    return ""


def _is_date(text: str) -> bool:
    try:
        return len(text) == 10 and bool(date.fromisoformat(text))
    except ValueError:
        return False


def check_writable(client: Client, names: Iterable[str]) -> None:
    """Refuse attributes that an application may not write."""
    allowed = client.settings.get("WriteAttributes")
    for name in names:
        if name in NOT_WRITTEN or name.startswith("dev:") or (allowed is not None and name not in allowed):
            raise NotAuthorizedException("A client attempted to write unauthorized attribute")


def readable(client: Client, attributes: Mapping[str, str]) -> dict[str, str]:
    """Those attributes that an application may read."""
    allowed = client.settings.get("ReadAttributes")
    return {
        name: value
        for name, value in attributes.items()
        if (allowed is None or name in allowed) and not name.startswith("dev:")
    }


def masked(attribute: str, value: str) -> str:
    """An address as it is shown to whoever asked for a code: `a***@e***`, `+*******1234`."""
    if attribute == "phone_number":
        return f"+{'*' * max(len(value) - 5, 0)}{value[-4:]}"
    name, _, host = value.partition("@")
    return f"{name[:1]}***@{host[:1]}***"
