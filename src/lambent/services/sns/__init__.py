"""SNS. The design is in DESIGN.md beside this file.

Besides `service` and `targets` the package offers `serve`, the doors that links in messages lead to, and `opt_out`,
which phones do on AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

from .api import permissions, publish, push, sms, subscriptions, tags, topics
from .events import SnsTarget
from .service import sns as service
from .web import opt_out, serve

__all__ = ["opt_out", "serve", "service", "targets"]

targets: Mapping[str, Callable[[Cloud], Target]] = {"sns": SnsTarget}

# Importing these modules registers their operations.
_OPERATIONS = (permissions, publish, push, sms, subscriptions, tags, topics)
