"""Text messages: settings, numbers that opted out, numbers for tests. Messages go into the mailbox."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from lambent import mail
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.mail import Letter

from .. import keys, subscribing
from ..errors import InvalidParameter, OptedOut, ResourceNotFound, VerificationException, invalid
from ..model import PAGE, SandboxNumber, SmsSettings
from ..service import after, paged, sns

_NAMES: Final = (
    "MonthlySpendLimit", "DeliveryStatusIAMRole", "DeliveryStatusSuccessSamplingRate", "DefaultSenderID",
    "DefaultSMSType", "UsageReportS3Bucket",
)  # fmt: skip
_TYPES: Final = ("Promotional", "Transactional")
_PASSWORD_DIGITS: Final = 6


def _number(req: dict[str, Any], name: str = "phoneNumber") -> str:
    text: str = req.get(name) or ""
    if not text.startswith("+") or not subscribing.is_number(text):
        raise invalid("PhoneNumber", "input incorrectly formatted")
    return text


@sns.operation(tx="write")
def set_sms_attributes(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    given: dict[str, str] = req["attributes"]
    for name, value in given.items():
        if name not in _NAMES:
            raise InvalidParameter(f"{name} is not a valid attribute")
        if name == "DefaultSMSType" and value not in _TYPES:
            raise invalid("DefaultSMSType", f"{value} is not one of {' and '.join(_TYPES)}")
    old = keys.sms.get(tx, ctx.account, ctx.region) or SmsSettings()
    keys.sms.put(tx, SmsSettings({**old.attributes, **given}), ctx.account, ctx.region)


@sns.operation(tx="read")
def get_sms_attributes(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    found = (keys.sms.get(tx, ctx.account, ctx.region) or SmsSettings()).attributes
    wanted = req.get("attributes")
    return {"attributes": {name: value for name, value in found.items() if not wanted or name in wanted}}


@sns.operation(tx="read")
def check_if_phone_number_is_opted_out(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    number = _number(req)
    return {"isOptedOut": keys.opted_out.get(tx, ctx.account, ctx.region, number) is not None}


@sns.operation(tx="read")
def list_phone_numbers_opted_out(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    rows = keys.opted_out.scan(tx, ctx.account, ctx.region, after=after(req.get("nextToken")), limit=PAGE + 1)
    found = paged(rows, "phoneNumbers", lambda mark: "")
    found["phoneNumbers"] = [str(keys.opted_out.parts(key)[-1]) for key, _ in rows[:PAGE]]
    if "NextToken" in found:
        found["nextToken"] = found.pop("NextToken")
    return found


@sns.operation(tx="write")
def opt_in_phone_number(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    keys.opted_out.delete(tx, ctx.account, ctx.region, _number(req))
    return {}


@sns.operation(tx="read")
def list_origination_numbers(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    # Nobody can buy a number here.
    return {"PhoneNumbers": []}


@sns.operation(tx="read")
def get_sms_sandbox_account_status(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    # No message costs anything here, so nobody needs to be kept from sending to whom they like.
    return {"IsInSandbox": False}


@sns.operation(tx="write")
def create_sms_sandbox_phone_number(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    number = _number(req, "PhoneNumber")
    if keys.opted_out.get(tx, ctx.account, ctx.region, number) is not None:
        raise OptedOut("The phone number has opted out of receiving text messages.")
    password = str(ctx.cloud.ids.random.randrange(10 ** (_PASSWORD_DIGITS - 1), 10**_PASSWORD_DIGITS))
    keys.sandbox.put(tx, SandboxNumber(number, "Pending", password), ctx.account, ctx.region, number)
    text = f"Your Amazon SNS phone number verification code is {password}"
    letter = Letter(
        kind="sms", to=number, sender="NOTICE", body=text, sent_ms=ctx.now_ms, account=ctx.account, region=ctx.region
    )
    mail.keep(tx, letter)
    return {}


def _sandboxed(ctx: Context, tx: Reader, req: dict[str, Any]) -> SandboxNumber:
    found = keys.sandbox.get(tx, ctx.account, ctx.region, _number(req, "PhoneNumber"))
    if found is None:
        raise ResourceNotFound("The phone number does not exist in the SMS sandbox.")
    return found


@sns.operation(tx="write")
def verify_sms_sandbox_phone_number(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    found = _sandboxed(ctx, tx, req)
    if found.password != req["OneTimePassword"]:
        raise VerificationException("The one-time password is not valid.", Status="Failed")
    keys.sandbox.put(tx, replace(found, status="Verified"), ctx.account, ctx.region, found.number)
    return {}


@sns.operation(tx="write")
def delete_sms_sandbox_phone_number(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    keys.sandbox.delete(tx, ctx.account, ctx.region, _sandboxed(ctx, tx, req).number)
    return {}


@sns.operation(tx="read")
def list_sms_sandbox_phone_numbers(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    limit = req.get("MaxResults", PAGE)
    rows = keys.sandbox.scan(tx, ctx.account, ctx.region, after=after(req.get("NextToken")), limit=limit + 1)
    return paged(rows, "PhoneNumbers", lambda one: {"PhoneNumber": one.number, "Status": one.status}, limit)
