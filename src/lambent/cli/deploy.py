"""`lambent deploy` and `destroy`: a template's way into the cloud and out of it, with one live row per resource."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from . import build
from .common import EndpointOption, Failure, RegionOption, client, find_endpoint, require_health
from .rows import ResourceRows

POLL_S = 0.1
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
# A longer template does not fit into a request: it goes through a bucket.
_INLINE_BYTES_MAX = 51_200
StackOption = Annotated[str, typer.Option("--stack-name", help="The stack's name.")]


def deploy(
    template: Annotated[Path, typer.Argument(help="The template, or the folder that holds template.yaml.")],
    stack_name: StackOption,
    parameter: Annotated[list[str] | None, typer.Option("--parameter", "-p", help="KEY=VALUE; repeatable.")] = None,
    endpoint: EndpointOption = None,
    region: RegionOption = "us-east-1",
) -> None:
    """Build, package, upload and deploy a template."""
    address = find_endpoint(endpoint)
    require_health(address)
    outputs = deploy_template(template, stack_name, _pairs(parameter or []), address, region)
    for key, value in outputs.items():
        print(f"{key:<24} {value}")


def _pairs(given: list[str]) -> dict[str, str]:
    pairs = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        if not equals:
            raise Failure(f"a parameter is given as KEY=VALUE, not as {pair!r}")
        pairs[key] = value
    return pairs


def deploy_template(path: Path, stack: str, parameters: dict[str, str], address: str, region: str) -> dict[str, str]:
    """Deploy the template at `path`; returns the stack's outputs. `Failure` says what went wrong."""
    # Deferred: reading templates loads YAML, which the other commands do without.
    from lambent.contracts.errors import ServiceError
    from lambent.deploy.template import loader

    path = path / "template.yaml" if path.is_dir() else path
    try:
        template = loader.load(path.read_text())
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from None
    except ServiceError as error:
        raise Failure(f"{path}: {error.message}") from None
    rows = ResourceRows(stack)
    with tempfile.TemporaryDirectory(prefix="lambent-build-") as work, rows:
        artifacts = build.build(template, path.parent, parameters, Path(work), rows.say)
        if artifacts:
            bucket = _artifact_bucket(address, region)
            _upload(artifacts, bucket, template, address, region, rows)
        rows.say("deploying")
        stacks = client("cloudformation", address, region)
        return _apply(stacks, stack, _source(json.dumps(template), address, region), template, parameters, rows)


def _source(body: str, address: str, region: str) -> dict[str, str]:
    """The argument that gives CloudFormation the template: itself, or where it was put."""
    if len(body.encode()) <= _INLINE_BYTES_MAX:
        return {"TemplateBody": body}
    bucket, key = _artifact_bucket(address, region), f"{hashlib.sha256(body.encode()).hexdigest()}.template"
    client("s3", address, region).put_object(Bucket=bucket, Key=key, Body=body.encode())
    return {"TemplateURL": f"{address}/{bucket}/{key}"}


def _artifact_bucket(address: str, region: str) -> str:
    account = client("sts", address, region).get_caller_identity()["Account"]
    bucket = f"lambent-artifacts-{account}-{region}"
    objects = client("s3", address, region)
    try:
        objects.head_bucket(Bucket=bucket)
    except objects.exceptions.ClientError:
        placed = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        objects.create_bucket(Bucket=bucket, **placed)
    return bucket


def _upload(
    artifacts: list[build.Artifact],
    bucket: str,
    template: dict[str, Any],
    address: str,
    region: str,
    rows: ResourceRows,
) -> None:
    objects = client("s3", address, region)
    for artifact in artifacts:
        size_mb = artifact.archive.stat().st_size / 1e6
        rows.say(f"uploading {artifact.resource} ({size_mb:.1f} MB)")
        with artifact.archive.open("rb") as body:
            objects.put_object(Bucket=bucket, Key=artifact.key, Body=body)
        build.place(template, artifact, bucket)


