"""Records as the API shows them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from lambent.contracts.deploy import Change, ParameterDeclaration, ParameterValue

from ..model import BUSY, DELETED, ChangeSet, Resource, Stack, StackEvent


def moment(time_ms: int) -> datetime:
    """A time in ms as the wire takes it."""
    return datetime.fromtimestamp(time_ms / 1000, UTC)


def parameters(values: tuple[ParameterValue, ...]) -> list[dict[str, str]]:
    """Parameters with secrets hidden."""
    return [{"ParameterKey": v.key, "ParameterValue": "****" if v.no_echo else v.value} for v in values]


def tags(pairs: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    """Tags as a list of Key and Value."""
    return [{"Key": key, "Value": value} for key, value in pairs]


def stack(record: Stack) -> dict[str, Any]:
    """A stack as DescribeStacks shows it."""
    shown: dict[str, Any] = {
        "StackId": record.id,
        "StackName": record.name,
        "CreationTime": moment(record.created_ms),
        "RollbackConfiguration": {},
        "StackStatus": record.status,
        "DisableRollback": record.disable_rollback,
        "NotificationARNs": [],
        "Tags": tags(record.tags),
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }
    optional = {
        "ChangeSetId": record.change_set if record.status != DELETED else "",
        "StackStatusReason": record.reason,
        "Description": record.description,
        "RoleARN": record.role_arn,
        "ParentId": record.parent,
        "RootId": record.root,
        "Capabilities": list(record.capabilities),
        "Parameters": parameters(record.parameters),
        "Outputs": [output(item) for item in record.outputs],
    }
    shown.update({name: value for name, value in optional.items() if value})
    if record.updated_ms:
        shown["LastUpdatedTime"] = moment(record.updated_ms)
    if record.deleted_ms:
        shown["DeletionTime"] = moment(record.deleted_ms)
    if record.status != DELETED:
        shown["EnableTerminationProtection"] = record.protected
    return shown


def output(item: Any) -> dict[str, str]:
    """An output of a stack."""
    shown = {"OutputKey": item.key, "OutputValue": item.value}
    if item.description:
        shown["Description"] = item.description
    if item.export:
        shown["ExportName"] = item.export
    return shown


def summary(record: Stack) -> dict[str, Any]:
    """A stack as ListStacks shows it."""
    shown: dict[str, Any] = {
        "StackId": record.id,
        "StackName": record.name,
        "CreationTime": moment(record.created_ms),
        "StackStatus": record.status,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }
    optional = {
        "TemplateDescription": record.description,
        "StackStatusReason": record.reason,
        "ParentId": record.parent,
        "RootId": record.root,
    }
    shown.update({name: value for name, value in optional.items() if value})
    if record.updated_ms:
        shown["LastUpdatedTime"] = moment(record.updated_ms)
    if record.deleted_ms:
        shown["DeletionTime"] = moment(record.deleted_ms)
    return shown


def resource(record: Resource, time: str) -> dict[str, Any]:
    """A resource; `time` is the name of the member that holds its time."""
    shown = {
        "LogicalResourceId": record.logical_id,
        "ResourceType": record.type,
        time: moment(record.updated_ms),
        "ResourceStatus": record.status,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }
    if record.physical_id:
        shown["PhysicalResourceId"] = record.physical_id
    if record.reason:
        shown["ResourceStatusReason"] = record.reason
    return shown


def event(record: StackEvent, of: Stack) -> dict[str, Any]:
    """An event of a stack's history."""
    shown = {
        "StackId": of.id,
        "EventId": record.id,
        "StackName": of.name,
        "LogicalResourceId": record.logical_id,
        "PhysicalResourceId": record.physical_id,
        "ResourceType": record.type,
        "Timestamp": moment(record.time_ms),
        "ResourceStatus": record.status,
    }
    optional = {
        "ResourceStatusReason": record.reason,
        "ResourceProperties": record.properties,
        "ClientRequestToken": record.token,
    }
    shown.update({name: value for name, value in optional.items() if value})
    return shown


def execution(record: ChangeSet, of: Stack) -> str:
    """A change set's execution status: of an executed one, what became of it."""
    if record.execution != "EXECUTE_IN_PROGRESS" or of.status in BUSY:
        return record.execution
    good = of.change_set == record.id or of.status == DELETED
    return "EXECUTE_COMPLETE" if good else "EXECUTE_FAILED"


def change_set(record: ChangeSet, of: Stack, *, values: bool) -> dict[str, Any]:
    """A change set as DescribeChangeSet shows it; with `values` the properties' values too."""
    shown: dict[str, Any] = {
        "ChangeSetName": record.name,
        "ChangeSetId": record.id,
        "StackId": of.id,
        "StackName": of.name,
        "CreationTime": moment(record.created_ms),
        "ExecutionStatus": execution(record, of),
        "Status": record.status,
        "NotificationARNs": [],
        "RollbackConfiguration": {},
        "Capabilities": list(record.operation.capabilities),
        "Changes": [{"Type": "Resource", "ResourceChange": change(item, values)} for item in record.changes],
        "IncludeNestedStacks": record.nested,
    }
    optional = {
        "StatusReason": record.reason,
        "Description": record.description,
        "Parameters": parameters(record.operation.parameters),
        "Tags": tags(record.operation.tags),
        "OnStackFailure": record.on_failure,
    }
    shown.update({name: value for name, value in optional.items() if value})
    return shown


def change(item: Change, values: bool) -> dict[str, Any]:
    """One resource of a change set."""
    shown: dict[str, Any] = {
        "Action": item.action,
        "LogicalResourceId": item.logical_id,
        "ResourceType": item.type,
        "Scope": list(item.scope),
        "Details": [_detail(detail, values) for detail in item.details],
    }
    optional = {
        "PhysicalResourceId": item.physical_id,
        "Replacement": item.replacement,
        "PolicyAction": item.policy_action,
        "BeforeContext": item.before if values else "",
        "AfterContext": item.after if values else "",
    }
    shown.update({name: value for name, value in optional.items() if value})
    return shown


def _detail(detail: Any, values: bool) -> dict[str, Any]:
    target: dict[str, Any] = {"Attribute": detail.attribute, "RequiresRecreation": detail.recreation}
    if detail.name:
        target["Name"] = detail.name
    if values and detail.name:
        target["Path"] = f"/{detail.attribute}/{detail.name}"
        if detail.before:
            target["BeforeValue"] = detail.before
        if detail.after:
            target["AfterValue"] = detail.after
        added, removed = not detail.before, not detail.after
        target["AttributeChangeType"] = "Add" if added else "Remove" if removed else "Modify"
    shown = {"Target": target, "Evaluation": detail.evaluation, "ChangeSource": detail.source}
    if detail.entity:
        shown["CausingEntity"] = detail.entity
    return shown


def declaration(item: ParameterDeclaration) -> dict[str, Any]:
    """A template's parameter as ValidateTemplate shows it."""
    shown: dict[str, Any] = {"ParameterKey": item.key, "NoEcho": item.no_echo}
    if item.default is not None:
        shown["DefaultValue"] = "****" if item.no_echo else item.default
    if item.description:
        shown["Description"] = item.description
    return shown


def metadata(record: Resource) -> str:
    """A resource's metadata as JSON text."""
    return record.metadata or json.dumps({})
