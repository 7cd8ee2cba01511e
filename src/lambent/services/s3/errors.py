"""The errors of S3, one class each, with AWS's texts. The keyword arguments are the further elements of the answer.

Draw of the tree::

    ServiceError
    └── S3Error             text, headers
        └── one class per code
"""

from __future__ import annotations

from typing import Any, ClassVar

from lambent.contracts.errors import ServiceError


class S3Error(ServiceError):
    """An error of S3. `text` is its usual message; `headers` go with the answer (x-amz-delete-marker, ...): the wire
    room finds them in the field `Headers`."""

    text: ClassVar[str] = ""

    def __init__(self, message: str | None = None, *, headers: tuple[tuple[str, str], ...] = (), **fields: Any) -> None:
        if headers:
            fields["Headers"] = dict(headers)
        super().__init__(self.text if message is None else message, **fields)


class AccessDenied(S3Error):
    """Refused; most refusals come from the authorize room, in its own words."""

    status = 403
    text = "Access Denied"


class AccessForbidden(S3Error):
    """A cross-origin request that no rule allows."""

    status = 403


class AccessControlListNotSupported(S3Error):
    """The bucket's object ownership is BucketOwnerEnforced."""

    text = "The bucket does not allow ACLs"


class BadDigest(S3Error):
    """The body is not what the caller said it would be."""


class BadRequest(S3Error):
    """A preflight request without an origin."""


class BucketAlreadyExists(S3Error):
    """Another account has a bucket of this name."""

    status = 409
    text = (
        "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
        "Please select a different name and try again."
    )


class BucketAlreadyOwnedByYou(S3Error):
    """The caller's account has this bucket already."""

    status = 409
    text = "Your previous request to create the named bucket succeeded and you already own it."


class BucketNotEmpty(S3Error):
    """Only empty buckets can be deleted."""

    status = 409
    text = "The bucket you tried to delete is not empty"


class ConditionalRequestConflict(S3Error):
    """The key changed while a multipart upload was under way."""

    status = 409
    text = "The conditional request cannot succeed due to a conflicting operation against this resource."


class EntityTooLarge(S3Error):
    """More than 5 GB in one piece."""

    text = "Your proposed upload exceeds the maximum allowed size"


class EntityTooSmall(S3Error):
    """A part that is not the last has less than 5 MiB."""

    text = "Your proposed upload is smaller than the minimum allowed size"


class IllegalLocationConstraintException(S3Error):
    """The location is not the endpoint's region."""

    def __init__(self, location: str) -> None:
        super().__init__(
            f"The {location} location constraint is incompatible for the region specific endpoint this request was "
            "sent to."
        )


class IncompleteBody(S3Error):
    """The sender went away before the end of the body."""

    text = "You did not provide the number of bytes specified by the Content-Length HTTP header"


class InvalidArgument(S3Error):
    """A parameter is wrong: `ArgumentName` and `ArgumentValue` say which."""

    text = "Invalid Argument"


class InvalidBucketName(S3Error):
    """Not a name for a bucket."""

    text = "The specified bucket is not valid."


class InvalidBucketOwnerAWSAccountID(S3Error):
    """The expected owner is no account id."""

    def __init__(self, given: str) -> None:
        super().__init__(f"The value of the expected bucket owner parameter must be an AWS Account ID... [{given}]")


class InvalidDigest(S3Error):
    """Content-MD5 is not the base64 of 16 bytes."""

    text = "The Content-MD5 you specified was invalid."


class InvalidEncryptionAlgorithmError(S3Error):
    """Not an encryption algorithm."""

    text = "The Encryption request you specified is not valid. Supported value: AES256."


class InvalidLocationConstraint(S3Error):
    """Not a location."""

    text = "The specified location-constraint is not valid"


class InvalidPart(S3Error):
    """A part is missing, or not the one that the caller means."""

    text = (
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified "
        "entity tag may not match the part's entity tag."
    )


class InvalidPartNumber(S3Error):
    """The object has no such part."""

    status = 416
    text = "The requested partnumber is not satisfiable"


class InvalidPartOrder(S3Error):
    """Parts must be listed in ascending order."""

    text = "The list of parts was not in ascending order. Parts must be ordered by part number."


class InvalidRange(S3Error):
    """The range lies outside the object."""

    status = 416
    text = "The requested range is not satisfiable"


class InvalidRedirectLocation(S3Error):
    """The address that an object redirects to is none."""

    text = "The website redirect location must have a prefix of 'http://' or 'https://' or '/'."


