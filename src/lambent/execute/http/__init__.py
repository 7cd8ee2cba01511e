"""HTTP APIs, answered: `serve`."""

from __future__ import annotations

from .pipeline import serve

__all__ = ["serve"]
