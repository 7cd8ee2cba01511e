"""Delivery policies: how often, how soon and with what content type HTTP endpoints are tried.

A topic's policy holds defaults for its subscriptions; a subscription's own comes first, unless the topic forbids it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from .errors import invalid
from .model import Subscription, Topic

Policy = Mapping[str, Any]

CONTENT_TYPE: Final = "text/plain; charset=UTF-8"
_HEALTHY: Final[Policy] = {
    "minDelayTarget": 20,
    "maxDelayTarget": 20,
    "numRetries": 3,
    "numMaxDelayRetries": 0,
    "numNoDelayRetries": 0,
    "numMinDelayRetries": 0,
    "backoffFunction": "linear",
}
_BOUNDS: Final[Mapping[str, tuple[int, int]]] = {
    "numRetries": (0, 100),
    "minDelayTarget": (1, 3600),
    "maxDelayTarget": (1, 3600),
    "numMaxDelayRetries": (0, 100),
    "numNoDelayRetries": (0, 100),
    "numMinDelayRetries": (0, 100),
}
_FUNCTIONS: Final = ("arithmetic", "exponential", "geometric", "linear")
_CONTENT_TYPES: Final = (
    "text/css", "text/csv", "text/html", "text/plain", "text/xml", "application/atom+xml", "application/json",
    "application/octet-stream", "application/soap+xml", "application/x-www-form-urlencoded", "application/xhtml+xml",
    "application/xml",
)  # fmt: skip
_RATE: Final = "maxReceivesPerSecond"


def _refuse(reason: str) -> Exception:
    return invalid(f"DeliveryPolicy: {reason}")


def _object(value: Any, where: str, names: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _refuse(f"{where} must be a JSON object" if where else "JSON object required")
    for name in value:
        if name not in names:
            raise _refuse(f"Unrecognized field {where + '.' if where else ''}{name}")
    return {name: member for name, member in value.items() if member is not None}


def _load(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _refuse("failed to parse JSON.") from None


def _check_retry(value: Any, where: str) -> dict[str, Any]:
    given = _object(value, where, tuple(_HEALTHY))
    for name, (least, most) in _BOUNDS.items():
        number = given.get(name, _HEALTHY[name])
        if number.__class__ is not int or not least <= number <= most:
            raise _refuse(f"{where}.{name} must be between {least} and {most}")
    if given.get("backoffFunction", "linear") not in _FUNCTIONS:
        raise _refuse(f"{where}.backoffFunction must be one of {', '.join(_FUNCTIONS)}")
    full = {**_HEALTHY, **given}
    if full["minDelayTarget"] > full["maxDelayTarget"]:
        raise _refuse(f"{where}.maxDelayTarget must be at least {where}.minDelayTarget")
    if full["numNoDelayRetries"] + full["numMinDelayRetries"] + full["numMaxDelayRetries"] > full["numRetries"]:
        raise _refuse(f"{where}.numRetries must be at least the sum of the retries of its phases")
    return given


def _check_throttle(value: Any, where: str) -> dict[str, Any]:
    given = _object(value, where, (_RATE,))
    rate = given.get(_RATE)
    if rate is not None and (rate.__class__ is not int or rate < 1):
        raise _refuse(f"{where}.{_RATE} must be at least 1")
    return given


def _check_request(value: Any, where: str) -> dict[str, Any]:
    given = _object(value, where, ("headerContentType",))
    kind = given.get("headerContentType")
    if kind is not None and not _is_content_type(kind):
        raise _refuse(f"{where}.headerContentType is not supported: {kind}")
    return given


def _is_content_type(kind: Any) -> bool:
    # It becomes a header: no line may end in it.
    if not isinstance(kind, str) or not kind.isascii() or not kind.isprintable():
        return False
    return kind.partition(";")[0].strip() in _CONTENT_TYPES


def read_topic(text: str) -> dict[str, Any]:
    """A topic's delivery policy, checked: what GetTopicAttributes shows of it."""
    given = _object(_load(text), "", ("http",))
    names = (
        "defaultHealthyRetryPolicy",
        "defaultThrottlePolicy",
        "defaultRequestPolicy",
        "disableSubscriptionOverrides",
    )
    http = _object(given.get("http", {}), "http", (*names, "defaultSicklyRetryPolicy"))
    shown: dict[str, Any] = {}
    if "defaultHealthyRetryPolicy" in http:
        shown[names[0]] = _check_retry(http[names[0]], "http.defaultHealthyRetryPolicy")
    if "defaultThrottlePolicy" in http:
        shown[names[1]] = _check_throttle(http[names[1]], "http.defaultThrottlePolicy")
    if "defaultRequestPolicy" in http:
        shown[names[2]] = _check_request(http[names[2]], "http.defaultRequestPolicy")
    shown[names[3]] = http.get(names[3], False)
    if shown[names[3]].__class__ is not bool:
        raise _refuse("http.disableSubscriptionOverrides must be true or false")
    return {"http": shown}


