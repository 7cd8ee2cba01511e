"""Who is calling: Signature Version 4 in headers, URLs, chunked bodies and browser forms.

`Verifier.authenticate` is the way in; see DESIGN.md beside this file.
"""

from .chunked import ChunkedBody, DecodedBytes
from .claim import Claim, Endpoint
from .verify import Authenticated, Verifier, missing_token

__all__ = [
    "Authenticated",
    "ChunkedBody",
    "Claim",
    "DecodedBytes",
    "Endpoint",
    "Verifier",
    "missing_token",
]
