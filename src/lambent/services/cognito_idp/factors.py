"""Second factors: which a pool offers, which a user has, which is asked for."""

from __future__ import annotations

from typing import Any, Final

from .errors import InvalidParameterException
from .model import Pool, User

TOTP: Final = "SOFTWARE_TOKEN_MFA"
SMS: Final = "SMS_MFA"
EMAIL: Final = "EMAIL_OTP"
NAMES: Final = (SMS, TOTP, EMAIL)
ADDRESS: Final = {SMS: "phone_number", EMAIL: "email"}
"""Where the code of a factor goes."""
_SETTINGS: Final = {"SMSMfaSettings": SMS, "SoftwareTokenMfaSettings": TOTP, "EmailMfaSettings": EMAIL}


def offered(pool: Pool) -> tuple[str, ...]:
    """The factors that a pool lets users have."""
    settings = pool.settings
    if pool.mfa == "OFF":
        return ()
    sms = "SmsMfaConfiguration" in settings or (
        "SmsConfiguration" in settings and "SoftwareTokenMfaConfiguration" not in settings
    )
    totp = bool(settings.get("SoftwareTokenMfaConfiguration", {}).get("Enabled"))
    flags = ((SMS, sms), (TOTP, totp), (EMAIL, "EmailMfaConfiguration" in settings))
    return tuple(name for name, there in flags if there)


def owned(pool: Pool, user: User) -> tuple[str, ...]:
    """The factors that a user can be asked for."""
    found = [name for name in user.mfa if name in offered(pool) and _ready(user, name)]
    if not found and pool.mfa == "ON":
        # Who has a number needs no preparation where everybody needs a factor.
        found = [name for name in (SMS, EMAIL) if name in offered(pool) and _ready(user, name)]
    return tuple(found)


def _ready(user: User, name: str) -> bool:
    return bool(user.totp) if name == TOTP else bool(user.attributes.get(ADDRESS[name]))


def chosen(pool: Pool, user: User) -> str:
    """The factor that a user is asked for; empty when they have to choose, or have none."""
    found = owned(pool, user)
    if user.preferred_mfa in found:
        return user.preferred_mfa
    return found[0] if len(found) == 1 else ""


def preferences(pool: Pool, user: User, req: dict[str, Any]) -> tuple[tuple[str, ...], str]:
    """A user's factors and the preferred one, after SetUserMFAPreference's parameters."""
    active, preferred = list(user.mfa), user.preferred_mfa
    asked = [(name, req[field]) for field, name in _SETTINGS.items() if field in req]
    if sum(bool(one.get("PreferredMfa")) for _, one in asked) > 1:
        raise InvalidParameterException("Only one MFA method can be preferred.")
    for name, one in asked:
        if one.get("Enabled"):
            _check_ready(pool, user, name)
            active = [*(other for other in active if other != name), name]
        else:
            active = [other for other in active if other != name]
            preferred = "" if preferred == name else preferred
        if one.get("PreferredMfa"):
            if not one.get("Enabled"):
                raise InvalidParameterException("A disabled MFA method cannot be preferred.")
            preferred = name
        elif preferred == name and one.get("PreferredMfa") is False:
            preferred = ""
    return tuple(name for name in NAMES if name in active), preferred


def _check_ready(pool: Pool, user: User, name: str) -> None:
    if name == TOTP and not user.totp:
        raise InvalidParameterException("User has not verified software token mfa")
    if name == SMS and not user.attributes.get("phone_number"):
        raise InvalidParameterException("User does not have delivery config set to turn on SMS_MFA")
    if name == EMAIL and not user.attributes.get("email"):
        raise InvalidParameterException("User does not have delivery config set to turn on EMAIL_OTP")
