"""Mobile push: platform applications and the endpoints (devices) that have them. Notifications go into the mailbox."""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys
from ..errors import NotFound, invalid
from ..model import PAGE, Application, Device, Named
from ..service import after, paged, parse, sns

_PLATFORMS: Final = (
    "ADM", "APNS", "APNS_SANDBOX", "APNS_VOIP", "APNS_VOIP_SANDBOX", "APNS_MACOS", "APNS_MACOS_SANDBOX", "BAIDU", "GCM",
    "MPNS", "WNS",
)  # fmt: skip
_ALONE: Final = ("GCM",)
"""Platforms that have a credential and no principal."""
_SECRET: Final = ("PlatformCredential", "PlatformPrincipal")
_APPLICATION_NAMES: Final = (
    *_SECRET, "EventEndpointCreated", "EventEndpointDeleted", "EventEndpointUpdated", "EventDeliveryFailure",
    "SuccessFeedbackRoleArn", "FailureFeedbackRoleArn", "SuccessFeedbackSampleRate", "ApplePlatformTeamID",
    "ApplePlatformBundleID", "Enabled",
)  # fmt: skip
_DEVICE_NAMES: Final = ("CustomUserData", "Enabled", "Token")
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
_DATA_BYTES_MAX: Final = 2048


def _application_place(req: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    text = req.get("PlatformApplicationArn") or ""
    place = parse(text, "PlatformApplicationArn")
    parts = place.resource.split("/")
    if len(parts) != 3 or parts[0] != "app":
        raise invalid("PlatformApplicationArn", "Wrong number of slashes in relative portion of the ARN.")
    return text, (place.account, place.region, parts[1], parts[2])


def _application_arn(ctx: Context, req: dict[str, Any]) -> str:
    return _application_place(req)[0]


def _get_application(ctx: Context, tx: Reader, req: dict[str, Any]) -> Application:
    _, place = _application_place(req)
    found = keys.applications.get(tx, *place) if place[:2] == (ctx.account, ctx.region) else None
    if found is None:
        raise NotFound("PlatformApplication does not exist")
    return found


def _put_application(tx: Transaction, application: Application) -> None:
    place = (application.account, application.region, application.platform, application.name)
    keys.applications.put(tx, application, *place)


def _check_names(given: dict[str, str], names: tuple[str, ...]) -> None:
    for name in given:
        if name not in names:
            raise invalid("Attributes", f"Invalid attribute name: {name}")


def _new_application_arn(ctx: Context, req: dict[str, Any]) -> str:
    return ctx.arn("sns", f"app/{req.get('Platform') or ''}/{req.get('Name') or ''}")


@sns.operation(tx="write", resource=_new_application_arn)
def create_platform_application(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    name, platform, given = req["Name"], req["Platform"], req["Attributes"]
    if len(name) > 256:
        raise invalid(name, "must be at most 256 characters long")
    if not name:
        raise invalid("Name", "cannot be empty")
    if not _NAME.fullmatch(name):
        raise invalid(name, "must contain only characters 'a'-'z', 'A'-'Z', '0'-'9', '_', '-', and '.'")
    if platform not in _PLATFORMS:
        raise invalid("Platform", f"{platform} is not supported")
    _check_names(given, _APPLICATION_NAMES)
    if "PlatformCredential" not in given and "PlatformPrincipal" in given:
        raise invalid("Attributes", "PlatformPrincipal attribute provided without PlatformCredential")
    if "PlatformCredential" in given and "PlatformPrincipal" not in given and platform not in _ALONE:
        raise invalid("Attributes", "PlatformCredential attribute provided without PlatformPrincipal")
    shown = {key: value for key, value in given.items() if key not in _SECRET}
    application = Application(
        account=ctx.account, region=ctx.region, platform=platform, name=name, attributes={"Enabled": "true", **shown}
    )
    _put_application(tx, application)
    return {"PlatformApplicationArn": application.arn}


@sns.operation(tx="write", resource=_application_arn)
def delete_platform_application(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    arn, place = _application_place(req)
    if place[:2] != (ctx.account, ctx.region):
        return
    keys.applications.delete(tx, *place)
    for table in (keys.devices, keys.device_tokens):
        for key, _ in table.scan(tx, arn):
            tx.delete(key)


@sns.operation(tx="read", resource=_application_arn)
def get_platform_application_attributes(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return {"Attributes": _get_application(ctx, tx, req).attributes}


@sns.operation(tx="write", resource=_application_arn)
def set_platform_application_attributes(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    application = _get_application(ctx, tx, req)
    _check_names(req["Attributes"], _APPLICATION_NAMES)
    shown = {name: value for name, value in req["Attributes"].items() if name not in _SECRET}
    _put_application(tx, replace(application, attributes={**application.attributes, **shown}))


@sns.operation(tx="read")
def list_platform_applications(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    rows = keys.applications.scan(tx, ctx.account, ctx.region, after=after(req.get("NextToken")), limit=PAGE + 1)
    return paged(
        rows,
        "PlatformApplications",
        lambda one: {"PlatformApplicationArn": one.arn, "Attributes": one.attributes},
    )


@sns.operation(tx="write", resource=_application_arn)
def create_platform_endpoint(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    application = _get_application(ctx, tx, req)
    given: dict[str, str] = dict(req.get("Attributes") or {})
    if "CustomUserData" in req:
        given["CustomUserData"] = req["CustomUserData"]
    _check_device(given)
    token = req["Token"]
    attributes = {"Enabled": "true", **given, "Token": token}
    known = keys.device_tokens.get(tx, application.arn, token)
    old = keys.devices.get(tx, application.arn, known.id) if known is not None else None
    if old is not None:
        if old.attributes != attributes:
            raise invalid("Token", f"Endpoint {old.arn} already exists with the same Token, but different attributes.")
        return {"EndpointArn": old.arn}
    device = Device(application=application.arn, id=ctx.cloud.ids.uuid(), attributes=attributes)
    keys.devices.put(tx, device, application.arn, device.id)
    keys.device_tokens.put(tx, Named(device.id), application.arn, token)
    return {"EndpointArn": device.arn}


def _check_device(given: dict[str, str]) -> None:
    _check_names(given, _DEVICE_NAMES)
    if len(given.get("CustomUserData", "").encode()) > _DATA_BYTES_MAX:
        raise invalid(
            "Attributes",
            "Invalid value for attribute: CustomUserData: "
            f"must be at most {_DATA_BYTES_MAX} bytes long in UTF-8 encoding",
        )
    if given.get("Enabled", "true").lower() not in ("true", "false"):
        raise invalid("Attributes", "Invalid value for attribute: Enabled: must be true or false")


def _device_place(req: dict[str, Any]) -> tuple[str, str]:
    """The ARN of the application, and the endpoint's id."""
    text = req.get("EndpointArn") or ""
    place = parse(text, "EndpointArn")
    parts = place.resource.split("/")
    if len(parts) != 4 or parts[0] != "endpoint":
        raise invalid("EndpointArn", "Wrong number of slashes in relative portion of the ARN.")
    return text.rpartition("/")[0].replace(":endpoint/", ":app/", 1), parts[3]


def _device_arn(ctx: Context, req: dict[str, Any]) -> str:
    _device_place(req)
    return str(req["EndpointArn"])


def _get_device(ctx: Context, tx: Reader, req: dict[str, Any]) -> Device:
    application, id = _device_place(req)
    place = parse(application, "EndpointArn")
    found = keys.devices.get(tx, application, id) if place.account == ctx.account else None
    if found is None:
        raise NotFound("Endpoint does not exist")
    return found


@sns.operation(tx="read", resource=_device_arn)
def get_endpoint_attributes(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return {"Attributes": _get_device(ctx, tx, req).attributes}


@sns.operation(tx="write", resource=_device_arn)
def set_endpoint_attributes(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    device = _get_device(ctx, tx, req)
    _check_device(req["Attributes"])
    changed = replace(device, attributes={**device.attributes, **req["Attributes"]})
    keys.device_tokens.delete(tx, device.application, device.attributes["Token"])
    keys.device_tokens.put(tx, Named(device.id), device.application, changed.attributes["Token"])
    keys.devices.put(tx, changed, device.application, device.id)


@sns.operation(tx="write", resource=_device_arn)
def delete_endpoint(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    try:
        device = _get_device(ctx, tx, req)
    except NotFound:
        return
    keys.devices.delete(tx, device.application, device.id)
    keys.device_tokens.delete(tx, device.application, device.attributes["Token"])


@sns.operation(tx="read", resource=_application_arn)
def list_endpoints_by_platform_application(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    application = _get_application(ctx, tx, req)
    rows = keys.devices.scan(tx, application.arn, after=after(req.get("NextToken")), limit=PAGE + 1)
    return paged(rows, "Endpoints", lambda one: {"EndpointArn": one.arn, "Attributes": one.attributes})
