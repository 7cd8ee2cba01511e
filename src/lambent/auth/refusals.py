"""The checks that need no cryptography, and the wording of every refusal: S3's own, or the common front end's."""

from __future__ import annotations

from collections.abc import Mapping

from lambent.contracts.caller import Credential
from lambent.contracts.errors import ServiceError

from . import errors
from .canonical import encode
from .claim import SKEW_NS, Claim, Endpoint, Scope, date_mismatch, format_time
from .errors import Fault, refusal

S3_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
_INVALID_TOKEN = "The security token included in the request is invalid."
_EC2_INVALID = "AWS was not able to validate the provided access credentials"


def check_time(claim: Claim, endpoint: Endpoint, now_ns: int) -> None:
    """Raise when the request was signed too long ago, or too far ahead."""
    if claim.expires_s is not None:
        end_ns = claim.time_ns + claim.expires_s * 1_000_000_000
        if claim.time_ns - SKEW_NS <= now_ns <= end_ns:
            return
        raise _presigned_time(claim, endpoint, now_ns, end_ns)
    if -SKEW_NS <= now_ns - claim.time_ns <= SKEW_NS:
        return
    if endpoint.s3:
        raise errors.RequestTimeTooSkewed(
            "The difference between the request time and the current time is too large.",
            RequestTime=claim.time,
            ServerTime=iso(now_ns),
            MaxAllowedSkewMilliseconds="900000",
        )
    raise refusal(endpoint.protocol, Fault.SIGNATURE, _skew_message(claim, now_ns))


def _skew_message(claim: Claim, now_ns: int) -> str:
    now = format_time(now_ns)
    if now_ns > claim.time_ns:
        return f"Signature expired: {claim.time} is now earlier than {format_time(now_ns - SKEW_NS)} ({now} - 15 min.)"
    return (
        f"Signature not yet current: {claim.time} is still later than {format_time(now_ns + SKEW_NS)} ({now} + 15 min.)"
    )


def _presigned_time(claim: Claim, endpoint: Endpoint, now_ns: int, end_ns: int) -> ServiceError:
    late = now_ns > end_ns
    if endpoint.s3 and late:
        return errors.AccessDenied(
            "Request has expired",
            **{"X-Amz-Expires": str(claim.expires_s), "Expires": iso(end_ns), "ServerTime": iso(now_ns)},
        )
    if endpoint.s3:
        return errors.AccessDenied("Request is not yet valid", ServerTime=iso(now_ns))
    if late:
        text = f"Signature expired: {format_time(end_ns)} is now earlier than {format_time(now_ns)}"
        return refusal(endpoint.protocol, Fault.SIGNATURE, text)
    return refusal(endpoint.protocol, Fault.SIGNATURE, _skew_message(claim, now_ns))


def iso(time_ns: int) -> str:
    """`2024-01-31T23:59:59Z`."""
    text = format_time(time_ns)
    return f"{text[:4]}-{text[4:6]}-{text[6:11]}:{text[11:13]}:{text[13:]}"


def check_credential(claim: Claim, credential: Credential, endpoint: Endpoint, now_ns: int) -> None:
    """Raise for an inactive key, a session token that is not the key's, or one whose time is over."""
    if not credential.active or (credential.token and not claim.token):
        raise unknown_key(claim, endpoint)
    if claim.token != credential.token:
        if endpoint.s3:
            raise errors.InvalidToken(
                "The provided token is malformed or otherwise invalid.", **{"Token-0": claim.token[:2048]}
            )
        raise unknown_key(claim, endpoint)
    if credential.expires_ns and now_ns >= credential.expires_ns:
        if endpoint.s3:
            raise errors.ExpiredToken("The provided token has expired.", **{"Token-0": claim.token[:2048]})
        text = "The security token included in the request is expired"
        raise refusal(endpoint.protocol, Fault.EXPIRED_TOKEN, text)


