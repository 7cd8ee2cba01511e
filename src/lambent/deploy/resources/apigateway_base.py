"""What the handlers of API Gateway's types share: properties as parameters, patches, what a crash left behind, tags."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Final

from lambent.contracts.errors import ServiceError
from lambent.contracts.http import FileSlice

from ..template.parameters import text
from .base import HandlerFailed, Work, all_tags, tag_changes

SERVICE: Final = "apigateway"
NOT_FOUND: Final = ("NotFoundException",)
CONFLICT: Final = "ConflictException"
_PAGE: Final = 500
_BODY_BYTES_MAX: Final = 16 << 20


def refuse(work: Work, properties: Mapping[str, Any], built: Iterable[str]) -> None:
    """Fail the resource, naming the first property that is not built."""
    for name in sorted(properties.keys() - set(built)):
        raise HandlerFailed(f"Lambent has not built the property {name} of {work.type} yet.")


def lower(name: str) -> str:
    """A property's name as the service's parameter: `RestApiId` is `restApiId`."""
    return name[:1].lower() + name[1:]


def params(properties: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Those of `names` that `properties` has, as parameters of the service; their values as they are."""
    return {lower(name): properties[name] for name in names if name in properties}


def members(value: Any) -> Any:
    """A property of a fixed shape (no map with names of the user's own) as the service has it."""
    if isinstance(value, dict):
        return {lower(key): members(item) for key, item in value.items()}
    return [members(item) for item in value] if isinstance(value, list) else value


def texts(value: Mapping[str, Any]) -> dict[str, str]:
    """A map whose values are texts, whatever the template wrote."""
    return {key: text(item) for key, item in value.items()}


def escape(name: str) -> str:
    """A name as a segment of a patch's path."""
    return name.replace("~", "~0").replace("/", "~1")


def replaced(path: str, value: Any) -> dict[str, str]:
    """A patch that sets a value."""
    return {"op": "replace", "path": path, "value": text(value)}


def patches(old: Mapping[str, Any], new: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[dict[str, str]]:
    """Patches for the plain properties that differ; `defaults` has the built ones, and what each is set to when the
    template no longer says it: None leaves it as it is."""
    found = []
    for name, default in defaults.items():
        value = new.get(name, default)
        if value is not None and old.get(name, default) != value:
            found.append(replaced(f"/{lower(name)}", value))
    return found


def map_patches(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, str]]:
    """Patches for the entries of a map that differ."""
    found = [{"op": "remove", "path": f"{path}/{escape(name)}"} for name in old if name not in new]
    for name, value in new.items():
        if name not in old:
            found.append({"op": "add", "path": f"{path}/{escape(name)}", "value": text(value)})
        elif old[name] != value:
            found.append(replaced(f"{path}/{escape(name)}", value))
    return found


async def listed(work: Work, operation: str, **given: Any) -> list[dict[str, Any]]:
    """Everything that a listing operation shows, all pages."""
    found: list[dict[str, Any]] = []
    position: dict[str, str] = {}
    while True:
        page = await work.call(SERVICE, operation, limit=_PAGE, **given, **position)
        found.extend(page.get("items", []))
        if not page.get("position"):
            return found
        position = {"position": page["position"]}


async def made(
    work: Work,
    operation: str,
    given: Mapping[str, Any],
    id: str,
    found: Callable[[], Any],
) -> dict[str, Any]:
    """Make a thing, or find what a try that a crash cut short has made: `found` is awaited only then, and gives it or
    None. `id` is the member of the answer that names it."""
    answer: dict[str, Any] | None = None
    if work.resumed:
        answer = await found()
    if answer is None:
        answer = await work.call(SERVICE, operation, **given)
    await work.made(answer[id])
    return answer


async def patched(work: Work, operation: str, wanted: list[dict[str, str]], **where: str) -> None:
    """Apply patches to the thing that the parameters `where` name; no patches, no call."""
    if wanted:
        await work.call(SERVICE, operation, patchOperations=wanted, **where)


async def put_tags(work: Work, path: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Change the tags of the thing with the path `/restapis/a1`, as far as they differ."""
    arn = f"arn:aws:apigateway:{work.region}::{path}"
    removed, added = tag_changes(work, old, new)
    if removed:
        await work.call(SERVICE, "UntagResource", resourceArn=arn, tagKeys=removed)
    if added:
        await work.call(SERVICE, "TagResource", resourceArn=arn, tags=added)


def tagged(work: Work, properties: dict[str, Any]) -> dict[str, Any]:
    """The parameter `tags`, where there are any."""
    tags = all_tags(work, properties)
    return {"tags": tags} if tags else {}


async def fetch(work: Work, place: Mapping[str, Any]) -> bytes:
    """The object that a property like BodyS3Location names."""
    given = {"Bucket": place["Bucket"], "Key": place["Key"]}
    if place.get("Version"):
        given["VersionId"] = place["Version"]
    try:
        answer = await work.call("s3", "GetObject", **given)
    except ServiceError as error:
        raise HandlerFailed(f"S3 error: {error.message}") from None
    if place.get("ETag") and answer.get("ETag", "").strip('"') != place["ETag"].strip('"'):
        raise HandlerFailed(f"The ETag of s3://{place['Bucket']}/{place['Key']} is not {place['ETag']}")
    body = answer["Body"]
    if isinstance(body, FileSlice):
        if body.length > _BODY_BYTES_MAX:
            raise HandlerFailed("The document is too large.")
        return await asyncio.to_thread(_slice, body)
    return body if isinstance(body, bytes) else await _gathered(body)


def _slice(body: FileSlice) -> bytes:
    with open(body.path, "rb") as file:
        file.seek(body.offset)
        return file.read(body.length)


async def _gathered(body: AsyncIterator[bytes]) -> bytes:
    pieces, length = [], 0
    async for piece in body:
        length += len(piece)
        if length > _BODY_BYTES_MAX:
            raise HandlerFailed("The document is too large.")
        pieces.append(piece)
    return b"".join(pieces)
