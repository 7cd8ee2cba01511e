"""The service that every file under `api` registers its operations with."""

from __future__ import annotations

from lambent.kit import Service

s3 = Service("s3", anonymous=True)