def check_signed_headers(headers: Mapping[str, str], names: tuple[str, ...], presigned: bool) -> None:
    """S3: every x-amz-* header that came must be signed. The body's digest is in the signature anyway."""
    unsigned = [
        name for name in headers if name.startswith("x-amz-") and name not in names and name != "x-amz-content-sha256"
    ]
    if unsigned:
        raise errors.AccessDenied(
            "There were headers present in the request which were not signed",
            HeadersNotSigned=", ".join(sorted(unsigned)),
        )


def unknown_key(claim: Claim, endpoint: Endpoint) -> ServiceError:
    """No such access key; inactive ones, and temporary ones without their token, answer the same."""
    if endpoint.s3:
        return errors.InvalidAccessKeyId(
            "The AWS Access Key Id you provided does not exist in our records.",
            AWSAccessKeyId=claim.scope.access_key[:128],
        )
    return refusal(endpoint.protocol, Fault.UNKNOWN_KEY, _EC2_INVALID if endpoint.protocol == "ec2" else _INVALID_TOKEN)


def signature(claim: Claim, endpoint: Endpoint, canonical: str, to_sign: str) -> ServiceError:
    """The signature is not the one that the key makes."""
    if endpoint.s3:
        return errors.SignatureDoesNotMatch(
            S3_MISMATCH,
            AWSAccessKeyId=claim.scope.access_key,
            StringToSign=to_sign,
            SignatureProvided=claim.signature[:1024],
            StringToSignBytes=_bytes(to_sign),
            CanonicalRequest=canonical,
            CanonicalRequestBytes=_bytes(canonical),
        )
    if endpoint.protocol == "ec2":
        return refusal(endpoint.protocol, Fault.SIGNATURE, _EC2_INVALID)
    return refusal(endpoint.protocol, Fault.SIGNATURE, MISMATCH)


def _bytes(text: str) -> str:
    return encode(text).hex(" ")


def no_date(given: str, endpoint: Endpoint) -> ServiceError:
    """Neither X-Amz-Date nor Date holds a time."""
    if endpoint.s3:
        return errors.AccessDenied("AWS authentication requires a valid Date or x-amz-date header")
    if given:
        text = f"Date must be in ISO-8601 'basic format'. Got '{given}'. See http://en.wikipedia.org/wiki/ISO_8601"
    else:
        text = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
    return refusal(endpoint.protocol, Fault.INCOMPLETE, text)


def wrong_day(scope: Scope, time: str, endpoint: Endpoint) -> ServiceError:
    """The scope's day is not the signing time's."""
    if endpoint.s3:
        return errors.AuthorizationHeaderMalformed(
            f'The authorization header is malformed; Invalid credential date "{scope.date}". This date is not the '
            f'same as X-Amz-Date: "{time[:8]}".'
        )
    return refusal(endpoint.protocol, Fault.SIGNATURE, date_mismatch(scope.date, time[:8]))


def bad_digest(declared: str) -> ServiceError:
    """S3: x-amz-content-sha256 is none of its forms."""
    return errors.InvalidArgument(
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, "
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid "
        "sha256 value.",
        ArgumentName="x-amz-content-sha256",
        ArgumentValue=declared[:1024],
    )


def missing(endpoint: Endpoint) -> ServiceError:
    """An unsigned request for something that must be signed."""
    if endpoint.s3:
        return errors.AccessDenied("Access Denied")
    text = (
        "Request is missing Authentication Token"
        if endpoint.protocol in ("query", "ec2")
        else ("Missing Authentication Token")
    )
    return refusal(endpoint.protocol, Fault.MISSING, text)


def too_large(endpoint: Endpoint, limit: int) -> ServiceError:
    """The body is longer than the operation accepts."""
    if endpoint.s3:
        return errors.EntityTooLarge("Your proposed upload exceeds the maximum allowed size", MaxSizeAllowed=str(limit))
    return refusal(endpoint.protocol, Fault.TOO_LARGE, f"Request must be smaller than {limit} bytes.")
