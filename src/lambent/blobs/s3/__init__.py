"""Blobs in an S3-compatible object store. The only place that imports its client and the signing."""

from .bodies import S3Blobs

__all__ = ["S3Blobs"]
