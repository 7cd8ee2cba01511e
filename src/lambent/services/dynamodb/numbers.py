"""DynamoDB's numbers: text in, DynamoDB's normal text out; exact sums; order.

A number has 38 significant digits at most and a magnitude of 1E-130 to 9.99...E+125. Its normal form is plain decimal
text without leading or trailing zeros and without an exponent ("15789000", "-0.5"), one text for each value: two
normal texts are equal exactly when their numbers are.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact
from typing import Final

DIGITS_MAX: Final = 38
EXPONENT_MAX: Final = 125
EXPONENT_MIN: Final = -130

_SYNTAX = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,10}))?", re.ASCII)
_SUM = Context(prec=DIGITS_MAX, Emax=999, Emin=-999, traps=[])
_NOT_NUMERIC = "The parameter cannot be converted to a numeric value"
_TOO_MANY_DIGITS = "Attempting to store more than 38 significant digits in a Number"
_OVERFLOW = "Number overflow. Attempting to store a number with magnitude larger than supported range"
_UNDERFLOW = "Number underflow. Attempting to store a number with magnitude smaller than supported range"

# The bytes of lambent.kv.keys for Decimals, built here without making one.
_KEY_NEGATIVE = b"\x30"
_KEY_ZERO = b"\x31"
_KEY_POSITIVE = b"\x32"
_KEY_END = b"\x00"
_FLIP = bytes(255 - i for i in range(256))
_PAIRS: Final = {f"{pair:02d}": bytes((pair + 1,)) for pair in range(100)}


class Invalid(Exception):
    """A request that DynamoDB refuses with ValidationException; `message` is its text."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def normalise(text: str) -> str:
    """The normal form of a number's text. `Invalid` with DynamoDB's words for anything outside the type."""
    if text.isdigit() and text.isascii():
        if len(text) <= DIGITS_MAX and (text[0] != "0" or text == "0"):
            return text
    elif text[:1] == "-" and text[1:2] != "0" and len(text) <= DIGITS_MAX and text[1:].isdigit() and text.isascii():
        return text
    return _normalise(text)


def _normalise(text: str) -> str:
    found = _SYNTAX.fullmatch(text)
    if found is None or not (found[2] or found[3]):
        raise Invalid(f"{_NOT_NUMERIC}: {text}" if text else _NOT_NUMERIC)
    fraction = found[3] or ""
    exponent = int(found[4] or 0) - len(fraction)
    digits = (found[2] + fraction).lstrip("0")
    trimmed = digits.rstrip("0")
    if not trimmed:
        return "0"
    return _checked(found[1] == "-", trimmed, exponent + len(digits) - len(trimmed))


def _checked(negative: bool, digits: str, exponent: int) -> str:
    """The normal text of `digits` (no zeros around them) times 10**`exponent`."""
    if len(digits) > DIGITS_MAX:
        raise Invalid(_TOO_MANY_DIGITS)
    magnitude = exponent + len(digits) - 1
    if magnitude > EXPONENT_MAX:
        raise Invalid(_OVERFLOW)
    if magnitude < EXPONENT_MIN:
        raise Invalid(_UNDERFLOW)
    if exponent >= 0:
        plain = digits + "0" * exponent
    elif magnitude >= 0:
        plain = f"{digits[: magnitude + 1]}.{digits[magnitude + 1 :]}"
    else:
        plain = f"0.{'0' * (-magnitude - 1)}{digits}"
    return "-" + plain if negative else plain


def number(text: str) -> int | Decimal:
    """The value of a normal text; ints and Decimals compare exactly with each other."""
    return Decimal(text) if "." in text else int(text)


def add(left: str, right: str) -> str:
    """The exact sum of two normal texts. `Invalid` (overflow, as DynamoDB words it) where 38 digits do not hold it."""
    if "." not in left and "." not in right and len(left) < DIGITS_MAX and len(right) < DIGITS_MAX:
        return str(int(left) + int(right))
    context = _SUM.copy()
    total = context.add(Decimal(left), Decimal(right))
    if context.flags[Inexact]:
        raise Invalid(_OVERFLOW)
    return _normalise(format(total, "f"))


def subtract(left: str, right: str) -> str:
    """`left` minus `right`; see `add`."""
    return add(left, negate(right))


def negate(text: str) -> str:
    """The normal text of minus a number."""
    if text == "0":
        return text
    return text[1:] if text[0] == "-" else "-" + text


def sort_bytes(text: str) -> bytes:
    """`lambent.kv.keys.pack((Decimal(text),))` of a normal text: bytes in the numbers' order."""
    if text == "0":
        return _KEY_ZERO
    negative = text[0] == "-"
    whole, _, fraction = (text[1:] if negative else text).partition(".")
    if whole != "0":
        exponent = len(whole) - 1
        digits = (whole + fraction).rstrip("0")
    else:
        digits = fraction.lstrip("0")
        exponent = len(digits) - len(fraction) - 1
    if len(digits) % 2:
        digits += "0"
    pairs = [_PAIRS[digits[at : at + 2]] for at in range(0, len(digits), 2)]
    body = bytes((exponent - EXPONENT_MIN,)) + b"".join(pairs) + _KEY_END
    return _KEY_NEGATIVE + body.translate(_FLIP) if negative else _KEY_POSITIVE + body


def size_bytes(text: str) -> int:
    """What a number counts for in an item's size: a byte for each two digits left and right of the point (zeros around
    them trimmed), one more, and one for a minus; 21 at most."""
    if text == "0":
        return 1
    if text[-1] != "0" and text.isdigit():
        return (len(text) + 3) // 2
    negative = text[0] == "-"
    whole, _, fraction = (text[1:] if negative else text).partition(".")
    if len(whole) % 2:
        whole = "0" + whole
    if len(fraction) % 2:
        fraction += "0"
    pairs = whole + fraction
    first, last = 0, len(pairs)
    while pairs.startswith("00", first):
        first += 2
    while pairs.endswith("00", first, last):
        last -= 2
    return min((last - first) // 2 + 1 + negative, 21)
