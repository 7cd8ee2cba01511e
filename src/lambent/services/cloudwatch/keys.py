"""Every key of CloudWatch.

======================  ==============================================================================================
cloudwatch.metric       account, region, namespace, name, dimensions (sorted pairs)
cloudwatch.point        metric's id, resolution (1, 60, 300 or 3600 s), unit, time (s)
cloudwatch.alarm        account, region, name
cloudwatch.parent       account, region, name of an alarm, name of a composite alarm that asks it
cloudwatch.history      account, region, name, time (ms), id
cloudwatch.dashboard    account, name
cloudwatch.sweeping     account, region
======================  ==============================================================================================
"""

from __future__ import annotations

from lambent.kv.table import Table

from .model import Alarm, Dashboard, History, Mark, Metric, Point, Sweeping

metrics = Table("cloudwatch.metric", Metric)
points = Table("cloudwatch.point", Point)
alarms = Table("cloudwatch.alarm", Alarm)
parents = Table("cloudwatch.parent", Mark)
history = Table("cloudwatch.history", History)
dashboards = Table("cloudwatch.dashboard", Dashboard)
sweepings = Table("cloudwatch.sweeping", Sweeping)
