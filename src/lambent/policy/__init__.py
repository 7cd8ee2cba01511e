"""IAM's evaluation logic: pure, no I/O, compiled and cached; every decision can be explained. See DESIGN.md."""

from .context import canonical_user_id
from .document import Document, Statement, compile_document
from .engine import evaluate, matching
from .explain import explain
from .grammar import MalformedPolicyDocument, named_principals, parse_document

__all__ = [
    "Document",
    "MalformedPolicyDocument",
    "Statement",
    "canonical_user_id",
    "compile_document",
    "evaluate",
    "explain",
    "matching",
    "named_principals",
    "parse_document",
]
