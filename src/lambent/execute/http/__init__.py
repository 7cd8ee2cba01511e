"""HTTP APIs, answered: `look` finds in the store what a request needs, `serve` answers it."""

from __future__ import annotations

from .pipeline import look, serve

__all__ = ["look", "serve"]
