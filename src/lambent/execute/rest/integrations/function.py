"""Lambda integrations with mappings: the body that templates make is the event, the result is mapped back."""

from __future__ import annotations

from typing import Final

import orjson

from lambent.contracts.functions import Outcome

from ...mapping.parameters import REFUSED_OF_AWS
from .. import transform
from ..exchange import Answer, Exchange
from ..refusals import JSON, misconfigured
from . import proxy, uris

_TYPE_HEADER: Final = "x-amz-invocation-type"


async def function(x: Exchange) -> Answer:
    """Answer by a function and the integration's mappings."""
    integration = x.route.integration
    assert integration is not None
    made = transform.outgoing(x, REFUSED_OF_AWS)
    if integration.http_method != "POST":
        raise misconfigured("Lambda functions are invoked by POST alone.")
    arn = uris.function(uris.fill(integration.uri or "", {**x.variables}))
    kinds = {name.lower(): values for name, values in made.headers.items()}
    later = [value.strip("'") for value in kinds.get(_TYPE_HEADER, ())] == ["Event"]
    payload = made.body or b"{}"
    if later:  # API Gateway does not wait
        outcome = await proxy.run(x, arn, payload, wait=False, said=made.body)
        x.backend.status = 202
        return transform.answer(x, transform.Backed(None, {}, outcome.payload))
    outcome = await proxy.run(x, arn, payload, said=made.body)
    headers = {"content-type": [JSON]}
    return transform.answer(x, transform.Backed(_error(outcome), headers, outcome.payload))


def _error(outcome: Outcome) -> str | None:
    """What selection patterns are matched with: the error's message, None of a function that did not fail."""
    if not outcome.error:
        return None
    try:
        document = orjson.loads(outcome.payload)
    except orjson.JSONDecodeError:
        return outcome.payload.decode("utf-8", "replace")
    message = document.get("errorMessage") if isinstance(document, dict) else None
    return message if isinstance(message, str) else ""
