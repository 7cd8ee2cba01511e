"""Fixtures of the tests of user pools."""

from __future__ import annotations

from .support import same_keys

__all__ = ["same_keys"]
