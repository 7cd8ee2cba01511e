"""What can go wrong while a template runs.

MappingError            the mapping cannot be done; API Gateway answers 500
+-- TemplateFailed      the template: its grammar, its work, what it sets
+-- BodyNotJson         the body is no JSON though the template reads it as such; API Gateway answers 400
"""

from __future__ import annotations


class MappingError(Exception):
    """A mapping that cannot be done. The text is for execution logs."""


class TemplateFailed(MappingError):
    """A template with an error of grammar, one that does too much, or one that overrides a parameter twice."""


class BodyNotJson(MappingError):
    """The body that a template or a mapping reads as JSON is none. The text is what the client is told."""
