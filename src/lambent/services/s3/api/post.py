"""Browser uploads: a form posted to a bucket. It is no operation of the service's model; the gateway calls it.

Who is posting, and whether the form keeps to its policy's conditions, was checked before; only the length of the file,
which is not known until it has arrived, is checked here.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Body, BodyBroken, Response
from lambent.contracts.ports import Transaction
from lambent.kit import Context

from .. import bodies, checksums, errors, settings, tagging
from ..bodies import Received
from ..events import host_id
from ..model import OBJECT_BYTES_MAX, ROW_BYTES_MAX, BucketRecord, Checksum, ObjectRecord
from .multipart import location
from .objects import prepare, write

_MEMBERS = {
    "acl": "ACL",
    "cache-control": "CacheControl",
    "content-type": "ContentType",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "x-amz-storage-class": "StorageClass",
    "x-amz-website-redirect-location": "WebsiteRedirectLocation",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-checksum-algorithm": "ChecksumAlgorithm",
    **{f"x-amz-checksum-{name}": member for name, member in checksums.MEMBERS.items()},
}
_METADATA = "x-amz-meta-"


async def post_object(
    ctx: Context,
    fields: Mapping[str, str],
    body: Body,
    *,
    filename: str = "",
    size_range: tuple[int, int] | None = None,
) -> Response:
    """Store the file of a form.

    `fields` are the form's fields by lower-case name, and `bucket`; `body` is its file, whose length may be unknown;
    `filename` the name that the browser gave it; `size_range` the policy's content-length-range, both ends included.
    Raises the same errors as PutObject, EntityTooSmall and EntityTooLarge.
    """
    req = _request(fields, filename)
    settings.check_key(req["Key"])
    want = checksums.wanted(req, None)
    await ctx.cloud.store.read(lambda tx: prepare(ctx, tx, req))
    smallest, largest = size_range or (0, OBJECT_BYTES_MAX)
    received = await _receive(ctx, body, want, largest)
    try:
        if received.size < smallest:
            raise errors.EntityTooSmall(ProposedSize=str(received.size), MinSizeAllowed=str(smallest))
        checksums.verify(want, received.digests, {})

        def store(tx: Transaction) -> tuple[BucketRecord, ObjectRecord]:
            bucket, chosen = prepare(ctx, tx, req)
            checksum = Checksum(want.stored, checksums.text(received.digests[want.stored]))
            return bucket, write(ctx, tx, bucket, req["Key"], received, chosen, checksum, "Post")

        bucket, record = await ctx.cloud.store.write(store)
    except ServiceError:
        if received.blob:
            ctx.cloud.blobs.release(received.blob)
        raise
    return _answer(ctx, fields, bucket, req["Key"], record)


def _request(fields: Mapping[str, str], filename: str) -> dict[str, Any]:
    """The form as the parameters of a PutObject."""
    if "key" not in fields:
        raise errors.InvalidArgument(
            "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.",
            ArgumentName="key",
        )
    key = fields["key"].replace("${filename}", filename)
    if not key:
        raise errors.InvalidArgument(
            "User key must have a length greater than 0.", ArgumentName="key", ArgumentValue=""
        )
    req: dict[str, Any] = {"Bucket": fields["bucket"], "Key": key}
    req.update({member: fields[name] for name, member in _MEMBERS.items() if fields.get(name)})
    metadata = {name[len(_METADATA) :]: value for name, value in fields.items() if name.startswith(_METADATA)}
    if metadata:
        req["Metadata"] = metadata
    if fields.get("tagging"):
        req["Tagging"] = urlencode(_tags(fields["tagging"]))
    return req


def _tags(document: str) -> tagging.Tags:
    # Entities could make a short document endless; a form's tags need none.
    if "<!" in document:
        raise errors.MalformedXML
    try:
        root = ET.fromstring(document)
    except ET.ParseError:
        raise errors.MalformedXML from None
    rows = [
        {child.tag.rpartition("}")[2]: child.text or "" for child in node}
        for node in root.iter()
        if node.tag.rpartition("}")[2] == "Tag"
    ]
    return tagging.of_object(rows)


async def _receive(ctx: Context, body: Body, want: checksums.Wanted, largest: int) -> Received:
    """The file, as bytes when it is small; EntityTooLarge as soon as it has more than `largest` bytes."""
    digests = bodies.algorithms(want)
    limited = _Limited(body, largest)
    pieces: list[bytes] = []
    size = 0
    try:
        async for piece in limited:
            pieces.append(piece)
            size += len(piece)
            if size > ROW_BYTES_MAX:
                break
        if size <= ROW_BYTES_MAX:
            data = b"".join(pieces)
            return Received(size, checksums.compute(data, digests), data)
        limited.before = b"".join(pieces)
        info = await ctx.cloud.blobs.write(limited.__aiter__(), digests)
    except BodyBroken:
        raise errors.IncompleteBody from None
    return Received(info.length, info.digests, None, info.name)


class _Limited:
    """A body that is refused beyond a number of bytes; `before` is put in front of the rest of it."""

    def __init__(self, body: Body, largest: int) -> None:
        self._pieces = body.__aiter__()
        self._left = largest
        self._largest = largest
        self.before = b""

    async def __aiter__(self) -> Any:
        if self.before:
            yield self.before
        async for piece in self._pieces:
            self._left -= len(piece)
            if self._left < 0:
                raise errors.EntityTooLarge(
                    ProposedSize=str(self._largest - self._left), MaxSizeAllowed=str(self._largest)
                )
            yield piece


def _answer(ctx: Context, fields: Mapping[str, str], bucket: BucketRecord, key: str, record: ObjectRecord) -> Response:
    """204, or what success_action_redirect or success_action_status ask for."""
    where = location(ctx, bucket, key)
    headers = [("x-amz-request-id", ctx.request_id), ("x-amz-id-2", host_id(ctx.request_id))]
    headers += [("ETag", f'"{record.etag}"'), ("Location", where), ("x-amz-server-side-encryption", "AES256")]
    if record.version:
        headers.append(("x-amz-version-id", record.version))
    redirect = fields.get("success_action_redirect") or fields.get("redirect")
    if redirect and urlsplit(redirect).scheme in ("http", "https"):
        about = urlencode({"bucket": bucket.name, "key": key, "etag": f'"{record.etag}"'}, quote_via=quote)
        target = f"{redirect}{'&' if urlsplit(redirect).query else '?'}{about}"
        return Response(303, [one for one in headers if one[0] != "Location"] + [("Location", target)])
    status = fields.get("success_action_status", "")
    if status == "201":
        root = ET.Element("PostResponse")
        for name, text in (("Location", where), ("Bucket", bucket.name), ("Key", key), ("ETag", f'"{record.etag}"')):
            ET.SubElement(root, name).text = text
        document = b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(
            root, encoding="UTF-8", xml_declaration=False
        )
        return Response(201, [*headers, ("Content-Type", "application/xml")], document)
    return Response(200 if status == "200" else 204, headers)
