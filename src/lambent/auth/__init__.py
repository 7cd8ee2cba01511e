"""Who is calling: Signature Version 4 in headers, URLs, chunked bodies and browser forms.

`Verifier.authenticate` is the way in, `read_form` and `authenticate_form` the one for browser forms; DESIGN.md is
beside this file.
"""

from .chunked import ChunkedBody, DecodedBytes
from .claim import Claim, Endpoint
from .form import Form, read_form
from .post_policy import authenticate_form
from .verify import Authenticated, Verifier, missing_token

__all__ = [
    "Authenticated",
    "ChunkedBody",
    "Claim",
    "DecodedBytes",
    "Endpoint",
    "Form",
    "Verifier",
    "authenticate_form",
    "missing_token",
    "read_form",
]
