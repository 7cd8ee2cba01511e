"""The execution role of a mapping's function: it polls, so it is asked, when a mapping is made and at every poll."""

from __future__ import annotations

from typing import Any, Final

from lambent.contracts import arn
from lambent.contracts.caller import Caller, root
from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Cloud, Reader

from ..errors import InvalidParameterValueException
from ..host import CALLER_LIFETIME_NS, PRINCIPAL, SESSION_LENGTH_MAX
from ..model import Config
from .model import Mapping

NO_QUEUE: Final = frozenset(("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"))
_MISSING: Final = NO_QUEUE | {"NotFound", "NoSuchBucket", "404"}
_DENIED: Final = frozenset(("AccessDenied", "AccessDeniedException"))
_STREAM_ACTIONS: Final = ("GetRecords", "GetShardIterator", "DescribeStream", "ListStreams")


class Roles:
    """Sessions of execution roles, kept for some minutes. Their permissions are looked at with every call."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._callers: dict[tuple[str, str], tuple[int, Caller]] = {}

    async def caller(self, mapping: Mapping, role: str) -> Caller:
        """A session of `role` on behalf of the mapping's function; `ServiceError` when Lambda may not assume it."""
        now_ns = self._cloud.clock.now_ns()
        key = (role, mapping.target.arn)
        kept = self._callers.get(key)
        if kept is not None and now_ns < kept[0]:
            return kept[1]
        session = await self._cloud.directory.role_session(
            role, mapping.function[:SESSION_LENGTH_MAX], PRINCIPAL, source_arn=mapping.target.arn
        )
        self._callers = {k: v for k, v in self._callers.items() if now_ns < v[0]}
        self._callers[key] = (now_ns + CALLER_LIFETIME_NS, session.caller)
        return session.caller


def queue_url(cloud: Cloud, source: str) -> str:
    """The URL by which SQS's operations name a queue."""
    place = arn.parse(source)
    return f"{cloud.settings.endpoint}/{place.account}/{place.resource}"


async def check_access(cloud: Cloud, mapping: Mapping, config: Config) -> None:
    """Raise, in AWS's words, when the source does not exist, or the role may not do what a mapping needs."""
    try:
        caller = await Roles(cloud).caller(mapping, config.role)
    except ServiceError:
        raise InvalidParameterValueException("The role defined for the function cannot be assumed by Lambda.") from None
    if mapping.kind == "sqs":
        await _check_queue(cloud, caller, mapping, config)
    else:
        await _check_stream(cloud, caller, mapping)
    if mapping.on_failure:
        await _check_destination(cloud, caller, mapping.on_failure)


async def _check_queue(cloud: Cloud, caller: Caller, mapping: Mapping, config: Config) -> None:
    attributes: dict[str, Any] | None = None
    asked = {"QueueUrl": queue_url(cloud, mapping.source), "AttributeNames": ["Policy", "VisibilityTimeout"]}
    try:
        answer = await cloud.api.call(caller, mapping.region, "sqs", "GetQueueAttributes", asked)
        attributes = answer.get("Attributes", {})
    except ServiceError as error:
        if error.code in NO_QUEUE:
            raise InvalidParameterValueException(
                "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
                "SQS Error Message: The specified queue does not exist."
            ) from None
        if error.code not in _DENIED:
            raise
    policy = (attributes or {}).get("Policy")
    for action in ("ReceiveMessage", "DeleteMessage"):
        if not await _may(cloud, caller, f"sqs:{action}", mapping.source, policy):
            raise _no_permission(action, "SQS")
    if attributes is None:
        raise _no_permission("GetQueueAttributes", "SQS")
    visibility_s = int(attributes["VisibilityTimeout"])
    if visibility_s < config.timeout_s:
        raise InvalidParameterValueException(
            f"Queue visibility timeout: {visibility_s} seconds is less than Function timeout: "
            f"{config.timeout_s} seconds"
        )


async def _check_stream(cloud: Cloud, caller: Caller, mapping: Mapping) -> None:
    for action in _STREAM_ACTIONS:
        if not await _may(cloud, caller, f"dynamodb:{action}", mapping.source):
            raise InvalidParameterValueException(
                f"Cannot access stream {mapping.source}. Please ensure the role can perform the GetRecords, "
                "GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM."
            )
    asked = {"StreamArn": mapping.source}
    try:
        await cloud.api.call(caller, mapping.region, "dynamodbstreams", "DescribeStream", asked)
    except ServiceError as error:
        if error.code != "ResourceNotFoundException":
            raise
        raise InvalidParameterValueException(f"Stream not found: {mapping.source}") from None


async def _check_destination(cloud: Cloud, caller: Caller, destination: str) -> None:
    service = arn.parse(destination).service
    action, resource, shown = {
        "sqs": ("SendMessage", destination, "SQS"),
        "sns": ("Publish", destination, "SNS"),
        "s3": ("PutObject", f"{destination}/*", "S3"),
    }[service]
    if not await _may(cloud, caller, f"{service}:{action}", resource):
        raise _no_permission(action, shown)
    if not await _exists(cloud, destination):
        raise InvalidParameterValueException(f"The destination ARN {destination} is invalid.")


async def _exists(cloud: Cloud, destination: str) -> bool:
    """Whether there is such a queue, topic or bucket. A bucket's ARN says neither region nor owner: any may be."""
    place = arn.parse(destination)
    operation, params = {
        "sqs": ("GetQueueAttributes", {"QueueUrl": queue_url(cloud, destination)}),
        "sns": ("GetTopicAttributes", {"TopicArn": destination}),
        "s3": ("HeadBucket", {"Bucket": place.resource}),
    }[place.service]
    owner, region = root(place.account or cloud.settings.account), place.region or cloud.settings.region
    try:
        await cloud.api.call(owner, region, place.service, operation, params)
    except ServiceError as error:
        return error.code not in _MISSING
    return True


async def _may(cloud: Cloud, caller: Caller, action: str, resource: str, policy: str | None = None) -> bool:
    owner = arn.parse(resource).account

    def ask(tx: Reader) -> bool:
        return cloud.guard.decide(tx, caller, action, resource, {}, policy, owner).allowed

    return await cloud.store.read(ask)


def _no_permission(action: str, service: str) -> InvalidParameterValueException:
    return InvalidParameterValueException(
        f"The provided execution role does not have permissions to call {action} on {service}"
    )
