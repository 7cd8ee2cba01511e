"""Lambda's execution environments: sandboxes, their Runtime API, their logs, and the pool that keeps them warm.

`Environments` implements `contracts.functions.Compute`; `probe` says what this machine can do. See DESIGN.md.
"""

from .pool import Environments
from .probe import Report, probe

__all__ = ["Environments", "Report", "probe"]
