"""The door through which a custom resource's provider answers. The gateway routes it here."""

from __future__ import annotations

import json
from typing import Final

from msgspec.structs import replace

from lambent.contracts.ports import Cloud, Transaction
from lambent.services.cloudformation import keys

RESPONSE_BYTES_MAX: Final = 4096
"""The longest answer that CloudFormation accepts."""


async def custom_resource_response(cloud: Cloud, token: str, body: bytes) -> int:
    """Take a provider's answer. Returns the HTTP status for it: 200, 403 for an unknown or used token, 413 for an
    answer that is too long, 400 for one that is not a JSON object with a Status."""
    if len(body) > RESPONSE_BYTES_MAX:
        return 413
    try:
        answer = json.loads(body)
    except ValueError:
        return 400
    if not isinstance(answer, dict) or answer.get("Status") not in ("SUCCESS", "FAILED"):
        return 400
    text = json.dumps(answer)

    def take(tx: Transaction) -> int:
        found = keys.requests.get(tx, token)
        if found is None or found.response:
            return 403
        keys.requests.put(tx, replace(found, response=text), token)
        return 200

    return await cloud.store.write(take)
