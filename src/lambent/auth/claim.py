"""What a request claims: which key signed it, for which scope, over which headers. Parsing only.

A claim is read from the Authorization header or from the parameters of a presigned URL. The part of the header that
does not change from request to request is parsed once and cached.
"""

from __future__ import annotations

import calendar
import re
import time
from email.utils import parsedate_tz
from typing import NamedTuple

from lambent.contracts.errors import NotBuilt, ServiceError

from . import errors
from .errors import Fault

ALGORITHM = "AWS4-HMAC-SHA256"
ALGORITHM_ASYMMETRIC = "AWS4-ECDSA-P256-SHA256"
SKEW_NS = 15 * 60 * 1_000_000_000
WEEK_S = 604_800
UNSUPPORTED = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
_ISO = re.compile(r"\d{8}T\d{6}Z", re.ASCII).fullmatch
_DIGITS = re.compile(r"\d{1,18}", re.ASCII).fullmatch
_HEX64 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII).fullmatch


class Endpoint(NamedTuple):
    """Where a request arrived, as the identify room found out.

    `service` is the signing name that the scope must carry (empty: any); `protocol` botocore's name of the protocol;
    `region` the only region accepted (empty: any, which is how one node serves all regions).
    """

    service: str
    protocol: str
    region: str = ""

    @property
    def s3(self) -> bool:
        """Whether S3's rules and wording apply."""
        return self.service == "s3"


class Scope(NamedTuple):
    """The unchanging part of a claim: the key, the credential scope and the names of the signed headers."""

    access_key: str
    date: str
    region: str
    service: str
    terminal: str
    names: tuple[str, ...]
    signed_headers: str

    @property
    def text(self) -> str:
        """The credential scope as the string to sign has it."""
        return f"{self.date}/{self.region}/{self.service}/{self.terminal}"


class Claim(NamedTuple):
    """One request's claim. `time` is the signing time as it is signed, `time_ns` the same as a number; `expires_s` is
    None for a header; `token` the session token or empty; `presigned` whether it came in the URL."""

    scope: Scope
    signature: str
    time: str
    time_ns: int
    token: str
    presigned: bool
    expires_s: int | None = None


def is_sha256(text: str) -> bool:
    """Whether `text` is 64 hexadecimal digits."""
    return _HEX64(text) is not None


def parse_time(text: str) -> int | None:
    """Nanoseconds of `20240131T235959Z`; None when it is no such time."""
    if not _ISO(text):
        return None
    numbers = (int(text[:4]), int(text[4:6]), int(text[6:8]), int(text[9:11]), int(text[11:13]), int(text[13:15]))
    year, month, day, hour, minute, second = numbers
    if not (year >= 1970 and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 61):
        return None
    return calendar.timegm((*numbers, 0, 0, 0)) * 1_000_000_000


def format_time(now_ns: int) -> str:
    """`20240131T235959Z`."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_ns // 1_000_000_000))


def parse_http_date(text: str) -> int | None:
    """Nanoseconds of a Date header (RFC 1123 or ISO 8601 basic); None when it is neither."""
    found = parse_time(text)
    if found is not None:
        return found
    try:
        parts = parsedate_tz(text)
        if parts is None or parts[0] < 1970:
            return None
        return (calendar.timegm((*parts[:6], 0, 0, 0)) - (parts[9] or 0)) * 1_000_000_000
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def parse_scope(head: str, endpoint: Endpoint) -> Scope:
    """The scope in an Authorization header's text, from `Credential=` on; `ServiceError` when it is malformed."""
    fields: dict[str, str] = {}
    for part in head.split(","):
        name, equals, value = part.strip().partition("=")
        if equals:
            fields[name] = value
    missing = [name for name in ("Credential", "SignedHeaders") if not fields.get(name)]
    if missing:
        raise _missing(head, missing, endpoint)
    return make_scope(fields["Credential"], fields["SignedHeaders"], endpoint, presigned=False)


def _missing(head: str, missing: list[str], endpoint: Endpoint) -> ServiceError:
    if endpoint.s3:
        return errors.AuthorizationHeaderMalformed(
            "The authorization header is malformed; the authorization header requires three components: Credential, "
            "SignedHeaders, and Signature."
        )
    listed = " ".join(f"Authorization header requires '{name}' parameter." for name in missing)
    # AWS shows a digest of the header, not the header: a signature does not belong in a log.
    return errors.refusal(endpoint.protocol, Fault.INCOMPLETE, listed)


def make_scope(credential: str, signed_headers: str, endpoint: Endpoint, *, presigned: bool) -> Scope:
    """Check a credential (`KEY/DATE/REGION/SERVICE/aws4_request`) against the endpoint."""
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or not re.fullmatch(r"[0-9]{8}", parts[1]):
        raise _malformed(
            endpoint,
            presigned,
            'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
            f"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{credential}'",
            Fault.INCOMPLETE,
        )
    access_key, date, region, service, terminal = parts
    names = tuple(signed_headers.split(";"))
    scope = Scope(access_key, date, region, service, terminal, names, signed_headers)
    if not access_key:
        text = "a non-empty Access Key (AKID) must be provided in the credential."
        raise _malformed(endpoint, presigned, text, "The security token included in the request is invalid.")
    if terminal != "aws4_request":
        raise _malformed(
            endpoint,
            presigned,
            f'incorrect terminal "{terminal}". This endpoint uses "aws4_request".',
            f"Credential should be scoped with a valid terminator: 'aws4_request', not '{terminal}'.",
        )
    if endpoint.service and service != endpoint.service:
        raise _malformed(
            endpoint,
            presigned,
            f'incorrect service "{service}". This endpoint belongs to "{endpoint.service}".',
            f"Credential should be scoped to correct service: '{endpoint.service}'.",
        )
    if not region or (endpoint.region and region != endpoint.region):
        wanted = endpoint.region or "us-east-1"
        text = f"the region '{region}' is wrong; expecting '{wanted}'"
        other = f"Credential should be scoped to a valid region, not '{region}'."
        raise _malformed(endpoint, presigned, text, other, Region=wanted)
    if list(names) != [name.lower() for name in names] or "host" not in names:
        raise _host_unsigned(endpoint, names)
    return scope


