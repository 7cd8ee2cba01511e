"""Mappings between a caller, API Gateway and what stands behind it.

- `render(template, Scope) -> Rendered`: mapping templates (VTL).
- `parameters`: request and response parameters of REST APIs and HTTP APIs, selection expressions.
- `validation`: request validators.

Pure: values in, values out; nothing here waits or reaches the store. What users wrote (templates, paths, schemas,
expressions) is compiled once and cached by its text, and runs within bounds.
"""

from .errors import BodyNotJson, MappingError, TemplateFailed
from .scope import Scope
from .templates import Rendered, render
from .variables import Overrides, overrides

__all__ = ["BodyNotJson", "MappingError", "Overrides", "Rendered", "Scope", "TemplateFailed", "overrides", "render"]
