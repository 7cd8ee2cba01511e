"""Whether a bucket can be used, looked at once when a node starts.

A marker object names the cloud that a bucket (or a prefix in it) belongs to: a second cloud there would collect the
first one's bodies.
"""

from __future__ import annotations

import logging

from lambent.blobs.errors import BlobsError, BlobsRefused

from . import answers
from .client import Client

MARKER = "lambent-cloud"
_PATIENCE_S = 5.0
"""Whoever starts a node waits for its answer, and a wrong name or port does not become right."""
_KEYS_REFUSED = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"})
_OTHER_REGION = frozenset({"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"})
_OURS_ALREADY = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})

_log = logging.getLogger("lambent.blobs")


async def claim(client: Client, cloud_id: str) -> None:
    """Make sure that the bucket is there and is this cloud's; it is made if it is missing. `BlobsError` with one line
    when it cannot be used; nothing was written then."""
    try:
        owner = await _owner(client)
        if owner is None:
            owner = await _put(client, cloud_id)
    except BlobsRefused as refused:
        raise BlobsError(_explained(client, refused)) from refused
    if owner != cloud_id:
        raise BlobsError(
            f"{client.location} belongs to another cloud ({owner}; this one is {cloud_id}): "
            "give this cloud a bucket or a prefix of its own"
        )


async def _owner(client: Client) -> str | None:
    """The cloud that the marker names; None when there is no marker yet."""
    try:
        answer = await client.call("GET", _key(client), patience_s=_PATIENCE_S)
    except BlobsRefused as refused:
        if refused.code == "NoSuchBucket":
            await _create(client)
            return None
        if refused.status == 404:
            return None
        raise
    return answer.body.decode(errors="replace").strip()[:100]


async def _put(client: Client, cloud_id: str) -> str | None:
    """Put the marker unless another cloud is faster; returns whose is there now."""
    try:
        await client.call(
            "PUT", _key(client), headers={"if-none-match": "*"}, body=(cloud_id.encode(),), patience_s=_PATIENCE_S
        )
    except BlobsRefused as refused:
        if refused.status not in (409, 412):
            raise
    return await _owner(client)


async def _create(client: Client) -> None:
    body = () if client.region == "us-east-1" else (answers.placement(client.region),)
    try:
        await client.call("PUT", body=body, patience_s=_PATIENCE_S)
    except BlobsRefused as refused:
        if refused.code not in _OURS_ALREADY:
            raise
    else:
        _log.warning("the bucket %s did not exist and was created", client.location.bucket)


def _key(client: Client) -> str:
    return client.location.prefix + MARKER


def _explained(client: Client, refused: BlobsRefused) -> str:
    where = str(client.location)
    if refused.code in _KEYS_REFUSED:
        return f"the keys for {where} are not accepted: {refused.code}"
    if refused.code in _OTHER_REGION:
        return f"{where} is not in the region {client.region}; say ?region=... in its URL"
    if refused.status == 403:
        return f"{where} may not be used with these keys: {refused.code}"
    return f"{where} cannot be used: {refused}"
