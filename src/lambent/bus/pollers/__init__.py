"""Pollers of event source mappings: they read queues and streams as a function's role, and invoke the function.

`Pollers` are one node's; `forget_node` frees what a dead node polled, in the transaction that removes the node. See the
bus's DESIGN.md.
"""

from __future__ import annotations

from .door import Pollers, forget_node

__all__ = ["Pollers", "forget_node"]