def _host_unsigned(endpoint: Endpoint, names: tuple[str, ...]) -> ServiceError:
    if endpoint.s3:
        return errors.AccessDenied(
            "There were headers present in the request which were not signed", HeadersNotSigned="host"
        )
    message = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
    return errors.refusal(endpoint.protocol, Fault.SIGNATURE, message)


def _malformed(
    endpoint: Endpoint, presigned: bool, s3: str, other: str, fault: Fault = Fault.SIGNATURE, **fields: str
) -> ServiceError:
    if not endpoint.s3:
        return errors.refusal(endpoint.protocol, fault, other)
    if presigned:
        message = f"Error parsing the X-Amz-Credential parameter; {s3}"
        return errors.AuthorizationQueryParametersError(message, **fields)
    return errors.AuthorizationHeaderMalformed(f"The authorization header is malformed; {s3}", **fields)


def refuse_scheme(authorization: str, endpoint: Endpoint) -> ServiceError:
    """The error for an Authorization header that is not of Signature Version 4."""
    scheme = authorization.split(" ", 1)[0]
    if scheme == ALGORITHM_ASYMMETRIC:
        return NotBuilt("Lambent has not built Signature Version 4A (AWS4-ECDSA-P256-SHA256) yet.")
    if endpoint.s3 and scheme == "AWS":
        return errors.InvalidRequest(UNSUPPORTED)
    if endpoint.s3 and scheme == ALGORITHM:
        return errors.AuthorizationHeaderMalformed(
            "The authorization header is malformed; the authorization header requires three components: Credential, "
            "SignedHeaders, and Signature."
        )
    if endpoint.s3:
        return errors.InvalidArgument(
            "Unsupported Authorization Type", ArgumentName="Authorization", ArgumentValue=authorization[:1024]
        )
    if scheme == ALGORITHM:
        listed = [f"Authorization header requires '{n}' parameter." for n in ("Credential", "Signature")]
        return errors.refusal(endpoint.protocol, Fault.INCOMPLETE, " ".join(listed))
    return errors.refusal(endpoint.protocol, Fault.MISSING, "Missing Authentication Token")


def parse_presigned(fields: dict[str, str], endpoint: Endpoint) -> Claim:
    """The claim in the parameters of a presigned URL, already decoded; names are as AWS writes them."""
    algorithm = fields.get("X-Amz-Algorithm", "")
    if algorithm == ALGORITHM_ASYMMETRIC:
        raise NotBuilt("Lambent has not built Signature Version 4A (AWS4-ECDSA-P256-SHA256) yet.")
    wanted = ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-SignedHeaders"]
    if endpoint.s3:
        wanted.append("X-Amz-Expires")
    missing = [name for name in wanted if name not in fields]
    if missing:
        raise _query_error(
            endpoint,
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
            "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
            " ".join(f"AWS query-string parameters must include '{name}'." for name in missing),
        )
    if algorithm != ALGORITHM:
        text = 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"'
        raise _query_error(endpoint, text, f"Unsupported AWS 'algorithm': '{algorithm}'.")
    scope = make_scope(fields["X-Amz-Credential"], fields["X-Amz-SignedHeaders"], endpoint, presigned=True)
    signed, expires = fields["X-Amz-Date"], fields.get("X-Amz-Expires", "900")
    time_ns = parse_time(signed)
    if time_ns is None:
        text = "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""
        other = f"Date must be in ISO-8601 'basic format'. Got '{signed}'. See http://en.wikipedia.org/wiki/ISO_8601"
        raise _query_error(endpoint, text, other)
    if not signed.startswith(scope.date):
        text = f'Invalid credential date "{scope.date}". This date is not the same as X-Amz-Date: "{signed[:8]}".'
        raise _query_error(endpoint, text, date_mismatch(scope.date, signed[:8]), Fault.SIGNATURE)
    expires_s = _expiry(expires, endpoint)
    token = fields.get("X-Amz-Security-Token", "")
    return Claim(scope, fields["X-Amz-Signature"], signed, time_ns, token, True, expires_s)


def date_mismatch(scope_date: str, signed_date: str) -> str:
    """The front end's sentence for a scope of another day than the signing time."""
    return (
        f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        f"'{scope_date}' != '{signed_date}', from '{signed_date}'."
    )


def _expiry(text: str, endpoint: Endpoint) -> int:
    if text.startswith("-") and _DIGITS(text[1:]):
        raise _query_error(endpoint, "X-Amz-Expires must be non-negative", "X-Amz-Expires must be non-negative")
    if not _DIGITS(text):
        raise _query_error(endpoint, "X-Amz-Expires should be a number", "X-Amz-Expires should be a number")
    if int(text) > WEEK_S:
        message = (
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than "
            "604800 seconds"
        )
        raise _query_error(endpoint, message, message)
    return int(text)


def _query_error(endpoint: Endpoint, s3: str, other: str, fault: Fault = Fault.INCOMPLETE) -> ServiceError:
    if endpoint.s3:
        return errors.AuthorizationQueryParametersError(s3)
    return errors.refusal(endpoint.protocol, fault, other)
