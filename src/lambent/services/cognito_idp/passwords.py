"""A pool's policy on passwords, and passwords that the cloud makes."""

from __future__ import annotations

import string
from typing import Any, Final

from lambent.contracts.ids import Ids

from . import srp
from .errors import InvalidPasswordException, PasswordHistoryPolicyViolationException
from .model import Pool, User

SYMBOLS: Final = "^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+- "
DEFAULTS: Final = {
    "MinimumLength": 8,
    "RequireUppercase": True,
    "RequireLowercase": True,
    "RequireNumbers": True,
    "RequireSymbols": True,
    "TemporaryPasswordValidityDays": 7,
}
_OPEN: Final = {
    "MinimumLength": 8,
    "RequireUppercase": False,
    "RequireLowercase": False,
    "RequireNumbers": False,
    "RequireSymbols": False,
    "TemporaryPasswordValidityDays": 7,
}
_MADE_CHARACTERS: Final = 12


def policy(pool: Pool) -> dict[str, Any]:
    """The pool's policy, complete. Whoever gives none gets the strict one; whoever gives one gets what it says."""
    given = pool.settings.get("Policies", {}).get("PasswordPolicy")
    return dict(DEFAULTS) if given is None else {**_OPEN, **given}


def check(pool: Pool, password: str) -> None:
    """Refuse a password that is not as the policy wants it."""
    rules = policy(pool)
    wanted = (
        (len(password) >= rules["MinimumLength"], "Password not long enough"),
        (
            not rules["RequireUppercase"] or any(c.isupper() for c in password),
            "Password must have uppercase characters",
        ),
        (
            not rules["RequireLowercase"] or any(c.islower() for c in password),
            "Password must have lowercase characters",
        ),
        (
            not rules["RequireNumbers"] or any(c in string.digits for c in password),
            "Password must have numeric characters",
        ),
        (not rules["RequireSymbols"] or any(c in SYMBOLS for c in password), "Password must have symbol characters"),
        (password == password.strip(), "Password must not start or end with spaces"),
    )
    for kept, complaint in wanted:
        if not kept:
            raise InvalidPasswordException(f"Password did not conform with policy: {complaint}")


def rules_told(pool: Pool) -> str:
    """The policy in words, for whoever chooses a password: `At least 8 characters, with a lower case letter, a
    number.`"""
    rules = policy(pool)
    kinds = (
        ("RequireLowercase", "a lower case letter"),
        ("RequireUppercase", "an upper case letter"),
        ("RequireNumbers", "a number"),
        ("RequireSymbols", "a symbol"),
    )
    wanted = [text for rule, text in kinds if rules[rule]]
    *most, last = wanted or [""]
    listed = f", with {', '.join(most)}{' and ' if most else ''}{last}" if wanted else ""
    return f"At least {rules['MinimumLength']} characters{listed}."


def secured(ids: Ids) -> bytes:
    """A new salt. Its first digit is not 0, for clients read it as a number."""
    salt = ids.bytes(16)
    return bytes((salt[0] | 0x10,)) + salt[1:]


def earlier(pool: Pool, user: User, password: str) -> tuple[tuple[bytes, bytes], ...]:
    """What to remember of the passwords before `password`; refuses one that is remembered."""
    size = int(policy(pool).get("PasswordHistorySize", 0))
    if not size:
        return ()
    known = ((user.salt, user.verifier), *user.earlier) if user.verifier else user.earlier
    for salt, verifier in known[:size]:
        if srp.verifier(pool.short, user.name, password, salt) == verifier:
            raise PasswordHistoryPolicyViolationException("Password has previously been used.")
    return known[: size - 1]


def make(pool: Pool, ids: Ids) -> str:
    """A password that fits any policy."""
    classes = (string.ascii_uppercase, string.ascii_lowercase, string.digits, "!@#$%*?")
    length = max(_MADE_CHARACTERS, int(policy(pool)["MinimumLength"]))
    picked = [ids.random.choice(one) for one in classes]
    picked += [ids.random.choice(string.ascii_letters + string.digits) for _ in range(length - len(picked))]
    ids.random.shuffle(picked)
    return "".join(picked)
