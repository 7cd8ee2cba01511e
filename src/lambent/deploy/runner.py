"""An operation of a stack, phase by phase. All it knows is in the store; it can be dropped and taken up anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.caller import Caller
from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Cloud, Reader, Transaction
from lambent.services.cloudformation import keys
from lambent.services.cloudformation.events import PRINCIPAL, Work
from lambent.services.cloudformation.model import Leftover, Operation, Output, Resource, Stack

from . import outputs
from .journal import Journal
from .prepare import pseudo, scope_of
from .resources import Handlers
from .schedule import StepFailed, run_graph
from .steps import Steps
from .template import graph
from .template.attributes import check_attributes
from .template.intrinsics import UNKNOWN, Scope, evaluate
from .template.model import Template, parse

_RETAINED: Final = ("Retain", "RetainExceptOnCreate")
_WITHOUT_ROLE: Final = {
    ("create", "forward"): "CREATE_FAILED",
    ("create", "rollback"): "ROLLBACK_FAILED",
    ("create", "delete"): "DELETE_FAILED",
    ("update", "forward"): "UPDATE_FAILED",
    ("update", "cleanup"): "UPDATE_COMPLETE",
    ("update", "rollback"): "UPDATE_ROLLBACK_FAILED",
    ("update", "undone"): "UPDATE_ROLLBACK_COMPLETE",
    ("delete", "forward"): "DELETE_FAILED",
}
"""Where an operation ends whose role can no longer be assumed: nothing can be done or undone."""
_CANCELLED: Final = "Resource update cancelled"


class Runner:
    """Runs one operation to its end. Make one per delivery."""

    def __init__(self, cloud: Cloud, handlers: Handlers, work: Work) -> None:
        self.cloud = cloud
        self.handlers = handlers
        self.journal = Journal(cloud, work.stack_id, work.account, work.region, work.operation)
        self.resources: dict[str, Resource] = {}
        self.stack: Stack
        self.operation: Operation
        self.steps: Steps

    async def run(self) -> None:
        """Go on from wherever the operation is; returns when the stack has come to rest. Raises `Superseded` when
        another runner brought it there."""
        phases: dict[tuple[str, str], Callable[[], Any]] = {
            ("create", "forward"): self._create,
            ("create", "rollback"): self._roll_back_create,
            ("create", "delete"): self._delete,
            ("update", "forward"): self._update,
            ("update", "cleanup"): self._clean_up,
            ("update", "rollback"): self._roll_back_update,
            ("update", "undone"): self._clean_up_rollback,
            ("delete", "forward"): self._delete,
        }
        caller: Caller | None = None
        while True:
            self.stack, self.operation, self.resources = await self.journal.load()
            if self.operation.phase == "done":
                return
            if caller is None:
                caller = await self._caller()
            if caller is None:
                reason = f"Role {self.operation.role_arn} is invalid or cannot be assumed"
                await self._turn(_WITHOUT_ROLE[self.operation.kind, self.operation.phase], reason, "done")
                return
            self.steps = Steps(self.cloud, self.journal, self.handlers, self.stack, self.operation.id, caller)
            await phases[self.operation.kind, self.operation.phase]()

    async def _caller(self) -> Caller | None:
        """In whose name resources are made; None when the role cannot be assumed (any longer)."""
        if not self.operation.role_arn:
            return self.operation.caller
        try:
            session = await self.cloud.directory.role_session(self.operation.role_arn, "AWSCloudFormation", PRINCIPAL)
        except ServiceError:
            return None
        return session.caller

    async def _template(self, name: str) -> Template:
        found = await self.cloud.store.read(lambda tx: keys.template_of(tx, self.stack, name))
        assert found is not None
        return parse(json.loads(found.processed))

    def _scope(self, template: Template, parameters: Any, exported: dict[str, str]) -> Scope:
        stack = self.stack
        pseudos = pseudo(stack.account, stack.region, stack.name, stack.id)
        return scope_of(
            template, parameters, pseudos, ref=self._ref, attribute=self._attribute, imported=lambda n: exported[n]
        )

    def _ref(self, name: str) -> Any:
        return self.resources[name].physical_id if name in self.resources else UNKNOWN

    def _attribute(self, name: str, attribute: str) -> Any:
        found = self.resources.get(name)
        return UNKNOWN if found is None else outputs.attribute_lookup(found.attributes, attribute, found.type)

    async def _forward(self) -> tuple[str, Template, Scope]:
        """Bring every resource to what the template says. Returns why that failed (empty: it did not)."""
        operation = self.operation
        template = await self._template(operation.template)
        exported = await self.cloud.store.read(lambda tx: outputs.exports_in(tx, self.stack))
        scope = self._scope(template, operation.parameters, exported)
        failure = operation.failure or await self._preflight(template, scope, exported)
        if failure:
            return f"{failure}. Rollback requested by user.", template, scope
        edges = graph.dependencies(template, scope)

        async def bring(name: str) -> None:
            current = await self.journal.current()
            if current.cancelled and not (name in self.resources and self.resources[name].intent):
                raise StepFailed(_CANCELLED)
            spec = template.resources[name]
            try:
                properties = evaluate(spec.properties, scope)
            except ServiceError as error:
                raise StepFailed(error.message) from error
            there = self.resources.get(name)
            self.resources[name] = await self.steps.bring(spec, properties, edges[name], operation.tags, there)

        begun = [name for name in edges if name in self.resources and self.resources[name].intent]
        failed = await run_graph(edges, bring, begun=begun)
        return self._failure(failed), template, scope

    async def _preflight(self, template: Template, scope: Scope, exported: dict[str, str]) -> str:
        try:
            check_attributes(template)
            wanted = outputs.imports_of(template, _blind(scope))
        except ServiceError as error:
            return error.message
        missing = sorted(name for name in wanted if name not in exported)
        if missing:
            return f"No export named {missing[0]} found"
        await self.journal.write(lambda tx, stack, op: outputs.commit_imports(tx, stack, wanted, add_only=True))
        return ""

    def _failure(self, failed: dict[str, str]) -> str:
        real = [name for name, reason in failed.items() if reason != _CANCELLED]
        if failed and not real:
            return "User Initiated"
        verbs = {"create": [], "update": []}  # type: dict[str, list[str]]
        for name in sorted(real):
            verbs["update" if self._existed(name) else "create"].append(name)
        sentences = [
            f"The following resource(s) failed to {verb}: [{', '.join(names)}]. "
            for verb, names in verbs.items()
            if names
        ]
        return "".join(sentences)

    def _existed(self, name: str) -> bool:
        """Whether a resource was there before this operation; a step that failed leaves `resources` as it was."""
        record = self.resources.get(name)
        if record is None:
            return False
        return record.before is not None or bool(record.physical_id and record.touched != self.operation.id)

    async def _create(self) -> None:
        failure, template, scope = await self._forward()
        if not failure:
            failure = await self._commit("CREATE_COMPLETE", template, scope, phase="done")
        if not failure:
            return
        # DeleteStack during a creation changes what is to happen after it stops.
        self.operation = await self.journal.current()
        behaviour = self.operation.on_failure
        if behaviour == "DO_NOTHING":
            await self._turn("CREATE_FAILED", failure, "done")
        elif behaviour == "DELETE":
            await self._turn("DELETE_IN_PROGRESS", _requested(failure, "Delete"), "delete")
        else:
            await self._turn("ROLLBACK_IN_PROGRESS", _requested(failure, "Rollback"), "rollback")

    async def _update(self) -> None:
        failure, template, scope = await self._forward()
        if not failure:
            failure = await self._commit("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", template, scope, phase="cleanup")
        if not failure:
            return
        if self.operation.on_failure == "DO_NOTHING":
            await self._turn("UPDATE_FAILED", failure, "done")
        else:
            await self._turn("UPDATE_ROLLBACK_IN_PROGRESS", failure, "rollback")

    async def _commit(self, status: str, template: Template, scope: Scope, phase: str) -> str:
        """Make the operation's aims the stack's own, outputs included. Returns why that failed, or empty."""
        operation = self.operation
        try:
            found = await self._localized(outputs.evaluate_outputs(template, scope))
            wanted = outputs.imports_of(template, scope)
        except ServiceError as error:
            return f"{error.message}. Rollback requested by user."

        def change(tx: Transaction, stack: Stack) -> Stack:
            if stack.operation is not None and stack.operation.cancelled:
                raise StepFailed("User Initiated")
            outputs.commit_exports(tx, stack, found)
            outputs.commit_imports(tx, stack, wanted)
            return replace(
                _phase(stack, phase),
                outputs=found,
                template=operation.template,
                parameters=operation.parameters,
                tags=operation.tags,
                capabilities=operation.capabilities,
                description=operation.description,
                change_set=operation.change_set,
            )

        try:
            await self.journal.status(status, "", change)
        except StepFailed as error:
            return str(error)
        return ""

    async def _localized(self, found: tuple[Output, ...]) -> tuple[Output, ...]:
        def change(tx: Reader) -> tuple[Output, ...]:
            settings = self.cloud.settings
            return tuple(replace(one, value=outputs.localized(tx, one.value, settings)) for one in found)

        return await self.cloud.store.read(change)

    async def _turn(self, status: str, reason: str, phase: str) -> None:
        # The aims of a creation are shown even when it fails: there is nothing else to show.
        aims = self.operation if self.operation.kind == "create" else None

        def change(tx: Transaction, stack: Stack) -> Stack:
            turned = _phase(stack, phase)
            if aims is None:
                return turned
            return replace(
                turned,
                template=aims.template,
                parameters=aims.parameters,
                tags=aims.tags,
                capabilities=aims.capabilities,
            )

        await self.journal.status(status, reason, change)

    async def _remove_all(self, *, drop: bool, rolling_back: bool) -> dict[str, str]:
        retained = ("Retain",) if rolling_back else _RETAINED

        async def remove(name: str) -> None:
            record = self.resources[name]
            retain = record.deletion_policy in retained or name in self.operation.retain
            await self.steps.remove(record, drop=drop, retain=retain)

        live = {name: record for name, record in self.resources.items() if record.status != "DELETE_COMPLETE"}
        failed = await run_graph(_reverse({n: r.needs for n, r in live.items()}), remove, keep_going=True)
        left = await self.cloud.store.read(lambda tx: keys.leftovers.scan(tx, *self.journal.place))
        return {**failed, **await self._clear([leftover for _, leftover in left])}

    async def _clear(self, left: list[Leftover]) -> dict[str, str]:
        nodes = {f"{item.logical_id} {item.type} {item.physical_id}": item for item in left}
        by_logical = {item.logical_id: node for node, item in nodes.items()}
        needs = {n: tuple(by_logical[o] for o in item.needs if o in by_logical) for n, item in nodes.items()}

        async def clear(node: str) -> None:
            await self.steps.clear(nodes[node])

        failed = await run_graph(_reverse(needs), clear, keep_going=True)
        return {nodes[node].logical_id: reason for node, reason in failed.items()}

    async def _roll_back_create(self) -> None:
        failed = await self._remove_all(drop=False, rolling_back=True)
        await self._forget_imports()
        if failed:
            await self._turn("ROLLBACK_FAILED", _undeleted(failed), "done")
        else:
            await self._turn("ROLLBACK_COMPLETE", "", "done")

    async def _delete(self) -> None:
        in_use = await self._free_exports()
        if in_use:
            await self._turn("DELETE_FAILED", in_use, "done")
            return
        failed = await self._remove_all(drop=False, rolling_back=self.operation.kind == "create")
        if failed:
            await self._turn("DELETE_FAILED", _undeleted(failed), "done")
            return
        await self._forget_imports()
        now_ms = self.journal.now_ms()

        def change(tx: Transaction, stack: Stack) -> Stack:
            keys.names.delete(tx, stack.account, stack.region, stack.name)
            return replace(_phase(stack, "done"), deleted_ms=now_ms, outputs=())

        await self.journal.status("DELETE_COMPLETE", "", change)

    async def _free_exports(self) -> str:
        def change(tx: Transaction, stack: Stack, operation: Operation) -> None:
            outputs.commit_exports(tx, stack, ())
            keys.put_stack(tx, replace(stack, outputs=tuple(replace(o, export="") for o in stack.outputs)))

        try:
            await self.journal.write(change)
        except StepFailed as error:
            return str(error)
        return ""

    async def _forget_imports(self) -> None:
        await self.journal.write(lambda tx, stack, op: outputs.commit_imports(tx, stack, set()))

    async def _clean_up(self) -> None:
        """Delete what the update replaced or removed. A failure is in the history; it does not fail the update."""
        template = await self._template(self.operation.template)
        kept = graph.dependencies(template, _blind(self._scope(template, self.operation.parameters, {})))
        removed = {name: record for name, record in self.resources.items() if name not in kept}

        async def remove(name: str) -> None:
            record = removed[name]
            await self.steps.remove(record, drop=True, retain=record.deletion_policy in _RETAINED)

        left = await self._leftovers("commit")
        await self._clear(left)
        await run_graph(_reverse({n: r.needs for n, r in removed.items()}), remove, keep_going=True)
        await self._turn("UPDATE_COMPLETE", "", "done")

    async def _leftovers(self, when: str) -> list[Leftover]:
        found = await self.cloud.store.read(lambda tx: keys.leftovers.scan(tx, *self.journal.place))
        return [leftover for _, leftover in found if leftover.when == when]

    async def _roll_back_update(self) -> None:
        touched = {name: r for name, r in self.resources.items() if r.touched == self.operation.id}

        async def undo(name: str) -> None:
            if name in self.operation.skip:
                await self._skip(touched[name])
            else:
                await self.steps.undo(touched[name])

        needs = {name: (r.before.needs if r.before is not None else ()) for name, r in touched.items()}
        failed = await run_graph(needs, undo)
        if failed:
            names = ", ".join(sorted(failed))
            reason = f"The following resource(s) failed to update: [{names}]. "
            await self._turn("UPDATE_ROLLBACK_FAILED", reason, "done")
            return
        await self._restore_imports()
        await self._turn("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "", "undone")

    async def _skip(self, record: Resource) -> None:
        skipped = replace(record, touched="", before=None, intent="", status="UPDATE_COMPLETE", reason="")
        await self.journal.quietly(skipped, record.logical_id)

    async def _restore_imports(self) -> None:
        template = await self._template(self.stack.template)
        wanted = outputs.imports_of(template, _blind(self._scope(template, self.stack.parameters, {})))
        await self.journal.write(lambda tx, stack, op: outputs.commit_imports(tx, stack, wanted))

    async def _clean_up_rollback(self) -> None:
        await self._clear(await self._leftovers("rollback"))
        await self._turn("UPDATE_ROLLBACK_COMPLETE", "", "done")


def _blind(scope: Scope) -> Scope:
    """The same scope with nothing known of resources: for finding out what a template asks for."""
    return Scope(scope.parameters, mappings=scope.mappings, conditions=scope.conditions, extended=True)


def _phase(stack: Stack, phase: str) -> Stack:
    assert stack.operation is not None
    return replace(stack, operation=replace(stack.operation, phase=phase))


def _reverse(needs: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(other for other, theirs in needs.items() if name in theirs and other != name) for name in needs}


def _requested(reason: str, what: str) -> str:
    return reason if reason.endswith("requested by user.") else f"{reason}{what} requested by user."


def _undeleted(failed: dict[str, str]) -> str:
    return f"The following resource(s) failed to delete: [{', '.join(sorted(failed))}]. "
