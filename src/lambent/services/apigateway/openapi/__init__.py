"""OpenAPI 2 and 3 with Amazon's extensions, to the records of model.py and back. Pure: nothing here reads or writes the
store.

| module | what it does |
|---|---|
| document | text to plain values, and references within them |
| reading | a whole document to `Imported` |
| operations, integrations, security, schemas | its parts, each in both directions where both exist |
| writing | a `Snapshot` to a document |
"""

from __future__ import annotations

from .document import Unreadable, load
from .reading import Imported, ImportFailed, Settings, read
from .writing import Export, write

__all__ = ["Export", "ImportFailed", "Imported", "Settings", "Unreadable", "load", "read", "write"]
