"""The policy of a browser upload: who signed it, until when it holds, and whether the form meets its conditions."""

from __future__ import annotations

import base64
import binascii
import datetime
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

from lambent.contracts.caller import ANONYMOUS, Credential
from lambent.contracts.http import Body, BytesBody

from . import claim as claims
from . import errors, refusals
from .claim import ALGORITHM, Claim, Endpoint, Scope
from .form import FileBody, Form
from .verify import Authenticated, Find, Verifier

_EXEMPT = frozenset({"policy", "x-amz-signature", "signature", "awsaccesskeyid", "file"})
_S3 = Endpoint("s3", "rest-xml")


class SizeRange(NamedTuple):
    """The bytes that the file may have, both ends included."""

    least: int
    most: int


async def authenticate_form(verifier: Verifier, form: Form, bucket: str, find: Find, now_ns: int) -> Authenticated:
    """Verify the signature of a form's policy and its conditions; raises `ServiceError` in S3's words.

    A form without policy and signature is anonymous. The answer's body is the file; it raises instead of ending where
    the policy's content-length-range is not kept.
    """
    fields = form.fields
    if "key" not in fields:
        raise _missing("key")
    if "x-amz-signature" not in fields and "signature" not in fields:
        if "policy" in fields and "x-amz-credential" in fields:
            raise _missing("X-Amz-Signature")
        if "policy" in fields:
            raise errors.AccessDenied("Access Denied")
        return Authenticated(ANONYMOUS, form.file)
    claim = _claim(fields)
    found = find(claim.scope.access_key)
    credential = found if found is None or isinstance(found, Credential) else await found
    if credential is None:
        raise refusals.unknown_key(claim, _S3)
    refusals.check_credential(claim, credential, _S3, now_ns)
    scope, policy = claim.scope, fields["policy"]
    if scope.date:
        key = verifier.signing_key(credential.secret, scope.date, scope.region, scope.service)
        made = hmac.digest(key, policy.encode(), "sha256").hex().encode()
    else:
        made = base64.b64encode(hmac.digest(credential.secret.encode(), policy.encode(), "sha1"))
    if not hmac.compare_digest(made, claim.signature.encode()):
        raise errors.SignatureDoesNotMatch(
            "The request signature we calculated does not match the signature you provided. Check your key and "
            "signing method.",
            AWSAccessKeyId=scope.access_key,
            StringToSign=policy,
            SignatureProvided=claim.signature[:1024],
            StringToSignBytes=policy.encode().hex(" "),
        )
    size = check_policy(policy, fields, bucket, now_ns)
    body = form.file if size is None else _sized(form.file, size)
    return Authenticated(credential.caller, body, scope.region, scope.service, True, "post", claim.time_ns)


def _missing(name: str) -> errors.InvalidArgument:
    message = (
        f"Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields."
    )
    return errors.InvalidArgument(message, ArgumentName=name, ArgumentValue="")


def _claim(fields: Mapping[str, str]) -> Claim:
    token = fields.get("x-amz-security-token", "")
    if "x-amz-signature" not in fields:
        # The old signature (version 2), which boto3 still makes by default: a scope without a date stands for it.
        for name, shown in (("awsaccesskeyid", "AWSAccessKeyId"), ("policy", "policy")):
            if name not in fields:
                raise _missing(shown)
        old = Scope(fields["awsaccesskeyid"], "", "", "s3", "", (), "")
        return Claim(old, fields["signature"], "", 0, token, False)
    for name, shown in (
        ("policy", "policy"),
        ("x-amz-algorithm", "X-Amz-Algorithm"),
        ("x-amz-credential", "X-Amz-Credential"),
        ("x-amz-date", "X-Amz-Date"),
    ):
        if name not in fields:
            raise _missing(shown)
    if fields["x-amz-algorithm"] != ALGORITHM:
        raise errors.InvalidArgument(
            f"X-Amz-Algorithm only supports {ALGORITHM}",
            ArgumentName="X-Amz-Algorithm",
            ArgumentValue=fields["x-amz-algorithm"],
        )
    scope = claims.make_scope(fields["x-amz-credential"], "host", _S3, presigned=True)
    time_ns = claims.parse_time(fields["x-amz-date"])
    if time_ns is None or not fields["x-amz-date"].startswith(scope.date):
        raise errors.InvalidArgument(
            "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
            ArgumentName="X-Amz-Date",
            ArgumentValue=fields["x-amz-date"],
        )
    return Claim(scope, fields["x-amz-signature"], fields["x-amz-date"], time_ns, token, False)


