"""The services under test: one file each."""

from __future__ import annotations

from ..workload import Workload
from .events import Events
from .iam import Iam
from .lambda_ import Lambda
from .logs import Logs
from .s3 import S3
from .sqs import Sqs

WORKLOADS: dict[str, type[Workload]] = {workload.name: workload for workload in (Events, Iam, Lambda, Logs, S3, Sqs)}
"""Every workload by its name. A new service is added here and in a file of its own."""
