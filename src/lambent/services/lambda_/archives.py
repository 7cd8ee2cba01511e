"""Zip archives on their way in: from the request or from S3, checked, hashed, stored as a blob."""

from __future__ import annotations

import asyncio
import base64
import io
import stat
import tempfile
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from lambent.contracts.errors import NotBuilt, ServiceError
from lambent.contracts.http import FileSlice
from lambent.kit import Context

from .errors import AccessDeniedException, InvalidParameterValueException, RequestEntityTooLargeException
from .model import CODE_UNZIPPED_BYTES_MAX, CODE_ZIPPED_BYTES_MAX, Archive

_REQUEST_BYTES_MAX = 70_167_211
BODY_BYTES_MAX = 80 << 20
"""What the gateway reads of an upload, so that one that is too large is refused here, in Lambda's words."""
_PIECE_BYTES = 1024 * 1024


async def receive(ctx: Context, source: dict[str, Any], operation: str, *, store: bool = True) -> Archive:
    """Fetch, check and store the archive that `source` (a FunctionCode, or the like of it) gives or names. Without
    `store` it is only checked, and its blob's name is empty."""
    for name in ("ImageUri", "SourceKMSKeyArn", "S3ObjectStorageMode"):
        if name in source:
            raise NotBuilt(f"Lambent has not built the parameter {name} of {operation} yet.")
    inline, bucket = source.get("ZipFile"), source.get("S3Bucket")
    if (inline is None) == (bucket is None):
        raise InvalidParameterValueException("Please provide either a zip file or an S3 bucket and key.")
    if inline is not None and len(inline) > CODE_ZIPPED_BYTES_MAX:
        raise RequestEntityTooLargeException(
            f"Request must be smaller than {_REQUEST_BYTES_MAX} bytes for the {operation} operation"
        )
    file: BinaryIO = io.BytesIO(inline) if inline is not None else await _from_s3(ctx, source)
    with file:
        # Reading the directory of a large archive takes a while, and must not hold up the loop.
        unzipped = await asyncio.to_thread(_unzipped_bytes, file)
        length = file.seek(0, io.SEEK_END)
        file.seek(0)
        if not store:
            return Archive("", length, unzipped, "")
        info = await ctx.cloud.blobs.write(_pieces(file), ("sha256",))
    return Archive(info.name, info.length, unzipped, base64.b64encode(info.digests["sha256"]).decode())


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
        yield piece


async def _from_s3(ctx: Context, source: dict[str, Any]) -> BinaryIO:
    """An object, read as the caller, so that the caller's permissions decide; in a file without a name."""
    params = {"Bucket": source["S3Bucket"], "Key": source.get("S3Key", "")}
    if "S3ObjectVersion" in source:
        params["VersionId"] = source["S3ObjectVersion"]
    try:
        answer = await ctx.cloud.api.call(ctx.caller, ctx.region, "s3", "GetObject", params)
    except ServiceError as error:
        detail = f"S3 Error Code: {error.code}. S3 Error Message: {error.message}"
        if error.code == "AccessDenied":
            raise AccessDeniedException(
                "Your access has been denied by S3, please make sure your request credentials have permission to "
                f"GetObject for {params['Bucket']}/{params['Key']}. {detail}"
            ) from None
        raise InvalidParameterValueException(f"Error occurred while GetObject. {detail}") from None
    if answer.get("ContentLength", 0) > CODE_UNZIPPED_BYTES_MAX:
        raise _too_large()
    file = await asyncio.to_thread(tempfile.TemporaryFile)
    try:
        await _copy(answer["Body"], file)
    except BaseException:
        file.close()
        raise
    return file


async def write_file(body: FileSlice | AsyncIterator[bytes], path: str) -> None:
    """Write a stored archive to the file `path`."""
    file = await asyncio.to_thread(Path(path).open, "wb")
    try:
        await _copy(body, file)
    finally:
        file.close()


async def _copy(body: bytes | FileSlice | AsyncIterator[bytes], file: BinaryIO) -> None:
    """Write a body to a file: a megabyte at a time, in a thread."""
    if isinstance(body, FileSlice):
        await asyncio.to_thread(_copy_slice, body, file)
        return
    if isinstance(body, bytes):
        await asyncio.to_thread(file.write, body)
        return
    pieces: list[bytes] = []
    size = 0
    async for piece in body:
        pieces.append(piece)
        size += len(piece)
        if size >= _PIECE_BYTES:
            await asyncio.to_thread(file.writelines, pieces)
            pieces, size = [], 0
    await asyncio.to_thread(file.writelines, pieces)


def _copy_slice(part: FileSlice, file: BinaryIO) -> None:
    left = part.length
    with Path(part.path).open("rb") as source:
        source.seek(part.offset)
        while left and (piece := source.read(min(left, _PIECE_BYTES))):
            file.write(piece)
            left -= len(piece)


def _unzipped_bytes(file: BinaryIO) -> int:
    """The size of the members together. Compute checks again while it unpacks: a directory may lie."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, UnicodeDecodeError, NotImplementedError, ValueError, OSError):
        raise _unreadable() from None
    if not members:
        raise InvalidParameterValueException("Uploaded file must be a non-empty zip")
    if any(_escapes(member) for member in members):
        raise _unreadable()
    unzipped = sum(member.file_size for member in members)
    if unzipped >= CODE_UNZIPPED_BYTES_MAX:
        raise _too_large()
    return unzipped


def _escapes(member: zipfile.ZipInfo) -> bool:
    """Whether a member is encrypted, a device, or named so that it would land outside the folder."""
    path = PurePosixPath(member.filename)
    kind = stat.S_IFMT(member.external_attr >> 16)
    strange = kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)
    return path.is_absolute() or ".." in path.parts or "\x00" in member.filename or strange or member.flag_bits & 1 == 1


def _unreadable() -> InvalidParameterValueException:
    return InvalidParameterValueException(
        "Could not unzip uploaded file. Please check your file, then try to upload again."
    )


def _too_large() -> InvalidParameterValueException:
    return InvalidParameterValueException(f"Unzipped size must be smaller than {CODE_UNZIPPED_BYTES_MAX} bytes")
