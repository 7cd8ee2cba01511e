"""What CreateStack, UpdateStack and CreateChangeSet share: a template, values for it, and what is agreed to."""

from __future__ import annotations

import asyncio
import fnmatch
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

from lambent.contracts.deploy import (
    Comparison,
    Deployed,
    DeployedResource,
    Engine,
    ParameterValue,
    Prepared,
    Proposal,
)
from lambent.contracts.errors import NotBuilt, ServiceError
from lambent.contracts.http import FileSlice
from lambent.contracts.ports import Cloud, Reader, Transaction
from lambent.kit import Check, Context, pass_role

from .. import keys
from ..errors import InsufficientCapabilitiesException, ValidationError
from ..events import PRINCIPAL
from ..model import DELETED, STACK_NAME, Operation, Stack, StoredTemplate

_BODY_INLINE_MAX: Final = 51_200
_BODY_STORED_MAX: Final = 1_000_000
_PATTERN: Final = "[a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*"


def engine(cloud: Cloud) -> Engine:
    """The deploy room, which is the target of this service."""
    return cast("Engine", cloud.targets["cloudformation"])


def stack_arn(ctx: Context, req: dict[str, Any]) -> str:
    """The ARN that IAM is asked about: the one given, or that of every stack of the name."""
    name = req.get("StackName") or "*"
    return name if name.startswith("arn:") else ctx.arn("cloudformation", f"stack/{name}/*")


