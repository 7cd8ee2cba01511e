"""Asking a cloud's own doors, those of the root user: the mailbox, the clock."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from .common import Failure

TIMEOUT_S = 10.0


def ask(endpoint: str, path: str, region: str, method: str = "GET") -> dict[str, Any]:
    """What the door answers at `path` (with its query), as JSON; `Failure` with its message, or when nobody answers."""
    url = f"{endpoint}{path}"
    request = urllib.request.Request(url, method=method, headers=_signed(method, url, region))
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        told = error.read().decode(errors="replace")
        try:
            message = json.loads(told)["message"]
        except (ValueError, KeyError, TypeError):
            message = told.strip() or str(error)
        raise Failure(message) from None
    except (urllib.error.URLError, OSError, ValueError):
        raise Failure(f"no cloud answers at {endpoint}; start one with `lambent up --detach`") from None


def _signed(method: str, url: str, region: str) -> dict[str, str]:
    """Headers that prove who asks, when the user has credentials; a cloud on loopback asks for none."""
    # Deferred: botocore takes a while to load.
    import botocore.session
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    credentials = botocore.session.get_session().get_credentials()
    if credentials is None:
        return {}
    request = AWSRequest(method, url, headers={"Host": urlsplit(url).netloc})
    SigV4Auth(credentials, "sns", region).add_auth(request)
    return dict(request.headers)
