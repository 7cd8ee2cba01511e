"""What has been scaled, the latest first."""

from __future__ import annotations

from typing import Any

from lambent.contracts.ports import Reader
from lambent.kit import Context

from ..keys import activities
from ..service import filters, moment, names, paged, scaling


@scaling.operation(tx="read", harmless=("IncludeNotScaledActivities",))
def describe_scaling_activities(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The activities of six weeks. Those that came to nothing are not kept."""
    rows: list[tuple[bytes, dict[str, Any]]] = []
    for key, activity in activities.scan(tx, *filters(ctx, req)):
        account, region, resource, dimension = map(str, activities.parts(key)[:4])
        if req.get("ScalableDimension", dimension) != dimension:
            continue
        shown: dict[str, Any] = {
            "ActivityId": activity.id,
            **names((account, region, resource, dimension)),
            "Description": activity.description,
            "Cause": activity.cause,
            "StartTime": moment(activity.started_ms),
            "EndTime": moment(activity.ended_ms),
            "StatusCode": activity.status,
            "StatusMessage": activity.message,
        }
        rows.append((key, shown))
    rows.sort(key=lambda row: row[1]["StartTime"], reverse=True)
    shown_rows, more = paged(req, rows)
    return {"ScalingActivities": shown_rows, **more}
