"""Frozen records of stacks, and the rules about their states."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from lambent.contracts.caller import Caller
from lambent.contracts.deploy import Change, ParameterValue

STACK_NAME: Final = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}")

BUSY: Final = frozenset(
    [
        "CREATE_IN_PROGRESS",
        "ROLLBACK_IN_PROGRESS",
        "DELETE_IN_PROGRESS",
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    ]
)
UPDATABLE: Final = frozenset(
    ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "UPDATE_FAILED")
)
DELETED: Final = "DELETE_COMPLETE"


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """One output of a stack; `export` is empty when it is not exported."""

    key: str
    value: str
    description: str = ""
    export: str = ""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """The work that a stack is under.

    `kind` is create, update, delete, or continue (a rollback that failed and goes on); `phase` is forward, rollback
    or cleanup. `template` names the template aimed at, `previous_template` the one to go back to; `parameters`, `tags`
    and the rest are those aimed at. `failure` is set when the operation is doomed before its first resource.
    `cancelled` asks a running update to stop and roll back. `on_failure` is ROLLBACK, DO_NOTHING or DELETE. `runner` is
    the node (`Store.node`) that took it up last, the only one that may go on with it while it lives.
    """

    id: str
    kind: str
    phase: str
    caller: Caller
    role_arn: str = ""
    template: str = ""
    parameters: tuple[ParameterValue, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    capabilities: tuple[str, ...] = ()
    description: str = ""
    change_set: str = ""
    on_failure: str = "ROLLBACK"
    retain: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    failure: str = ""
    cancelled: bool = False
    token: str = ""
    runner: str = ""


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """A stack. `template` names its current template (empty while it has none); times are ms, 0 for never;
    `operation` is the work under way, or the last that failed to roll back; `parent` and `root` are ARNs of the
    stacks that a nested one belongs to."""

    id: str
    name: str
    account: str
    region: str
    status: str
    reason: str = ""
    created_ms: int = 0
    updated_ms: int = 0
    deleted_ms: int = 0
    template: str = ""
    description: str = ""
    parameters: tuple[ParameterValue, ...] = ()
    capabilities: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    outputs: tuple[Output, ...] = ()
    role_arn: str = ""
    disable_rollback: bool = False
    protected: bool = False
    change_set: str = ""
    parent: str = ""
    root: str = ""
    token: str = ""
    operation: Operation | None = None


class StoredTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """A template as it was given, and expanded (JSON text). `transforms` are those it declared."""

    original: str
    processed: str
    transforms: tuple[str, ...] = ()


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What a resource was before the operation under way touched it: what a rollback restores."""

    type: str
    physical_id: str
    status: str
    properties: str
    attributes: str
    needs: tuple[str, ...]
    deletion_policy: str
    metadata: str
    tags: tuple[tuple[str, str], ...]


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A resource of a stack.

    `properties` and `attributes` are JSON texts of resolved values; `needs` are the logical ids that it depends on.
    `operation` is the operation that last finished with it. `token` and `suffix` belong to the change under way: they
    are stored before the service is called, so that a call repeated after a crash makes the same names. `touched` is
    the operation that changed it, `before` what it was then (None: it did not exist).
    """

    logical_id: str
    type: str
    status: str
    physical_id: str = ""
    reason: str = ""
    updated_ms: int = 0
    properties: str = "{}"
    attributes: str = "{}"
    needs: tuple[str, ...] = ()
    deletion_policy: str = "Delete"
    metadata: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    operation: str = ""
    intent: str = ""
    token: str = ""
    suffix: str = ""
    started_ms: int = 0
    touched: str = ""
    before: Settled | None = None


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """A physical resource that the cleanup of an operation deletes (or skips, with `retain`): one that was replaced
    or removed. `when` is commit (after the update succeeded) or rollback (after it was undone)."""

    logical_id: str
    type: str
    physical_id: str
    properties: str
    attributes: str
    needs: tuple[str, ...] = ()
    retain: bool = False
    when: str = "commit"


class StackEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a stack's history. `properties` is JSON text, or empty for events of the stack itself."""

    id: str
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str
    time_ms: int
    properties: str = ""
    token: str = ""


class ChangeSet(msgspec.Struct, frozen=True, kw_only=True):
    """A change set. `kind` is CREATE or UPDATE; `token` the client's; `operation` what executing it does;
    `nested`: those of nested stacks were asked for, too."""

    id: str
    name: str
    kind: str
    status: str
    reason: str = ""
    execution: str = "AVAILABLE"
    description: str = ""
    created_ms: int = 0
    changes: tuple[Change, ...] = ()
    operation: Operation
    token: str = ""
    on_failure: str = ""
    nested: bool = False


class Counter(msgspec.Struct, frozen=True):
    """How many events a stack has had."""

    value: int


class Pointer(msgspec.Struct, frozen=True):
    """The stack that a name or a change set's ARN belongs to."""

    stack_id: str


class Export(msgspec.Struct, frozen=True):
    """An exported output: its stack and its value."""

    stack_id: str
    value: str


class Importer(msgspec.Struct, frozen=True):
    """The name of a stack that imports an export."""

    stack_name: str


class CustomRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request to a custom resource's provider, by its secret token. `sent` once the provider was asked; `response`
    is its JSON answer, empty until it came. `expires_ms` is when waiting ends."""

    stack_id: str
    logical_id: str
    expires_ms: int
    sent: bool = False
    response: str = ""
