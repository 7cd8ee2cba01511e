"""Single values between the line and Python: timestamps in their formats, blobs, numbers, booleans."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from .errors import SerializationException

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RFC822 = re.compile(
    rf"(?:[A-Z][a-z]{{2}}, )?(\d{{1,2}}) ({'|'.join(_MONTHS)}) (\d{{4}}) (\d\d):(\d\d):(\d\d)(\.\d{{1,9}})? GMT",
    re.ASCII,
).fullmatch


def read_iso8601(text: str) -> datetime:
    """`2024-01-02T03:04:05Z`, with any fraction or offset; a time without a zone is UTC."""
    found = datetime.fromisoformat(text.strip())
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def read_epoch(value: Any) -> datetime:
    """Seconds since the epoch, as a number or as text."""
    return EPOCH + timedelta(microseconds=round(float(value) * 1e6))


def read_rfc822(text: str) -> datetime:
    """`Tue, 29 Apr 2014 18:30:38 GMT`, with an optional fraction of the second; also HTTP's two older forms."""
    found = _RFC822(text)
    if found is None:
        # Deferred: it takes 15 ms to load, and hardly any client writes the older forms.
        from email.utils import parsedate_to_datetime

        return parsedate_to_datetime(text).astimezone(UTC)
    day, month, year, hour, minute, second, fraction = found.groups()
    moment = datetime(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    return moment + timedelta(seconds=float(fraction)) if fraction else moment


def read_timestamp(value: Any) -> datetime:
    """A timestamp in whichever of the formats it is in, as AWS's own services accept them."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return read_epoch(value)
        text = str(value)
        if text[:1].isdigit() and "T" not in text and text.count("-") < 2:
            return read_epoch(text)
        return read_rfc822(text) if text[:1].isalpha() else read_iso8601(text)
    except (ValueError, OverflowError, TypeError, IndexError, AttributeError):
        raise SerializationException(f"Unable to parse the timestamp {str(value)[:64]!r}.") from None


def write_iso8601(value: Any) -> str:
    """Seconds, and milliseconds where there are any."""
    moment = as_datetime(value)
    return f"{_seconds(moment)}.{moment.microsecond // 1000:03d}Z" if moment.microsecond else f"{_seconds(moment)}Z"


def write_iso8601_ms(value: Any) -> str:
    """Always with three digits of milliseconds, as S3 lists write it."""
    moment = as_datetime(value)
    return f"{_seconds(moment)}.{moment.microsecond // 1000:03d}Z"


def _seconds(moment: datetime) -> str:
    # strftime takes three times as long, and leaves out the zeros of early years.
    date = f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}"
    return f"{date}T{moment.hour:02d}:{moment.minute:02d}:{moment.second:02d}"


def write_epoch(value: Any) -> int | float:
    """Seconds since the epoch; a whole number where it is one."""
    seconds = (as_datetime(value) - EPOCH) / timedelta(seconds=1)
    return int(seconds) if seconds == int(seconds) else round(seconds, 6)


def write_rfc822(value: Any) -> str:
    """The form of HTTP dates."""
    moment = as_datetime(value)
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    clock = f"{moment.hour:02d}:{moment.minute:02d}:{moment.second:02d}"
    return f"{day}, {moment.day:02d} {month} {moment.year:04d} {clock} GMT"


def as_datetime(value: Any) -> datetime:
    """A datetime in UTC from a datetime, a number of seconds, or a text in any known form."""
    if isinstance(value, datetime):
        if value.tzinfo is UTC:
            return value
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return read_timestamp(value)


WRITERS: dict[str, Callable[[Any], Any]] = {
    "iso8601": write_iso8601,
    "unixTimestamp": write_epoch,
    "rfc822": write_rfc822,
}


def read_blob(text: Any) -> bytes:
    """Base64 text."""
    if not isinstance(text, str):
        raise SerializationException("A blob must be base64 text.")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SerializationException("Invalid base64 in a blob.") from None


def write_blob(value: bytes | bytearray | str) -> str:
    """Base64 text."""
    return base64.b64encode(value.encode() if isinstance(value, str) else bytes(value)).decode()


def read_boolean(text: str) -> bool:
    """`true` or `false`, in any case."""
    lowered = text.strip().lower()
    if lowered not in ("true", "false"):
        raise SerializationException(f"{text[:64]!r} is not a boolean.")
    return lowered == "true"


def read_integer(text: str) -> int:
    """A whole number in decimal digits."""
    try:
        if len(text) > 64 or "_" in text:
            raise ValueError
        return int(text)
    except ValueError:
        raise SerializationException(f"{text[:64]!r} is not an integer.") from None


def read_float(text: str) -> float:
    """A number; also NaN, Infinity and -Infinity."""
    try:
        if "_" in text:
            raise ValueError
        return float(text)
    except ValueError:
        raise SerializationException(f"{text[:64]!r} is not a number.") from None


def write_float(value: float) -> str:
    """The shortest text of a number; whole numbers without a fraction where they were integers."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return str(value)
