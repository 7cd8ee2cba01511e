"""One resource at a time: bring it to what the template says, undo that, remove it.

Every step writes what it is about to do before it calls a service, and what came of it after; a step that a crash
interrupted is done again from its record and ends in the same place.
"""

from __future__ import annotations

import json
import logging
from typing import Any, Final, NoReturn

import msgspec
from msgspec.structs import replace

from lambent.contracts.caller import Caller
from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Cloud
from lambent.services.cloudformation.model import Leftover, Resource, Settled, Stack

from .journal import Journal, Superseded, canonical
from .resources import Handler, HandlerFailed, Handlers, Physical, Work
from .schedule import StepFailed
from .template import schema
from .template.model import ResourceSpec

_REPLACING: Final = "Requested update requires the creation of a new physical resource; hence creating one."
_INITIATED: Final = "Resource creation Initiated"
_RETAINED: Final = ("Retain", "RetainExceptOnCreate")
_HANDLER_CODES: Final = (
    ("AlreadyExists", "AlreadyExists"),
    ("AlreadyOwned", "AlreadyExists"),
    ("ResourceConflict", "AlreadyExists"),
    ("NotFound", "NotFound"),
    ("NoSuch", "NotFound"),
    ("AccessDenied", "AccessDenied"),
    ("Throttl", "Throttling"),
)
_log = logging.getLogger("lambent.deploy")


