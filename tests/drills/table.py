"""The drills' figures as the table of docs/reliability.md."""

from __future__ import annotations

from .figures import Figures

_COLUMNS = (
    "drill", "fault, s", "writes acknowledged", "lost", "data lost, s", "events lost", "duplicate effects",
    "late acts", "slowest effect, s", "longest without a write, s", "first write after, s", "full rate after, s",
    "operations + transactions (unknown)", "history",
)  # fmt: skip


def table(rows: list[Figures]) -> str:
    """A Markdown table, one row each."""
    lines = [" | ".join(_COLUMNS), " | ".join("---" for _ in _COLUMNS), *(" | ".join(_cells(row)) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)


def _cells(row: Figures) -> tuple[str, ...]:
    return (
        row.drill,
        f"{row.fault_s:.1f}",
        str(row.acknowledged),
        str(row.lost),
        f"{row.data_lost_s:.1f}",
        str(row.events_lost),
        str(row.duplicates),
        str(row.late_acts),
        f"{row.slowest_effect_s:.1f}",
        f"{row.unserved_s:.1f}",
        _seconds(row.served_s),
        _seconds(row.full_s),
        f"{row.operations} + {row.transactions} ({row.unknown})",
        row.verdict,
    )


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f}"
