"""The language of event patterns and filter policies, compiled: EventBridge's rules, SNS's subscriptions, event source
mappings. Pure; see DESIGN.md.

`compile_pattern(text)` is cached; `pattern.matches(flatten(event))` asks. A pattern that is none raises
`InvalidPattern`, whose `message` is AWS's sentence and whose `text` adds where the sentence is about.
"""

from __future__ import annotations

from .language import Pattern, Rule, compile_pattern
from .leaves import Leaves, flatten, flatten_attributes
from .reading import InvalidPattern

__all__ = ["InvalidPattern", "Leaves", "Pattern", "Rule", "compile_pattern", "flatten", "flatten_attributes"]
