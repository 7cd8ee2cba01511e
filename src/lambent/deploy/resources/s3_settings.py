"""CloudFormation's words for a bucket's settings, turned into S3's."""

from __future__ import annotations

from typing import Any

from .base import HandlerFailed, chosen


def ownership(value: dict[str, Any]) -> dict[str, Any]:
    """OwnershipControls."""
    return {"Rules": value["Rules"]}


def encryption(value: dict[str, Any]) -> dict[str, Any]:
    """BucketEncryption."""
    rules = []
    for rule in value["ServerSideEncryptionConfiguration"]:
        found = chosen(rule, "BucketKeyEnabled")
        if "ServerSideEncryptionByDefault" in rule:
            found["ApplyServerSideEncryptionByDefault"] = rule["ServerSideEncryptionByDefault"]
        rules.append(found)
    return {"Rules": rules}


def cors(value: dict[str, Any]) -> dict[str, Any]:
    """CorsConfiguration."""
    names = {"ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds", "Id": "ID"}
    return {"CORSRules": [{names.get(key, key): item for key, item in rule.items()} for rule in value["CorsRules"]]}


def website(value: dict[str, Any]) -> dict[str, Any]:
    """WebsiteConfiguration."""
    found = chosen(value, "RedirectAllRequestsTo")
    if "IndexDocument" in value:
        found["IndexDocument"] = {"Suffix": value["IndexDocument"]}
    if "ErrorDocument" in value:
        found["ErrorDocument"] = {"Key": value["ErrorDocument"]}
    if "RoutingRules" in value:
        found["RoutingRules"] = [
            {
                "Redirect": _texts(rule["RedirectRule"]),
                **({"Condition": _texts(rule["RoutingRuleCondition"])} if "RoutingRuleCondition" in rule else {}),
            }
            for rule in value["RoutingRules"]
        ]
    return found


def _texts(members: dict[str, Any]) -> dict[str, str]:
    """Status codes are texts to S3, and numbers to whoever writes a template."""
    return {name: str(value) for name, value in members.items()}


def _renamed(value: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new: value[old]} if old in value else {}


def notifications(value: dict[str, Any]) -> dict[str, Any]:
    """NotificationConfiguration; entries for one destination and filter stay apart, as S3 keeps them."""
    kinds = (
        ("LambdaConfigurations", "LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
        ("QueueConfigurations", "QueueConfigurations", "Queue", "QueueArn"),
        ("TopicConfigurations", "TopicConfigurations", "Topic", "TopicArn"),
    )
    found: dict[str, Any] = {}
    for key, member, source, target in kinds:
        if value.get(key):
            found[member] = [_notification(entry, source, target) for entry in value[key]]
    if value.get("EventBridgeConfiguration", {}).get("EventBridgeEnabled"):
        found["EventBridgeConfiguration"] = {}
    return found


def _notification(entry: dict[str, Any], source: str, target: str) -> dict[str, Any]:
    found = {target: entry[source], "Events": [entry["Event"]]}
    rules = entry.get("Filter", {}).get("S3Key", {}).get("Rules")
    if rules:
        found["Filter"] = {"Key": {"FilterRules": rules}}
    return found


def lifecycle(value: dict[str, Any]) -> dict[str, Any]:
    """LifecycleConfiguration."""
    return {"Rules": [_lifecycle_rule(rule) for rule in value["Rules"]]}


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    found = chosen(rule, "Status", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")
    found.update(_renamed(rule, "Id", "ID"))
    expiration = {
        **_renamed(rule, "ExpirationInDays", "Days"),
        **_renamed(rule, "ExpirationDate", "Date"),
        **chosen(rule, "ExpiredObjectDeleteMarker"),
    }
    if expiration:
        found["Expiration"] = expiration
    if "NoncurrentVersionExpirationInDays" in rule:
        found["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    transitions = rule.get("Transitions") or ([rule["Transition"]] if "Transition" in rule else [])
    if transitions:
        found["Transitions"] = [
            {
                **_renamed(t, "TransitionInDays", "Days"),
                **_renamed(t, "TransitionDate", "Date"),
                **chosen(t, "StorageClass"),
            }
            for t in transitions
        ]
    for name in ("NoncurrentVersionTransitions", "NoncurrentVersionTransition"):
        if name in rule:
            raise HandlerFailed(f"Lambent has not built {name} of a bucket's lifecycle rules yet.")
    found["Filter"] = _lifecycle_filter(rule)
    return found


def _lifecycle_filter(rule: dict[str, Any]) -> dict[str, Any]:
    conditions = {
        **chosen(rule, "Prefix"),
        **_renamed(rule, "ObjectSizeGreaterThan", "ObjectSizeGreaterThan"),
        **_renamed(rule, "ObjectSizeLessThan", "ObjectSizeLessThan"),
    }
    tags = rule.get("TagFilters", [])
    if len(conditions) + len(tags) > 1:
        return {"And": {**conditions, **({"Tags": tags} if tags else {})}}
    if tags:
        return {"Tag": tags[0]}
    return conditions or {"Prefix": ""}
