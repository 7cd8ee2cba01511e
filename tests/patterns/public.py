"""The public patterns, which lie beside the project: in the folder that LAMBENT_CONFORMANCE names."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
CONFORMANCE = Path(os.environ.get("LAMBENT_CONFORMANCE", _ROOT.parent / "shared" / "conformance")) / "event-patterns"
"""Each file has an event and a pattern. Its name ends in `_NEG` where they do not match, and in `_EXC` where the
pattern is none."""


def names() -> list[str]:
    """The names of all cases."""
    return sorted(path.stem for path in CONFORMANCE.glob("*.json5"))


def read(name: str) -> dict[str, Any]:
    """A case: `Event` and `EventPattern`. It uses of JSON5 only comments on lines of their own and commas before
    brackets."""
    lines = [
        line for line in (CONFORMANCE / f"{name}.json5").read_text().splitlines() if not line.lstrip().startswith("//")
    ]
    found: dict[str, Any] = json.loads(re.sub(r",(\s*[}\]])", r"\1", "\n".join(lines)))
    return found