class InvalidRequest(S3Error):
    """The request contradicts itself or the state of things."""


class InvalidURI(S3Error):
    """The path is no text."""

    text = "Couldn't parse the specified URI."


class InvalidStorageClass(S3Error):
    """Not a storage class."""

    text = "The storage class you specified is not valid"


class InvalidTag(S3Error):
    """A tag breaks the rules for tags."""


class KeyTooLongError(S3Error):
    """A key has 1,024 bytes at most."""

    text = "Your key is too long"


class MalformedACLError(S3Error):
    """An ACL without owner or grants."""

    text = "The XML you provided was not well-formed or did not validate against our published schema"


class MalformedPolicy(S3Error):
    """A bucket policy that is none."""


class MalformedXML(S3Error):
    """A document lacks something that its schema demands."""

    text = "The XML you provided was not well-formed or did not validate against our published schema"


class MetadataTooLarge(S3Error):
    """User metadata has 2 KB at most."""

    text = "Your metadata headers exceed the maximum allowed metadata size"


class MethodNotAllowed(S3Error):
    """Delete markers can only be deleted."""

    status = 405
    text = "The specified method is not allowed against this resource."


class MissingContentLength(S3Error):
    """The body's length must be announced."""

    status = 411
    text = "You must provide the Content-Length HTTP header."


class MissingRequestBodyError(S3Error):
    """An operation with a document came without it."""

    text = "Request Body is empty"


class MissingSecurityHeader(S3Error):
    """PutBucketAcl and PutObjectAcl without any ACL."""

    text = "Your request was missing a required header"


class NoSuchBucket(S3Error):
    """There is no bucket of this name."""

    status = 404
    text = "The specified bucket does not exist"


class NoSuchBucketPolicy(S3Error):
    """The bucket has no policy."""

    status = 404
    text = "The bucket policy does not exist"


class NoSuchCORSConfiguration(S3Error):
    """The bucket has no CORS configuration."""

    status = 404
    text = "The CORS configuration does not exist"


class NoSuchConfiguration(S3Error):
    """There is no configuration of this id."""

    status = 404
    text = "The specified configuration does not exist."


class NoSuchKey(S3Error):
    """There is no object of this key."""

    status = 404
    text = "The specified key does not exist."


class NoSuchLifecycleConfiguration(S3Error):
    """The bucket has no lifecycle rules."""

    status = 404
    text = "The lifecycle configuration does not exist"


class NoSuchPublicAccessBlockConfiguration(S3Error):
    """The bucket has no public access block."""

    status = 404
    text = "The public access block configuration was not found"


class NoSuchTagSet(S3Error):
    """The bucket has no tags."""

    status = 404
    text = "The TagSet does not exist"


class NoSuchUpload(S3Error):
    """There is no such multipart upload."""

    status = 404
    text = (
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
        "completed."
    )


class NoSuchVersion(S3Error):
    """There is no such version of the key."""

    status = 404
    text = "The specified version does not exist."


class NoSuchWebsiteConfiguration(S3Error):
    """The bucket is no website."""

    status = 404
    text = "The specified bucket does not have a website configuration"


class HeaderNotImplemented(S3Error):
    """AWS itself does not implement this header here; `Header` names it."""

    code = "NotImplemented"
    status = 501
    text = "A header you provided implies functionality that is not implemented"


class ObjectLockConfigurationNotFoundError(S3Error):
    """The bucket has no object lock."""

    status = 404
    text = "Object Lock configuration does not exist for this bucket"


class OwnershipControlsNotFoundError(S3Error):
    """The bucket's ownership controls were deleted."""

    status = 404
    text = "The bucket ownership controls were not found"


class PreconditionFailed(S3Error):
    """A condition does not hold; `Condition` names the header."""

    status = 412
    text = "At least one of the pre-conditions you specified did not hold"


class ReplicationConfigurationNotFoundError(S3Error):
    """The bucket is not replicated."""

    status = 404
    text = "The replication configuration was not found"


class UnexpectedContent(S3Error):
    """Both an ACL header and an ACL document."""

    text = "This request does not support content"


class IllegalVersioningConfigurationException(S3Error):
    """Versioning is Enabled or Suspended."""

    text = "The Versioning element must be specified"


class InvalidBucketAclWithObjectOwnership(S3Error):
    """The bucket's ACL grants something to others, so ACLs cannot be disabled."""

    text = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