def check_policy(policy: str, fields: Mapping[str, str], bucket: str, now_ns: int) -> SizeRange | None:
    """Check a policy (base64 text) against a form's fields; the range of sizes that it sets, if any."""
    document = _document(policy)
    if _expiration_ns(document) < now_ns:
        raise _denied("Policy expired.")
    known = {**fields, "bucket": bucket}
    covered = set(_EXEMPT)
    size: SizeRange | None = None
    for condition in document["conditions"]:
        operator, name, value = _parse_condition(condition)
        if operator == "content-length-range":
            size = _range(name, value)
            continue
        field = name[1:].lower() if name.startswith("$") else ""
        covered.add(field)
        if not _holds(operator, field, known.get(field, ""), value):
            raise _failed(operator, name, value)
    extra = [name for name in fields if name not in covered and not name.startswith("x-ignore-")]
    if extra:
        raise _denied(f"Extra input fields: {', '.join(extra)}")
    return size


def _document(policy: str) -> dict[str, Any]:
    try:
        document = json.loads(base64.b64decode(policy, validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise _invalid("Invalid JSON.") from None
    if not isinstance(document, dict):
        raise _invalid("Invalid JSON.")
    if not isinstance(document.get("conditions"), list):
        raise _invalid("Policy missing conditions.")
    return document


def _expiration_ns(document: dict[str, Any]) -> int:
    text = document.get("expiration")
    if not isinstance(text, str):
        raise _invalid("Policy missing expiration.")
    try:
        moment = datetime.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        return int(moment.timestamp() * 1000) * 1_000_000
    except (ValueError, OverflowError):
        raise _invalid(f"Invalid 'expiration' value: '{text[:100]}'") from None


def _parse_condition(condition: Any) -> tuple[str, str, str]:
    """Operator, name and value. A simple condition `{"acl": "private"}` is `["eq", "$acl", "private"]`."""
    if isinstance(condition, dict):
        if len(condition) != 1:
            raise _invalid("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
        ((name, value),) = condition.items()
        if not isinstance(value, str):
            raise _invalid("Invalid Simple-Condition: value must be a string.")
        return "eq", f"${name}", value
    if not isinstance(condition, list) or len(condition) != 3 or not isinstance(condition[0], str):
        raise _invalid("Invalid Condition: a condition must be an object or a list of three.")
    operator = condition[0].lower()
    if operator == "content-length-range":
        return operator, str(condition[1]), str(condition[2])
    if operator not in ("eq", "starts-with"):
        raise _invalid(f"Invalid Condition: unknown operation '{condition[0][:100]}'.")
    if not isinstance(condition[1], str) or not isinstance(condition[2], str):
        raise _invalid("Invalid Condition: values must be strings.")
    return operator, condition[1], condition[2]


def _holds(operator: str, field: str, given: str, wanted: str) -> bool:
    if not field:
        return False
    if operator == "eq":
        return given == wanted
    if field == "content-type" and "," in given:
        # A list of types meets the condition only when each of them does.
        return all(part.strip().startswith(wanted) for part in given.split(","))
    return given.startswith(wanted)


def _range(least: str, most: str) -> SizeRange:
    if not (least.isascii() and least.isdigit() and most.isascii() and most.isdigit()) or len(least + most) > 30:
        raise _failed("content-length-range", least, most)
    return SizeRange(int(least), int(most))


def _invalid(text: str) -> errors.InvalidPolicyDocument:
    return errors.InvalidPolicyDocument(f"Invalid Policy: {text}")


def _denied(text: str) -> errors.AccessDenied:
    return errors.AccessDenied(f"Invalid according to Policy: {text}")


def _failed(*condition: str) -> errors.AccessDenied:
    return _denied(f"Policy Condition failed: {json.dumps(condition, ensure_ascii=False)}")


def _sized(file: Body, size: SizeRange) -> Body:
    """The file, which must keep the range."""
    if isinstance(file, BytesBody):
        _check_size(len(file.data), size, ended=True)
        return file
    return FileBody(_bounded(file, size))


async def _bounded(file: Body, size: SizeRange) -> AsyncIterator[bytes]:
    total = 0
    async for piece in file:
        total += len(piece)
        _check_size(total, size, ended=False)
        yield piece
    _check_size(total, size, ended=True)


def _check_size(total: int, size: SizeRange, *, ended: bool) -> None:
    if total > size.most:
        raise errors.EntityTooLarge(
            "Your proposed upload exceeds the maximum allowed size",
            ProposedSize=str(total),
            MaxSizeAllowed=str(size.most),
        )
    if ended and total < size.least:
        raise errors.EntityTooSmall(
            "Your proposed upload is smaller than the minimum allowed size",
            ProposedSize=str(total),
            MinSizeAllowed=str(size.least),
        )
