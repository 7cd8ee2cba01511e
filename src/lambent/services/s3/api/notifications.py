"""Where a bucket's events go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from lambent.contracts import arn
from lambent.contracts.errors import NotBuilt
from lambent.contracts.events import Undeliverable
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import access, errors, events, keys, settings
from .._service import s3
from ..model import BucketRecord, Destination

_KINDS = {
    # kind: member of the document, member of the ARN, service, the name that errors have for it
    "Topic": ("TopicConfigurations", "TopicArn", "sns", "Topic"),
    "Queue": ("QueueConfigurations", "QueueArn", "sqs", "Queue"),
    "LambdaFunction": ("LambdaFunctionConfigurations", "LambdaFunctionArn", "lambda", "CloudFunction"),
}
_KNOWN = (
    "s3:ObjectRestore:", "s3:Replication:", "s3:LifecycleExpiration:", "s3:LifecycleTransition",
    "s3:IntelligentTiering", "s3:ObjectAnnotation:",
)  # fmt: skip


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetBucketNotification"))
def get_bucket_notification_configuration(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Where the bucket's events go."""
    bucket = keys.bucket(tx, req)
    found: dict[str, Any] = {}
    for destination in bucket.destinations:
        member, arn_member, _, _ = _KINDS[destination.kind]
        row: dict[str, Any] = {
            "Id": destination.id,
            arn_member: destination.arn,
            "Events": list(destination.events),
        }
        if destination.rules:
            rules = [{"Name": name, "Value": value} for name, value in destination.rules]
            row["Filter"] = {"Key": {"FilterRules": rules}}
        found.setdefault(member, []).append(row)
    if bucket.event_bridge:
        found["EventBridgeConfiguration"] = {}
    return found


@s3.operation(tx="none", authorize=access.on_bucket("s3:PutBucketNotification"))
async def put_bucket_notification_configuration(ctx: Context, req: dict[str, Any]) -> None:
    """Replace where the bucket's events go, after asking each destination; queues and topics get a test event."""
    document = settings.document(req, "NotificationConfiguration")
    destinations = tuple(
        _destination(ctx, kind, row) for kind, spec in _KINDS.items() for row in document.get(spec[0], ())
    )
    _check_overlaps(destinations)
    event_bridge = "EventBridgeConfiguration" in document
    if event_bridge and "events" not in ctx.cloud.targets:
        raise NotBuilt("Lambent has not built EventBridge, the target of EventBridgeConfiguration, yet.")
    bucket = await ctx.cloud.store.read(lambda tx: keys.bucket(tx, req))
    if not req.get("SkipDestinationValidation"):
        for destination in destinations:
            await _check_destination(ctx, bucket, destination)

    def write(tx: Transaction) -> None:
        now = keys.bucket(tx, req)
        keys.buckets.put(tx, replace(now, destinations=destinations, event_bridge=event_bridge), now.name)
        for destination in destinations:
            if destination.kind != "LambdaFunction":
                events.emit(ctx, tx, now, destination.arn, events.test_event(ctx, now), destination.kind)

    await ctx.cloud.store.write(write)


def _destination(ctx: Context, kind: str, row: Mapping[str, Any]) -> Destination:
    """One row of the document, checked."""
    _, arn_member, service, name = _KINDS[kind]
    target = row.get(arn_member, "")
    try:
        parsed = arn.parse(target)
    except ValueError:
        raise errors.InvalidArgument("The ARN could not be parsed", ArgumentName=name, ArgumentValue=target) from None
    if parsed.service != service:
        raise errors.InvalidArgument("The ARN is not well formed", ArgumentName=name, ArgumentValue=target)
    asked = tuple(row.get("Events", ()))
    if not asked:
        raise errors.MalformedXML
    for event in asked:
        if event.startswith(_KNOWN):
            raise NotBuilt(f"Lambent has not built the event {event} yet.")
        if event not in events.BUILT:
            raise errors.InvalidArgument(
                "The event is not supported for notifications", ArgumentName="Event", ArgumentValue=event
            )
    return Destination(row.get("Id") or ctx.cloud.ids.uuid(), kind, target, asked, _rules(row))


def _rules(row: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    rules: list[tuple[str, str]] = []
    for rule in row.get("Filter", {}).get("Key", {}).get("FilterRules", ()):
        if "Name" not in rule or "Value" not in rule:
            raise errors.MalformedXML
        if rule["Name"].lower() not in ("prefix", "suffix"):
            raise errors.InvalidArgument(
                "filter rule name must be either prefix or suffix",
                ArgumentName="FilterRule.Name",
                ArgumentValue=rule["Name"],
            )
        name = rule["Name"].capitalize()
        if any(name == known for known, _ in rules):
            raise errors.InvalidArgument(
                f"Cannot specify more than one {name.lower()} rule in a filter.", ArgumentName="FilterRule.Name",
                ArgumentValue=rule["Name"],
            )  # fmt: skip
        rules.append((name, rule["Value"]))
    return tuple(rules)


def _check_overlaps(destinations: tuple[Destination, ...]) -> None:
    """InvalidArgument when one event of one key would go to two destinations."""
    ids = [destination.id for destination in destinations]
    if len(set(ids)) < len(ids):
        raise errors.InvalidArgument("Same ID used for multiple configurations. IDs must be unique")
    for index, one in enumerate(destinations):
        for other in destinations[index + 1 :]:
            if _share(one, other) and _nest(one, other, "prefix") and _nest(one, other, "suffix"):
                raise errors.InvalidArgument(
                    "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the "
                    "prefixes are overlapping for the same event type."
                )


def _share(one: Destination, other: Destination) -> bool:
    return any(_covers(a, b) or _covers(b, a) for a in one.events for b in other.events)


def _covers(pattern: str, event: str) -> bool:
    return pattern == event or (pattern[-1] == "*" and event.startswith(pattern[:-1]))


def _nest(one: Destination, other: Destination, rule: str) -> bool:
    a, b = one.rule(rule), other.rule(rule)
    if rule == "prefix":
        return a.startswith(b) or b.startswith(a)
    return a.endswith(b) or b.endswith(a)


async def _check_destination(ctx: Context, bucket: BucketRecord, destination: Destination) -> None:
    """InvalidArgument unless the destination is there and lets S3 in."""
    service = _KINDS[destination.kind][2]
    if service not in ctx.cloud.targets:
        raise NotBuilt(f"Lambent has not built {service}, the service of {destination.arn}, yet.")
    try:
        await ctx.cloud.targets[service].check(destination.arn, events.PRINCIPAL, bucket.arn, bucket.account)
    except Undeliverable as error:
        if destination.kind == "LambdaFunction":
            name = f"{destination.arn}, null"
            text = f"Not authorized to invoke function [{destination.arn}]"
        else:
            name, noun = destination.arn, destination.kind.lower()
            text = f"Permissions on the destination {noun} do not allow S3 to publish notifications from this bucket"
            if "not exist" in str(error):
                text = f"The destination {noun} does not exist"
        raise errors.InvalidArgument(
            "Unable to validate the following destination configurations", ArgumentName1=name, ArgumentValue1=text
        ) from None