class Steps:
    """The steps of one operation, in the name of `caller`. `stack` is as it was when the operation was taken up."""

    def __init__(
        self, cloud: Cloud, journal: Journal, handlers: Handlers, stack: Stack, operation: str, caller: Caller
    ) -> None:
        self.cloud = cloud
        self.journal = journal
        self.handlers = handlers
        self.stack = stack
        self.operation = operation
        self.caller = caller

    async def bring(
        self,
        spec: ResourceSpec,
        properties: dict[str, Any],
        needs: tuple[str, ...],
        tags: tuple[tuple[str, str], ...],
        current: Resource | None,
    ) -> Resource:
        """Make the resource, or change the one that is there; raises `StepFailed`."""
        wanted = Resource(
            logical_id=spec.logical_id,
            type=spec.type,
            status="CREATE_IN_PROGRESS",
            properties=canonical(properties),
            needs=needs,
            deletion_policy=spec.deletion_policy,
            metadata=json.dumps(spec.metadata, sort_keys=True) if spec.metadata is not None else "",
            tags=tags,
            touched=self.operation,
        )
        if current is None or not (current.physical_id or current.intent or current.touched == self.operation):
            return await self._create(wanted)
        if current.intent:
            return await self._resume(current, spec)
        if current.operation == self.operation:
            return current
        if current.touched == self.operation and current.status.endswith("_FAILED"):
            raise StepFailed(current.reason)
        return await self._change(spec, wanted, current)

    async def _create(self, wanted: Resource) -> Resource:
        begun = await self.journal.resource(self._begin(wanted, "create"))
        return await self._make(begun, "CREATE", resumed=False)

    def _begin(self, record: Resource, intent: str) -> Resource:
        return replace(
            record,
            intent=intent,
            token=self.cloud.ids.uuid(),
            suffix=self.cloud.ids.alphanumeric(12),
            started_ms=self.journal.now_ms(),
        )

    async def _resume(self, current: Resource, spec: ResourceSpec) -> Resource:
        if current.intent == "create":
            return await self._make(current, "CREATE", resumed=True)
        if current.intent == "replace":
            return await self._make(current, "UPDATE", resumed=True, retain=spec.update_replace_policy in _RETAINED)
        return await self._update(current, resumed=True)

    async def _change(self, spec: ResourceSpec, wanted: Resource, current: Resource) -> Resource:
        before = _settled(current)
        changed = replace(
            wanted, physical_id=current.physical_id, attributes=current.attributes, before=before, status=current.status
        )
        same = (changed.properties, changed.tags, changed.metadata) == (before.properties, before.tags, before.metadata)
        retagged = before.tags != wanted.tags and schema.taggable(spec.type)
        failed = current.status.endswith("_FAILED")
        if not failed and (same or (changed.properties == before.properties and not retagged)):
            quiet = replace(changed, operation=self.operation, updated_ms=current.updated_ms, reason=current.reason)
            await self.journal.quietly(quiet, spec.logical_id)
            return quiet
        old, new = json.loads(before.properties), json.loads(wanted.properties)
        if self._replaces(spec.type, old, new):
            self._refuse_same_name(spec.type, wanted, new, old)
            begun = replace(self._begin(changed, "replace"), status="UPDATE_IN_PROGRESS", reason=_REPLACING)
            await self.journal.resource(replace(begun, physical_id=""), physical_id=before.physical_id)
            retain = spec.update_replace_policy in _RETAINED
            return await self._make(replace(begun, physical_id=""), "UPDATE", resumed=False, retain=retain)
        begun = replace(self._begin(changed, "update"), status="UPDATE_IN_PROGRESS", reason="")
        await self.journal.resource(begun)
        return await self._update(begun, resumed=False)

    def _replaces(self, type_name: str, old: dict[str, Any], new: dict[str, Any]) -> bool:
        return bool(schema.replaced_by(type_name, old, new)) or self.handlers.handler(type_name).replaces(old, new)

    def _refuse_same_name(self, kind: str, wanted: Resource, new: dict[str, Any], old: dict[str, Any]) -> None:
        name = self.handlers.handler(kind).name_property
        if name and name in new and new[name] == old.get(name):
            raise StepFailed(
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename "
                f"{new[name]} and update the stack again."
            )

    async def _make(self, record: Resource, verb: str, *, resumed: bool, retain: bool = False) -> Resource:
        """Create the physical resource of a record whose intent is create or replace."""
        state = [record]

        async def made(physical_id: str) -> None:
            state[0] = replace(state[0], physical_id=physical_id)
            await self.journal.resource(replace(state[0], status=f"{verb}_IN_PROGRESS", reason=_INITIATED))

        work = self._work(record, resumed=resumed, made=made)
        try:
            properties = schema.conform(record.type, json.loads(record.properties))
            physical = await self._handler(record).create(work, properties)
            await work.made(physical.id)
        except Exception as error:
            await self._fail(state[0], verb, error, work)
        done = replace(
            state[0],
            status=f"{verb}_COMPLETE",
            reason="",
            physical_id=physical.id,
            attributes=canonical(physical.attributes),
            intent="",
            operation=self.operation,
        )
        leftover = _leftover(record.before, record.logical_id, retain) if record.before is not None else None
        return await self.journal.resource(done, leftover=leftover)

    async def _update(self, record: Resource, *, resumed: bool) -> Resource:
        assert record.before is not None
        work = self._work(record, resumed=resumed)
        work.old_tags = dict(record.before.tags)
        try:
            old = _lenient(record.type, record.before.properties)
            new = schema.conform(record.type, json.loads(record.properties))
            present = Physical(record.physical_id, json.loads(record.before.attributes))
            physical = await self._handler(record).update(work, present, old, new)
        except Exception as error:
            await self._fail(record, "UPDATE", error, work)
        done = replace(
            record,
            status="UPDATE_COMPLETE",
            reason="",
            physical_id=physical.id,
            attributes=canonical(physical.attributes),
            intent="",
            operation=self.operation,
        )
        moved = physical.id != record.before.physical_id
        leftover = _leftover(record.before, record.logical_id, False) if moved else None
        return await self.journal.resource(done, leftover=leftover)

    async def undo(self, record: Resource) -> Resource | None:
        """Bring back what the operation changed of a resource; raises `StepFailed`. None: it is gone, up to cleanup."""
        before = record.before
        if before is None:
            made = _as_leftover(record, "rollback") if record.physical_id else None
            await self.journal.quietly(None, record.logical_id, made)
            return None
        restored = replace(
            record,
            status="UPDATE_COMPLETE",
            reason="",
            physical_id=before.physical_id,
            properties=before.properties,
            attributes=before.attributes,
            needs=before.needs,
            deletion_policy=before.deletion_policy,
            metadata=before.metadata,
            tags=before.tags,
            intent="",
            touched="",
            before=None,
        )
        if record.physical_id != before.physical_id:
            new = _as_leftover(record, "rollback") if record.physical_id else None
            place = (before.type, before.physical_id)
            return await self.journal.resource(restored, leftover=new, settled=place)
        retagged = record.tags != before.tags and schema.taggable(record.type)
        if record.properties == before.properties and not retagged and not record.status.endswith("_FAILED"):
            await self.journal.quietly(replace(restored, status=before.status), record.logical_id)
            return restored
        return await self._revert(record, restored)

    async def _revert(self, record: Resource, restored: Resource) -> Resource:
        token = record.token if record.intent == "undo" else self.cloud.ids.uuid()
        begun = replace(record, status="UPDATE_IN_PROGRESS", reason="", token=token, intent="undo")
        await self.journal.resource(begun)
        work = self._work(begun, resumed=record.intent == "undo", tags=restored.tags)
        work.old_tags = dict(record.tags)
        try:
            old = _lenient(record.type, record.properties)
            new = _lenient(record.type, restored.properties)
            present = Physical(record.physical_id, json.loads(record.attributes))
            physical = await self._handler(record).update(work, present, old, new)
        except Exception as error:
            await self._fail(begun, "UPDATE", error, work)
        restored = replace(restored, physical_id=physical.id, attributes=canonical(physical.attributes))
        return await self.journal.resource(restored)

    async def remove(self, record: Resource, *, drop: bool, retain: bool) -> None:
        """Delete a resource that is in the stack's records, or skip it; raises `StepFailed`."""
        if record.status == "DELETE_COMPLETE":
            return
        if not record.physical_id and not record.intent:
            await self.journal.quietly(None, record.logical_id)
            return
        if retain:
            skipped = replace(record, status="DELETE_SKIPPED", reason="", intent="")
            await self.journal.resource(skipped, drop=drop)
            return
        token = record.token if record.intent == "delete" else self.cloud.ids.uuid()
        begun = replace(record, status="DELETE_IN_PROGRESS", reason="", intent="delete", token=token)
        await self.journal.resource(begun)
        work = self._work(begun, resumed=record.intent == "delete")
        await self._delete(begun, work)
        gone = replace(begun, status="DELETE_COMPLETE", intent="", operation=self.operation)
        await self.journal.resource(gone, drop=drop)

    async def clear(self, leftover: Leftover) -> None:
        """Delete a physical resource that a record no longer names, or skip it; raises `StepFailed`."""
        shadow = Resource(
            logical_id=leftover.logical_id,
            type=leftover.type,
            status="DELETE_SKIPPED" if leftover.retain else "DELETE_IN_PROGRESS",
            physical_id=leftover.physical_id,
            properties=leftover.properties,
            attributes=leftover.attributes,
            token=self.cloud.ids.uuid(),
        )
        if not leftover.retain:
            await self.journal.shadow(shadow, None)
            await self._delete(shadow, self._work(shadow, resumed=True), shadow=True)
            shadow = replace(shadow, status="DELETE_COMPLETE")
        await self.journal.shadow(shadow, (leftover.type, leftover.physical_id))

    async def _delete(self, record: Resource, work: Work, *, shadow: bool = False) -> None:
        physical = Physical(record.physical_id, json.loads(record.attributes))
        try:
            await self._handler(record).delete(work, physical, _lenient(record.type, record.properties))
        except Exception as error:
            if isinstance(error, Superseded):
                raise
            failed = replace(record, status="DELETE_FAILED", reason=self._reason(error, work), intent="")
            if shadow:
                await self.journal.shadow(failed, None)
            else:
                await self.journal.resource(failed)
            raise StepFailed(failed.reason) from error

    async def _fail(self, record: Resource, verb: str, error: Exception, work: Work) -> NoReturn:
        if isinstance(error, Superseded):
            raise error
        reason = self._reason(error, work)
        await self.journal.resource(replace(record, status=f"{verb}_FAILED", reason=reason, intent=""))
        raise StepFailed(reason) from error

    def _handler(self, record: Resource) -> Handler:
        return self.handlers.handler(record.type)

    def _work(
        self, record: Resource, *, resumed: bool, made: Any = None, tags: tuple[tuple[str, str], ...] | None = None
    ) -> Work:
        async def ignore(physical_id: str) -> None:
            return None

        chosen = record.tags if tags is None else tags
        return Work(self.cloud, self.caller, self.stack, record, resumed=resumed, tags=chosen, made=made or ignore)

    def _reason(self, error: Exception, work: Work) -> str:
        if isinstance(error, HandlerFailed | schema.PropertyProblem):
            return str(error)
        if isinstance(error, ServiceError):
            code = next((known for part, known in _HANDLER_CODES if part in error.code), "InvalidRequest")
            request = self.cloud.ids.request_id()
            service = work.service.capitalize() or "CloudFormation"
            return (
                f'Resource handler returned message: "{error.message} (Service: {service}, Status Code: '
                f'{error.status or 400}, Request ID: {request})" (RequestToken: {work.token}, HandlerErrorCode: {code})'
            )
        _log.error("the handler of %s failed", work.type, exc_info=error)
        return f"Internal Failure: {type(error).__name__}: {error}"


def _settled(record: Resource) -> Settled:
    names = (
        "type",
        "physical_id",
        "status",
        "properties",
        "attributes",
        "needs",
        "deletion_policy",
        "metadata",
        "tags",
    )
    return Settled(**{name: getattr(record, name) for name in names})


def _leftover(before: Settled, logical_id: str, retain: bool) -> Leftover:
    return Leftover(
        logical_id=logical_id,
        type=before.type,
        physical_id=before.physical_id,
        properties=before.properties,
        attributes=before.attributes,
        needs=before.needs,
        retain=retain,
    )


def _as_leftover(record: Resource, when: str) -> Leftover:
    return Leftover(
        logical_id=record.logical_id,
        type=record.type,
        physical_id=record.physical_id,
        properties=record.properties,
        attributes=record.attributes,
        needs=record.needs,
        when=when,
    )


def _lenient(type_name: str, properties: str) -> dict[str, Any]:
    """Properties that were accepted before; if the schema has become stricter since, as they are."""
    given: dict[str, Any] = msgspec.json.decode(properties)
    try:
        return schema.conform(type_name, given)
    except schema.PropertyProblem:
        return given
