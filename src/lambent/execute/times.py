"""Moments as API Gateway writes them in events and logs, in UTC."""

from __future__ import annotations

import time
from typing import Final

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def clf_time(now_ns: int) -> str:
    """As the common log format has it: `21/Nov/2026:11:10:55 +0000`. `now_ns` since the epoch."""
    t = time.gmtime(now_ns // 1_000_000_000)
    day = f"{t.tm_mday:02d}/{_MONTHS[t.tm_mon - 1]}/{t.tm_year}"
    return f"{day}:{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} +0000"


def long_time(now_ns: int) -> str:
    """As Java writes a date: `Sat Nov 21 11:10:55 UTC 2026`. `now_ns` since the epoch."""
    t = time.gmtime(now_ns // 1_000_000_000)
    clock = f"{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d}"
    return f"{_DAYS[t.tm_wday]} {_MONTHS[t.tm_mon - 1]} {t.tm_mday:02d} {clock} UTC {t.tm_year}"
