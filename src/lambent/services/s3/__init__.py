"""S3: buckets, objects and their versions. The design is in DESIGN.md beside this file.

Besides `service` and `targets` (S3 is nobody's target) the package offers what is not an operation of the model:
browser uploads, cross-origin requests, and the names of the blobs that are in use.
"""

from __future__ import annotations

from collections.abc import Callable

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

from ._service import s3 as service
from .api import (
    buckets,
    configuration,
    copies,
    lists,
    multipart,
    notifications,
    objects,
    policies,
    reads,
    unset,
    websites,
)
from .api.post import post_object
from .cors import cors_headers, preflight
from .keys import named_blobs as blobs_in_use

targets: dict[str, Callable[[Cloud], Target]] = {}

__all__ = ["blobs_in_use", "cors_headers", "post_object", "preflight", "service", "targets"]

_APIS = (buckets, configuration, copies, lists, multipart, notifications, objects, policies, reads, unset, websites)
