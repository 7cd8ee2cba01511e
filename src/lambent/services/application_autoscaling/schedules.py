"""When a scheduled action is due. What at(...), rate(...) and cron(...) mean is in `lambent.kit.cron`. Pure."""

from __future__ import annotations

from lambent.kit import cron

from .errors import ValidationException


def next_ms(schedule: str, zone: str, created_ms: int, after_ms: int) -> int | None:
    """The first time (ms) after `after_ms` at which a schedule fires, a rate counting from `created_ms`; None when it
    does not any more. Raises `ValidationException` for a schedule or a time zone that is none."""
    try:
        cron.zone_of(zone or "UTC")
    except cron.InvalidExpression:
        raise ValidationException(f"Invalid time zone: {zone}") from None
    try:
        return cron.next_after(schedule, after_ms, zone or "UTC", anchor_ms=created_ms)
    except cron.InvalidExpression:
        raise ValidationException(f"Invalid schedule expression: {schedule}") from None