def _apply(
    stacks: Any,
    stack: str,
    source: dict[str, str],
    template: dict[str, Any],
    parameters: dict[str, str],
    rows: ResourceRows,
) -> dict[str, str]:
    exists = _describe(stacks, stack)
    if exists is not None and exists["StackStatus"] in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED"):
        raise Failure(
            f"{stack} is {exists['StackStatus']}, what is left of a creation that failed, and can only be deleted: "
            f"lambent destroy --stack-name {stack}"
        )
    creating = exists is None or exists["StackStatus"] == "REVIEW_IN_PROGRESS"
    unknown = set(parameters) - set(template.get("Parameters", {}))
    if unknown:
        raise Failure(f"the template has no parameter {', '.join(sorted(unknown))}")
    given: list[dict[str, Any]] = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    if exists is not None and not creating:
        kept = {p["ParameterKey"] for p in exists.get("Parameters", [])} & set(template.get("Parameters", {}))
        given += [{"ParameterKey": key, "UsePreviousValue": True} for key in sorted(kept - set(parameters))]
    name = f"lambent-{time.time_ns()}"
    try:
        change_set = stacks.create_change_set(
            StackName=stack,
            ChangeSetName=name,
            ChangeSetType="CREATE" if creating else "UPDATE",
            **source,
            Parameters=given,
            Capabilities=CAPABILITIES,
        )
    except stacks.exceptions.ClientError as error:
        raise Failure(error.response["Error"]["Message"]) from None
    if _await_change_set(stacks, change_set["Id"]):
        started_ms = int(time.time() * 1000) - 1000
        stacks.execute_change_set(ChangeSetName=change_set["Id"])
        _follow(stacks, change_set["StackId"], rows, started_ms)
    else:
        rows.say("nothing has changed")
    found = _describe(stacks, stack) or {}
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}


def _describe(stacks: Any, stack: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = stacks.describe_stacks(StackName=stack)["Stacks"][0]
    except stacks.exceptions.ClientError as error:
        if "does not exist" in str(error):
            return None
        raise Failure(error.response["Error"]["Message"]) from None
    return found


def _await_change_set(stacks: Any, change_set: str) -> bool:
    """Wait until the change set can be executed; False when there is nothing to change."""
    while True:
        found = stacks.describe_change_set(ChangeSetName=change_set)
        status, reason = found["Status"], found.get("StatusReason", "")
        if status == "CREATE_COMPLETE":
            return True
        if status == "FAILED":
            stacks.delete_change_set(ChangeSetName=change_set)
            if "didn't contain changes" in reason or "No updates" in reason:
                return False
            raise Failure(f"the change set failed: {reason}")
        time.sleep(POLL_S)


def _follow(stacks: Any, stack_id: str, rows: ResourceRows, started_ms: int) -> None:
    """Show the stack's events until it comes to rest; `Failure` when it did not become what was asked."""
    seen: set[str] = set()
    while True:
        status = stacks.describe_stacks(StackName=stack_id)["Stacks"][0]
        events = stacks.describe_stack_events(StackName=stack_id)["StackEvents"]
        for event in reversed(events):
            if event["EventId"] not in seen and event["Timestamp"].timestamp() * 1000 >= started_ms:
                seen.add(event["EventId"])
                rows.show(event)
        state = status["StackStatus"]
        if not state.endswith("_IN_PROGRESS"):
            break
        time.sleep(POLL_S)
    if state not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"):
        raise Failure(f"{state}: {rows.failure or status.get('StackStatusReason', 'see the events above')}")


def destroy(
    stack_name: StackOption,
    empty_buckets: Annotated[
        bool, typer.Option("--empty-buckets", help="Empty the stack's buckets first: a full one is never deleted.")
    ] = False,
    endpoint: EndpointOption = None,
    region: RegionOption = "us-east-1",
) -> None:
    """Delete a stack and what it made."""
    address = find_endpoint(endpoint)
    require_health(address)
    stacks = client("cloudformation", address, region)
    found = _describe(stacks, stack_name)
    if found is None:
        raise Failure(f"there is no stack {stack_name}")
    with ResourceRows(stack_name) as rows:
        if empty_buckets:
            rows.say("emptying buckets")
            _empty_buckets(stacks, client("s3", address, region), found["StackId"])
        rows.say("deleting")
        started_ms = int(time.time() * 1000) - 1000
        stacks.delete_stack(StackName=found["StackId"])
        _follow(stacks, found["StackId"], rows, started_ms)


def _empty_buckets(stacks: Any, objects: Any, stack_id: str) -> None:
    """Delete every version of every object in the buckets of a stack."""
    pages = stacks.get_paginator("list_stack_resources").paginate(StackName=stack_id)
    for resource in (row for page in pages for row in page["StackResourceSummaries"]):
        if resource["ResourceType"] != "AWS::S3::Bucket" or resource["ResourceStatus"] == "DELETE_COMPLETE":
            continue
        bucket = resource["PhysicalResourceId"]
        for page in objects.get_paginator("list_object_versions").paginate(Bucket=bucket):
            rows = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            doomed = [{"Key": row["Key"], "VersionId": row["VersionId"]} for row in rows]
            if doomed:
                objects.delete_objects(Bucket=bucket, Delete={"Objects": doomed, "Quiet": True})