def effective_topic(topic: Topic) -> dict[str, Any]:
    """A topic's policy with AWS's defaults for what it leaves out."""
    text = topic.attributes.get("DeliveryPolicy")
    http: dict[str, Any] = orjson.loads(text)["http"] if text else {}
    found: dict[str, Any] = {
        "defaultHealthyRetryPolicy": {**_HEALTHY, **http.get("defaultHealthyRetryPolicy", {})},
        "disableSubscriptionOverrides": http.get("disableSubscriptionOverrides", False),
        "defaultRequestPolicy": {"headerContentType": CONTENT_TYPE, **http.get("defaultRequestPolicy", {})},
    }
    if http.get("defaultThrottlePolicy"):
        found["defaultThrottlePolicy"] = http["defaultThrottlePolicy"]
    return {"http": found}


def read_subscription(text: str) -> dict[str, Any]:
    """A subscription's delivery policy, checked: what GetSubscriptionAttributes shows of it."""
    names = ("healthyRetryPolicy", "sicklyRetryPolicy", "throttlePolicy", "requestPolicy", "guaranteed")
    given = _object(_load(text), "", names)
    healthy = given.get("healthyRetryPolicy")
    throttle, request = given.get("throttlePolicy"), given.get("requestPolicy")
    return {
        "healthyRetryPolicy": None if healthy is None else {**_HEALTHY, **_check_retry(healthy, "healthyRetryPolicy")},
        "sicklyRetryPolicy": None,
        "throttlePolicy": None if throttle is None else _check_throttle(throttle, "throttlePolicy"),
        "requestPolicy": None if request is None else _check_request(request, "requestPolicy"),
        "guaranteed": False,
    }


def effective(topic: Topic, subscription: Subscription) -> dict[str, Any]:
    """What holds for a subscription."""
    defaults = effective_topic(topic)["http"]
    text = subscription.attributes.get("DeliveryPolicy")
    own: dict[str, Any] = orjson.loads(text) if text and not defaults["disableSubscriptionOverrides"] else {}
    return {
        "healthyRetryPolicy": own.get("healthyRetryPolicy") or defaults["defaultHealthyRetryPolicy"],
        "sicklyRetryPolicy": None,
        "throttlePolicy": own.get("throttlePolicy") or defaults.get("defaultThrottlePolicy"),
        "requestPolicy": {**defaults["defaultRequestPolicy"], **(own.get("requestPolicy") or {})},
        "guaranteed": False,
    }


def rate(policy: Policy) -> int:
    """How many messages a second an endpoint takes; 0 without a limit."""
    return int((policy["throttlePolicy"] or {}).get(_RATE, 0))


def delay_s(policy: Policy, retry: int) -> float | None:
    """How long to wait before a retry (1 is the first); None when there is none any more.

    The phases follow one another: at once, at the minimum delay, backing off from it to the maximum, at the maximum.
    """
    healthy = policy["healthyRetryPolicy"]
    least, most, total = healthy["minDelayTarget"], healthy["maxDelayTarget"], healthy["numRetries"]
    at_once, early, late = healthy["numNoDelayRetries"], healthy["numMinDelayRetries"], healthy["numMaxDelayRetries"]
    if retry > total:
        return None
    if retry <= at_once:
        return 0.0
    if retry <= at_once + early:
        return float(least)
    step, steps = retry - at_once - early, total - at_once - early - late
    if step > steps:
        return float(most)
    return _backoff(healthy["backoffFunction"], least, most, step / steps, steps)


def _backoff(function: str, least: int, most: int, part: float, steps: int) -> float:
    """From just above `least` to `most` as `part` goes to 1."""
    if function == "geometric":
        return float(least * (most / least) ** part)
    if function == "exponential":
        share = (2 ** (part * steps) - 1) / (2**steps - 1)
    elif function == "arithmetic":
        step = part * steps
        share = step * (step + 1) / (steps * (steps + 1))
    else:
        share = part
    return float(least + (most - least) * share)
