"""Who is calling, whose a key is, and what a refusal said."""

from __future__ import annotations

import re
from typing import Any

from lambent.contracts.ports import Reader
from lambent.kit import Context
from lambent.services.sts.base import check_form, sts
from lambent.services.sts.errors import InvalidAuthorizationMessageException, ValidationError

Req = dict[str, Any]
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@sts.operation(tx="read", open=True)
def get_caller_identity(ctx: Context, tx: Reader, req: Req) -> Req:
    return {"UserId": ctx.caller.user_id, "Account": ctx.account, "Arn": ctx.caller.arn}


@sts.operation(tx="read")
def get_access_key_info(ctx: Context, tx: Reader, req: Req) -> Req:
    check_form(req)
    access_key = req["AccessKeyId"]
    account = ctx.cloud.directory.key_account(tx, access_key)
    if account is None:
        account = _encoded_account(access_key)
    return {"Account": account}


def _encoded_account(access_key: str) -> str:
    """The account that the characters of one of AWS's own access keys spell out."""
    if not re.fullmatch(r"A[SK]IA[A-Z2-7]{16}", access_key):
        raise ValidationError(f"Invalid value for AccessKeyId: {access_key}")
    bits = 0
    for char in access_key[4:14]:
        bits = bits << 5 | _BASE32.index(char)
    # Fifty bits: a leading one that is no part of the number, forty of account, the rest of the key itself.
    return f"{bits >> 9 & 0xFFFFFFFFFF:012d}"


@sts.operation(tx="read")
def decode_authorization_message(ctx: Context, tx: Reader, req: Req) -> Req:
    # Refusals here say in plain text what decided (AWS encodes those of EC2 alone), so no message is one of ours.
    raise InvalidAuthorizationMessageException("Message is not valid")
