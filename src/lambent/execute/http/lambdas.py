"""Routes that a function answers."""

from __future__ import annotations

from typing import Final

import orjson

from lambent.contracts.errors import ServiceError
from lambent.contracts.events import Undeliverable
from lambent.contracts.functions import Outcome, TooManyRequests
from lambent.services.apigateway.v2.checks import function_of
from lambent.services.apigateway.v2.model import Integration

from ..calls import in_time, invoke, invoke_as
from .answers import Answer, from_payload
from .events import integration_event
from .exchange import Exchange
from .mapping import mapped
from .refusals import Refusal, broken, unavailable
from .selecting import fill

PAYLOAD_BYTES_MAX: Final = 6 << 20
NO_RIGHT: Final = (
    "The IAM role configured on the integration or API Gateway doesn't have permissions to call the integration. "
    "Check the permissions and try again."
)


async def answer(exchange: Exchange, integration: Integration) -> Answer:
    """Run the function and read its answer; `Refusal` when there is none."""
    version = integration.payload_format or "1.0"
    with mapped(exchange, integration.request_parameters):
        payload = orjson.dumps(integration_event(exchange, version))
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise Refusal(413, "The event is too long for a function.", integration=True)
    outcome = await _run(exchange, integration, payload)
    exchange.backend.status = 200
    if outcome.error:
        raise broken(
            f"The Lambda function returned the following error: {outcome.payload[:1000].decode('utf-8', 'replace')}"
        )
    return from_payload(outcome.payload, version)


async def _run(exchange: Exchange, integration: Integration, payload: bytes) -> Outcome:
    arn = fill(function_of(integration.uri), exchange.stage.variables)
    source, account = exchange.source_arn, exchange.found.account
    try:
        if integration.credentials:
            session = await exchange.room.sessions.assume(integration.credentials, source)
            work = invoke_as(exchange.cloud, session.caller, arn, payload)
        else:
            work = invoke(exchange.cloud, arn, payload, source, account)
        return await in_time(exchange.cloud, integration.timeout_ms, work)
    except (ServiceError, Undeliverable) as error:
        exchange.backend.status = 403
        raise broken(f"{NO_RIGHT} ({error})") from None
    except TooManyRequests as error:
        exchange.backend.status = 429
        raise unavailable(str(error)) from None
    except TimeoutError:
        raise unavailable("The integration took too long to answer.") from None
