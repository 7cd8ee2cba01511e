"""The errors of authentication: one class per error of S3, and one table for the services that share their wording.

S3 words its errors in its own way. Every other service answers with a front end's wording whose code and status depend
on the protocol: `Fault` names what went wrong, `refusal` gives the error that a service of that protocol answers with.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from lambent.contracts.errors import ServiceError, generic


class AccessDenied(ServiceError):
    """S3: expired presigned URLs, headers that were not signed, a policy that is not met."""

    status = 403


class AuthorizationHeaderMalformed(ServiceError):
    """S3: an Authorization header that cannot be read, or one for another region or service."""

    status = 400


class AuthorizationQueryParametersError(ServiceError):
    """S3: the same for the parameters of a presigned URL."""

    status = 400


class EntityTooLarge(ServiceError):
    """S3: a body beyond what the policy, or the operation, accepts."""

    status = 400


class EntityTooSmall(ServiceError):
    """S3: a form's file below the policy's content-length-range."""

    status = 400


class ExpiredToken(ServiceError):
    """S3: the session token's time is over."""

    status = 400


class IncompleteBody(ServiceError):
    """S3: a body that ends early, or whose chunks cannot be read."""

    status = 400


class InvalidAccessKeyId(ServiceError):
    """S3: no such access key, or an inactive one."""

    status = 403


class InvalidArgument(ServiceError):
    """S3: a header or form field with a value that makes no sense."""

    status = 400


class InvalidChunkSizeError(ServiceError):
    """S3: a chunk below 8 KiB which is not the last."""

    status = 403


class InvalidPolicyDocument(ServiceError):
    """S3: a POST policy that is not what a policy must be."""

    status = 400


class InvalidRequest(ServiceError):
    """S3: a required header is missing, or the signature is of an old version."""

    status = 400


class InvalidToken(ServiceError):
    """S3: the session token does not belong to the key."""

    status = 400


class MalformedPOSTRequest(ServiceError):
    """S3: a form that is not well-formed multipart/form-data."""

    status = 400


class MalformedTrailerError(ServiceError):
    """S3: trailing headers of a chunked body that are not those announced."""

    status = 400


class MaxPostPreDataLengthExceeded(ServiceError):
    """S3: the fields before a form's file are too long."""

    code = "MaxPostPreDataLengthExceededError"
    status = 400


class MissingContentLength(ServiceError):
    """S3: a chunked body without its decoded length."""

    status = 411


class PreconditionFailed(ServiceError):
    """S3: a POST to a bucket that is no form."""

    status = 412


class RequestTimeTooSkewed(ServiceError):
    """S3: the request's time is more than 15 minutes off."""

    status = 403


class SignatureDoesNotMatch(ServiceError):
    """S3: the signature is not the one that the key makes."""

    status = 403


class XAmzContentSHA256Mismatch(ServiceError):
    """S3: the body is not the one that was signed."""

    status = 400


class Fault(StrEnum):
    """What can be wrong with a signed request, for the services other than S3."""

    UNKNOWN_KEY = "unknown-key"
    SIGNATURE = "signature"
    INCOMPLETE = "incomplete"
    MISSING = "missing"
    EXPIRED_TOKEN = "expired-token"
    TOO_LARGE = "too-large"


_QUERY = {
    Fault.UNKNOWN_KEY: ("InvalidClientTokenId", 403),
    Fault.SIGNATURE: ("SignatureDoesNotMatch", 403),
    Fault.INCOMPLETE: ("IncompleteSignature", 400),
    Fault.MISSING: ("MissingAuthenticationToken", 403),
    Fault.EXPIRED_TOKEN: ("ExpiredToken", 403),
    Fault.TOO_LARGE: ("RequestEntityTooLarge", 413),
}
_EC2 = {
    **_QUERY,
    Fault.UNKNOWN_KEY: ("AuthFailure", 401),
    Fault.SIGNATURE: ("AuthFailure", 401),
    Fault.EXPIRED_TOKEN: ("RequestExpired", 400),
}
_JSON = {
    Fault.UNKNOWN_KEY: ("UnrecognizedClientException", 400),
    Fault.SIGNATURE: ("InvalidSignatureException", 400),
    Fault.INCOMPLETE: ("IncompleteSignatureException", 400),
    Fault.MISSING: ("MissingAuthenticationTokenException", 400),
    Fault.EXPIRED_TOKEN: ("ExpiredTokenException", 400),
    Fault.TOO_LARGE: ("RequestEntityTooLargeException", 413),
}
_REST_JSON = {fault: (code, max(status, 403)) for fault, (code, status) in _JSON.items()}
_CODES = {
    "query": _QUERY,
    "rest-xml": _QUERY,
    "ec2": _EC2,
    "json": _JSON,
    "smithy-rpc-v2-cbor": _JSON,
    "rest-json": _REST_JSON,
}


def refusal(protocol: str, fault: Fault, message: str, **fields: Any) -> ServiceError:
    """The error with which a service of `protocol` (botocore's name of it) answers `fault`."""
    code, status = _CODES.get(protocol, _JSON)[fault]
    return generic(code, message, status, **fields)
