"""What the CloudFormation service asks of the deploy room: read this template, expand it, compare it.

The room is reached as `cloud.targets["cloudformation"]`, the same object to which stack operations are delivered as
events; so an operation that was accepted goes on after a crash, and the service needs no import of the engine.
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from .events import Target

RESPONSE_PATH: Final = "/_lambent/cfn-response/"
"""The path of the one-time URLs to which custom resources answer; the request's token follows it."""


class ParameterDeclaration(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a template's Parameters block. `default` is None when it has none."""

    key: str
    type: str = "String"
    default: str | None = None
    no_echo: bool = False
    description: str = ""
    allowed_values: tuple[str, ...] = ()


class TemplateSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a template says of itself. `metadata` is JSON text, or empty; `resources` are (logical id, type);
    `capabilities` are those that creating it requires, `capabilities_reason` the sentence for it."""

    version: str = ""
    description: str = ""
    metadata: str = ""
    parameters: tuple[ParameterDeclaration, ...] = ()
    resources: tuple[tuple[str, str], ...] = ()
    transforms: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    capabilities_reason: str = ""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A template with the values given to it, on behalf of one stack. `parameters` are given values by key."""

    body: str
    parameters: dict[str, str]
    account: str
    region: str
    stack_name: str
    stack_id: str
    notification_arns: tuple[str, ...] = ()


class ParameterValue(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter's value; lists are comma-joined as they were given. `no_echo` values are shown as `****`."""

    key: str
    value: str
    no_echo: bool = False


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A checked proposal. `processed` is the expanded template as JSON text; `original` the body as it was given.
    `failure` is not empty when a transform failed: the stack or change set then fails with this reason."""

    original: str
    processed: str
    description: str
    parameters: tuple[ParameterValue, ...]
    transforms: tuple[str, ...]
    capabilities: tuple[str, ...]
    resource_types: tuple[str, ...]
    failure: str = ""


class DeployedResource(msgspec.Struct, frozen=True, kw_only=True):
    """What exists of one logical resource; `properties` and `attributes` are JSON texts, as they were resolved."""

    logical_id: str
    type: str
    physical_id: str
    properties: str = "{}"
    attributes: str = "{}"
    metadata: str = ""


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    """A stack as it stands, for a comparison. `processed` is its current template (empty: none yet)."""

    processed: str = ""
    parameters: tuple[ParameterValue, ...] = ()
    resources: tuple[DeployedResource, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()


class ChangeDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One reason of a change, as DescribeChangeSet shows it. `name` is a property's name; `recreation` is Never or
    Always; `before` and `after` are texts, empty when unknown or absent."""

    attribute: str = "Properties"
    name: str = ""
    recreation: str = "Never"
    source: str = "DirectModification"
    evaluation: str = "Static"
    entity: str = ""
    before: str = ""
    after: str = ""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One resource of a change set. `action` is Add, Modify, Remove; `replacement` True, False, Conditional or empty.
    `before` and `after` are JSON texts of `{"Properties": ...}`, or empty."""

    action: str
    logical_id: str
    type: str
    physical_id: str = ""
    replacement: str = ""
    policy_action: str = ""
    scope: tuple[str, ...] = ()
    details: tuple[ChangeDetail, ...] = ()
    before: str = ""
    after: str = ""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a comparison. `differs` is also True for changed outputs, conditions or tags alone."""

    differs: bool
    changes: tuple[Change, ...]


class Engine(Target, Protocol):
    """The deploy room's face. Bad templates raise `ServiceError` with code ValidationError and AWS's text."""

    def summary(self, body: str) -> TemplateSummary:
        """Parse a template and describe it."""
        ...

    def prepare(self, proposal: Proposal) -> Prepared:
        """Check a proposal, resolve its parameters and run its transforms. Takes up to seconds: call it in a thread."""
        ...

    def compare(
        self, proposal: Proposal, prepared: Prepared, deployed: Deployed, tags: tuple[tuple[str, str], ...]
    ) -> Comparison:
        """What executing `prepared`, with the stack tagged `tags`, would change."""
        ...