def authorize(action: str) -> Any:
    """An authorizer that asks about the stack, and about passing the role that is given."""

    def ask(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        checks = [Check(f"cloudformation:{action}", stack_arn(ctx, req))]
        role = req.get("RoleARN")
        if role:
            checks.append(pass_role(role, "cloudformation.amazonaws.com"))
        return checks

    return ask


def check_name(name: str) -> None:
    """Raise AWS's validation error for a name that no stack can have."""
    if not name.startswith("arn:") and not STACK_NAME.fullmatch(name):
        raise ValidationError(
            f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: Member must "
            f"satisfy regular expression pattern: {_PATTERN}"
        )


def refuse_filled(req: dict[str, Any], operation: str, *names: str) -> None:
    """Raise `NotBuilt` for parameters that clients also send empty, when they are not."""
    for name in names:
        if req.get(name):
            raise NotBuilt(f"Lambent has not built the parameter {name} of {operation} yet.")


async def template_body(ctx: Context, req: dict[str, Any], previous: str | None = None) -> str:
    """The template of a request: in it, in a bucket, or the `previous` one."""
    body, url = req.get("TemplateBody"), req.get("TemplateURL")
    if req.get("UsePreviousTemplate") and previous is not None:
        if body or url:
            raise ValidationError("You cannot specify both usePreviousTemplate and Template Body/URL.")
        return previous
    if body and url:
        raise ValidationError("You must specify only one of Template Body or Template URL")
    if url:
        return await _fetch(ctx, url)
    if not body:
        raise ValidationError("Either Template URL or Template Body must be specified.")
    if len(body.encode()) > _BODY_INLINE_MAX:
        raise ValidationError(
            f"1 validation error detected: Value '{body}' at 'templateBody' failed to satisfy constraint: Member must "
            f"have length less than or equal to {_BODY_INLINE_MAX}"
        )
    return str(body)


async def _fetch(ctx: Context, url: str) -> str:
    bucket, key = _bucket_and_key(ctx, url)
    try:
        found = await ctx.cloud.api.call(ctx.caller, ctx.region, "s3", "GetObject", {"Bucket": bucket, "Key": key})
    except ServiceError as error:
        if isinstance(error, NotBuilt):
            raise
        raise ValidationError(f"S3 error: {error.message}") from None
    return (await _read(found["Body"])).decode("utf-8", "replace")


def _bucket_and_key(ctx: Context, url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    path = unquote(parts.path).lstrip("/")
    own = (urlsplit(ctx.cloud.settings.endpoint).hostname or "").lower()
    aws = host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
    bucket, marker, _ = host.partition(".s3")
    if marker and not host.startswith("s3") and (aws or host.endswith((f".{own}", ".localhost"))):
        key = path
    elif (aws and host.startswith("s3")) or host in (own, "localhost", "127.0.0.1"):
        bucket, _, key = path.partition("/")
    else:
        bucket = key = ""
    if parts.scheme not in ("http", "https") or not bucket or not key:
        raise ValidationError("TemplateURL must be a supported URL.")
    return bucket, key


async def _read(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    if isinstance(body, FileSlice):
        if body.length > _BODY_STORED_MAX:
            raise ValidationError(f"Template may not exceed {_BODY_STORED_MAX} bytes in size.")
        return await asyncio.to_thread(_read_slice, body)
    pieces, length = [], 0
    async for piece in body:
        length += len(piece)
        if length > _BODY_STORED_MAX:
            raise ValidationError(f"Template may not exceed {_BODY_STORED_MAX} bytes in size.")
        pieces.append(piece)
    return b"".join(pieces)


def _read_slice(body: FileSlice) -> bytes:
    with open(body.path, "rb") as file:
        file.seek(body.offset)
        return file.read(body.length)


def given_parameters(req: dict[str, Any], previous: tuple[ParameterValue, ...]) -> dict[str, str]:
    """Values by key; those to be kept are taken from `previous`."""
    known = {value.key: value.value for value in previous}
    found: dict[str, str] = {}
    for entry in req.get("Parameters", []):
        key = entry.get("ParameterKey", "")
        if key in found:
            raise ValidationError(f"Duplicate parameter key: {key}")
        if entry.get("UsePreviousValue"):
            if key not in known:
                raise ValidationError(
                    f"Invalid input for parameter key {key}. Cannot specify usePreviousValue as true for a parameter "
                    "key not in the previous template"
                )
            found[key] = known[key]
        elif "ParameterValue" not in entry:
            raise ValidationError(f"Parameters: [{key}] must have values")
        else:
            found[key] = entry["ParameterValue"]
    return found


def tags_of(req: dict[str, Any], previous: tuple[tuple[str, str], ...] = ()) -> tuple[tuple[str, str], ...]:
    """The stack tags that a request asks for; those it had when it says nothing of them."""
    if "Tags" not in req:
        return previous
    pairs = [(tag["Key"], tag["Value"]) for tag in req["Tags"]]
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValidationError("Duplicate tag keys found. Please provide unique tag keys.")
    reserved = [key for key, _ in pairs if key.lower().startswith("aws:")]
    if reserved:
        raise ValidationError(
            f"Invalid tag key {reserved[0]}. aws: prefixed tag key names are not allowed for external use."
        )
    return tuple(pairs)


async def check_role(ctx: Context, req: dict[str, Any], stack: Stack) -> None:
    """Raise when the role that the request names, or the stack's, cannot be assumed by CloudFormation."""
    role = req.get("RoleARN") or stack.role_arn
    if not role:
        return
    try:
        await ctx.cloud.directory.role_session(role, "AWSCloudFormation", PRINCIPAL)
    except ServiceError:
        raise ValidationError(f"Role {role} is invalid or cannot be assumed") from None


async def prepare(ctx: Context, req: dict[str, Any], stack: Stack, body: str) -> tuple[Proposal, Prepared]:
    """Check the request's role and template for `stack`, which need not be stored yet. SAM takes its time: it gets
    a thread."""
    await check_role(ctx, req, stack)
    proposal = Proposal(
        body=body,
        parameters=given_parameters(req, stack.parameters),
        account=stack.account,
        region=stack.region,
        stack_name=stack.name,
        stack_id=stack.id,
    )
    prepared = await asyncio.to_thread(engine(ctx.cloud).prepare, proposal)
    _check_types(req.get("ResourceTypes", []), prepared.resource_types)
    return proposal, prepared


def _check_types(allowed: list[str], types: tuple[str, ...]) -> None:
    for kind in types if allowed else ():
        if not any(fnmatch.fnmatchcase(kind, pattern) for pattern in allowed):
            raise ValidationError(
                f"Resource type {kind} is not allowed by parameter ResourceTypes [{', '.join(allowed)}]"
            )


def check_capabilities(req: dict[str, Any], prepared: Prepared, *, reviewed: bool) -> None:
    """Raise when the caller did not acknowledge what the template does. A change set is `reviewed` before it runs, so
    that its transforms need no acknowledgement."""
    given = set(req.get("Capabilities", []))
    if "CAPABILITY_NAMED_IAM" in given:
        given.add("CAPABILITY_IAM")
    ignored = {"CAPABILITY_AUTO_EXPAND"} if reviewed else set()
    missing = [name for name in prepared.capabilities if name not in given and name not in ignored]
    if missing:
        raise InsufficientCapabilitiesException(f"Requires capabilities : [{', '.join(missing)}]")


def deployed(tx: Reader, stack: Stack) -> Deployed:
    """A stack as it stands, for a comparison."""
    template = keys.template_of(tx, stack, stack.template)
    live = [r for r in keys.resources_of(tx, stack).values() if r.physical_id and r.status != DELETED]
    return Deployed(
        processed=template.processed if template is not None else "",
        parameters=stack.parameters,
        tags=stack.tags,
        resources=tuple(
            DeployedResource(
                logical_id=r.logical_id,
                type=r.type,
                physical_id=r.physical_id,
                properties=r.properties,
                attributes=r.attributes,
                metadata=r.metadata,
            )
            for r in live
        ),
    )


async def compared(
    ctx: Context, proposal: Proposal, prepared: Prepared, stack: Stack, tags: tuple[tuple[str, str], ...]
) -> Comparison:
    """What the proposal would change of the stack as it stands."""
    present = await ctx.cloud.store.read(lambda tx: deployed(tx, stack))
    return await asyncio.to_thread(engine(ctx.cloud).compare, proposal, prepared, present, tags)


def operation(
    ctx: Context, req: dict[str, Any], stack: Stack, prepared: Prepared, kind: str, template: str
) -> Operation:
    """The operation that a request asks for; `template` is the id under which its template is stored."""
    return Operation(
        id=template,
        kind=kind,
        phase="forward",
        caller=ctx.caller,
        role_arn=req.get("RoleARN") or stack.role_arn,
        template=template,
        parameters=prepared.parameters,
        tags=tags_of(req, stack.tags),
        capabilities=tuple(req.get("Capabilities", [])),
        description=prepared.description,
        on_failure=on_failure(req, "CreateStack" if kind == "create" else "UpdateStack"),
        failure=prepared.failure,
        token=req.get("ClientRequestToken", ""),
    )


def on_failure(req: dict[str, Any], operation: str) -> str:
    """ROLLBACK, DO_NOTHING or DELETE."""
    if "OnFailure" in req and "DisableRollback" in req:
        raise ValidationError("You cannot specify both OnFailure and DisableRollback")
    if req.get("DisableRollback"):
        return "DO_NOTHING"
    return str(req.get("OnFailure") or "ROLLBACK")


def store_template(tx: Transaction, stack: Stack, template: str, prepared: Prepared) -> None:
    """Store a prepared template under its id."""
    stored = StoredTemplate(original=prepared.original, processed=prepared.processed, transforms=prepared.transforms)
    keys.templates.put(tx, stored, stack.account, stack.region, stack.id, template)


def new_stack(ctx: Context, name: str) -> Stack:
    """A stack that is not stored yet."""
    return Stack(
        id=ctx.arn("cloudformation", f"stack/{name}/{ctx.cloud.ids.uuid()}"),
        name=name,
        account=ctx.account,
        region=ctx.region,
        status="REVIEW_IN_PROGRESS",
        created_ms=ctx.now_ms,
    )
