"""The mailbox: what the cloud sends to people (mails, text messages, push notifications), kept where they can be read.

A room of its own below the services, because more than one of them writes to people; see DESIGN.md. `mail.smtp`, which
takes a while to load, is imported by who sends.
"""

from __future__ import annotations

from .box import KEPT_MAX, Letter, keep, letter, letters

__all__ = ["KEPT_MAX", "Letter", "keep", "letter", "letters"]
