"""S3: objects, versions, conditional writes, multipart uploads, copies, and notifications to a function."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Hashable
from typing import Any, ClassVar

from ..linear import History, Operation
from ..nodes import SimNode
from ..workload import Answer, Attempts, Client, Outcome, Refused, Story, Told, Workload, insist, tell
from ..world import World
from .functions import arn_of, make_function, permit
from .s3_model import MARKER, BucketSpec, ObjectSpec

KEYS = ("a/0", "a/1", "b/0")
WIDTH_MAX = 30
"""A key whose versions could be in more orders than this is looked at before anybody does more to it."""
LISTENER = "s3-listener"
MODES = {"sim-plain": "off", "sim-versions": "on", "sim-halted": "halted"}
NOTIFYING = "sim-plain"
SOURCES = ("source/short", "source/long")
CHURNED = "sim-churn"


class S3(Workload):
    """See the module."""

    name: ClassVar[str] = "s3"

    def __init__(self, world: World, chance: random.Random) -> None:
        super().__init__(world, chance)
        self.objects = {
            (bucket, key): History(f"s3://{bucket}/{key}", ObjectSpec(mode))
            for bucket, mode in MODES.items()
            for key in KEYS
        }
        self.churn = History(f"s3://{CHURNED}", BucketSpec())
        self.bodies: dict[str, bytes] = {}
        self.versions: dict[tuple[str, str], list[tuple[int, str]]] = {place: [] for place in self.objects}
        self.written: dict[str, str] = {}
        """How writes into the notifying bucket ended, by ETag: acknowledged, refused, or nobody knows."""
        self.latest: dict[tuple[str, str], str] = {}
        """The ETag that somebody was last told of: a condition on it may well hold."""
        self.uploads: list[dict[str, Any]] = []
        """Uploads that were left alone, with all that it takes to complete them."""
        self._hot = (chance.choice(tuple(MODES)), chance.choice(KEYS))
        self._count = 0

    async def prepare(self, client: Client) -> None:
        """See `Workload`."""
        for bucket, mode in MODES.items():
            await client.must("s3", "CreateBucket", Bucket=bucket)
            if mode != "off":
                await self._versioning(client, bucket, "Enabled")
            if mode == "halted":
                await self._versioning(client, bucket, "Suspended")
        for key, size in zip(SOURCES, (10, 300), strict=True):
            body = self._body(size)
            await client.must("s3", "PutObject", Bucket="sim-versions", Key=key, Body=body)
        await make_function(client, LISTENER)
        await permit(client, LISTENER, "s3.amazonaws.com", f"arn:aws:s3:::{NOTIFYING}")
        row = {"LambdaFunctionArn": arn_of(LISTENER), "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}
        await client.must(
            "s3",
            "PutBucketNotificationConfiguration",
            Bucket=NOTIFYING,
            NotificationConfiguration={"LambdaFunctionConfigurations": [row]},
        )

    async def _versioning(self, client: Client, bucket: str, status: str) -> None:
        await client.must("s3", "PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": status})

    def stories(self) -> list[tuple[int, Story]]:
        """See `Workload`."""
        return [
            (30, self.put),
            (25, self.get),
            (12, self.delete),
            (8, self.list_page),
            (8, self.list_versions),
            (6, self.get_version),
            (6, self.delete_version),
            (8, self.multipart),
            (6, self.copy),
            (4, self.delete_many),
            (3, self.churn_bucket),
        ]

    # Bodies

    def _body(self, size: int) -> bytes:
        """A body like no other; its ETag is known beforehand."""
        self._count += 1
        body = (b"%d|" % self._count).ljust(size, b"x")
        self.bodies[hashlib.md5(body, usedforsecurity=False).hexdigest()] = body
        return body

    def _any_body(self, client: Client) -> tuple[bytes, str]:
        body = self._body(client.chance.choice((5, 10, 40, 200, 700)))
        return body, hashlib.md5(body, usedforsecurity=False).hexdigest()

    def _place(self, client: Client) -> tuple[str, str]:
        # One key that everybody wants shows races that many keys would not.
        if client.chance.random() < 0.5:
            return self._hot
        return client.chance.choice(tuple(MODES)), client.chance.choice(KEYS)

    # Stories

    async def put(self, client: Client) -> None:
        """Put an object, perhaps under a condition."""
        place = self._place(client)
        body, tag = self._any_body(client)
        history = self.objects[place]
        condition = client.chance.random()
        params: dict[str, Any] = {}
        if condition < 0.2:
            operation = history.begin("put-new", tag)
            params["IfNoneMatch"] = "*"
        elif condition < 0.5:
            expected = self.latest.get(place) or client.chance.choice(list(self.bodies)[-8:])
            operation = history.begin("put-if", tag, expected)
            params["IfMatch"] = f'"{expected}"'
        else:
            operation = history.begin("put", tag)
        told = self._written(place, operation, tag)
        await client.call("s3", "PutObject", told, Bucket=place[0], Key=place[1], Body=body, **params)

    def _written(self, place: tuple[str, str], operation: Operation, tag: str) -> Told:
        """Tell of a write of the ETag `tag`: to the history, to the list of versions, and for the notifications."""
        self._note(place, tag, "unknown")
        tell_history = tell(self.objects[place], operation, lambda _: "put")

        def told(outcome: Outcome) -> None:
            tell_history(outcome)
            if isinstance(outcome, Answer):
                self._note(place, tag, "acknowledged")
                self.latest[place] = tag
                version = outcome.result.get("VersionId", "null")
                if version != "null":
                    self.versions[place].append((operation.id, version))
                shown = outcome.result.get("ETag") or outcome.result["CopyObjectResult"]["ETag"]
                insist(shown == f'"{tag}"', "ETag", shown, "instead of", tag)
            elif isinstance(outcome, Refused) or outcome.certain:
                self._note(place, tag, "refused")

        return told

    def _note(self, place: tuple[str, str], tag: str, ended: str) -> None:
        # Copies share their source's ETag, so one alone says nothing about it.
        if place[0] != NOTIFYING or self.written.get(tag) == "acknowledged":
            return
        if ended == "acknowledged" or tag not in list(self.bodies)[: len(SOURCES)]:
            self.written[tag] = ended

    async def get(self, client: Client) -> None:
        """Read an object, to the last byte."""
        place = self._place(client)
        history = self.objects[place]
        told = tell(history, history.begin("get"), self._read)
        await self._get(client, told, Bucket=place[0], Key=place[1])

    async def _get(self, client: Client, told: Told, **params: Any) -> Outcome:
        async def work(node: SimNode) -> tuple[str, bytes]:
            result = await node.call("s3", "GetObject", params)
            body = result["Body"]
            if not isinstance(body, bytes):
                body = b"".join([piece async for piece in body])
            return result["ETag"].strip('"'), body

        return await client.world.request(work, told, "s3.GetObject")

    def _read(self, result: tuple[str, bytes]) -> str:
        tag, body = result
        insist(self.bodies[tag] == body, "the body of", tag, "is", body[:60])
        return tag

    async def delete(self, client: Client) -> None:
        """Delete an object, or leave a marker."""
        place = self._place(client)
        history = self.objects[place]
        told = tell(history, history.begin("delete"), _deleted)
        await client.call("s3", "DeleteObject", told, Bucket=place[0], Key=place[1])

    async def list_page(self, client: Client) -> None:
        """Read a page of a listing: a read of every key in it."""
        bucket = client.chance.choice(tuple(MODES))
        after = client.chance.choice(("", "a/0", "a/1"))
        limit = client.chance.choice((1, 2, 1000))
        reads = [(key, self.objects[bucket, key].begin("list")) for key in KEYS]

        def told(outcome: Outcome) -> None:
            found: dict[str, str] = {}
            end = "\uffff"
            if isinstance(outcome, Answer):
                rows = outcome.result.get("Contents", [])
                found = {row["Key"]: row["ETag"].strip('"') for row in rows}
                if outcome.result["IsTruncated"]:
                    end = max(found)
            for key, read in reads:
                history = self.objects[bucket, key]
                if isinstance(outcome, Answer) and after < key <= end:
                    history.returns(read, found.get(key, ""))
                else:
                    history.vanishes(read)

        params: dict[str, Any] = {"StartAfter": after} if after else {}
        await client.call("s3", "ListObjectsV2", told, Bucket=bucket, MaxKeys=limit, **params)

    async def list_versions(self, client: Client) -> None:
        """Read all versions of a key."""
        await self._list_versions(client, self._place(client))

    async def settle(self, client: Client) -> None:
        """See `Workload`."""
        for place, history in self.objects.items():
            if history.width > WIDTH_MAX:
                await self._list_versions(client, place)

    async def _list_versions(self, client: Client, place: tuple[str, str]) -> None:
        history = self.objects[place]
        told = tell(history, history.begin("list-versions"), _versions)
        await client.call("s3", "ListObjectVersions", told, Bucket=place[0], Prefix=place[1])

    async def get_version(self, client: Client) -> None:
        """Read a version that somebody was told of."""
        place = self._place(client)
        history = self.objects[place]
        if self.versions[place]:
            id, version = client.chance.choice(self.versions[place])
            told = tell(history, history.begin("get-version", id), self._read)
            await self._get(client, told, Bucket=place[0], Key=place[1], VersionId=version)

    async def delete_version(self, client: Client) -> None:
        """Delete a version for good, perhaps once more."""
        place = self._place(client)
        history = self.objects[place]
        if self.versions[place]:
            id, version = client.chance.choice(self.versions[place])
            told = tell(history, history.begin("delete-version", id), lambda _: "deleted")
            await client.call("s3", "DeleteObject", told, Bucket=place[0], Key=place[1], VersionId=version)

    async def copy(self, client: Client) -> None:
        """Copy an object that never changes; the copies share its body."""
        place = self._place(client)
        source = client.chance.choice(SOURCES)
        tag = list(self.bodies)[SOURCES.index(source)]
        told = self._written(place, self.objects[place].begin("put", tag), tag)
        where = {"Bucket": "sim-versions", "Key": source}
        await client.call("s3", "CopyObject", told, Bucket=place[0], Key=place[1], CopySource=where)

    async def delete_many(self, client: Client) -> None:
        """Delete two keys at once."""
        bucket = client.chance.choice(tuple(MODES))
        keys = client.chance.sample(KEYS, 2)
        histories = [self.objects[bucket, key] for key in keys]
        observe = (lambda _: "deleted") if MODES[bucket] == "off" else (lambda _: MARKER)
        tells = [tell(history, history.begin("delete"), observe) for history in histories]

        def told(outcome: Outcome) -> None:
            for one in tells:
                one(outcome)

        objects = [{"Key": key} for key in keys]
        await client.call("s3", "DeleteObjects", told, Bucket=bucket, Delete={"Objects": objects})

    async def churn_bucket(self, client: Client) -> None:
        """Create, delete or look for a bucket."""
        kind, name, seen = client.chance.choice(
            (
                ("create", "CreateBucket", "created"),
                ("delete", "DeleteBucket", "deleted"),
                ("look", "GetBucketTagging", ""),
            )
        )

        def observe(_: Any) -> str:
            return seen

        told = tell(self.churn, self.churn.begin(kind), observe)
        if kind != "look":
            await client.call("s3", name, told, Bucket=CHURNED)
            return

        def looked(outcome: Outcome) -> None:
            there = isinstance(outcome, Refused) and outcome.code == "NoSuchTagSet"
            told(Answer(None) if there else outcome)

        seen = "there"
        await client.call("s3", name, looked, Bucket=CHURNED)

    # Multipart uploads

    async def multipart(self, client: Client) -> None:
        """Upload in parts; then complete, once or more often, or abort, or go away."""
        place = self._place(client)
        where: dict[str, Any] = {"Bucket": place[0], "Key": place[1]}
        begun = await client.call("s3", "CreateMultipartUpload", **where)
        if not isinstance(begun, Answer):
            return
        where["UploadId"] = begun.result["UploadId"]
        bodies = [self._body(client.chance.choice((9, 100))) for _ in range(client.chance.randint(1, 3))]
        for number, body in enumerate(bodies, 1):
            for _ in range(3):
                if isinstance(await client.call("s3", "UploadPart", **where, PartNumber=number, Body=body), Answer):
                    break
            else:
                return
            await client.think()
        end = client.chance.random()
        if end < 0.2:
            self.uploads.append({**where, "MultipartUpload": _parts(bodies)})
            return
        if end < 0.35:
            await self._abort(client, where, bodies)
        else:
            await self._complete(client, place, where, bodies)

    async def _abort(self, client: Client, where: dict[str, Any], bodies: list[bytes]) -> None:
        aborted = await client.call("s3", "AbortMultipartUpload", **where)
        if isinstance(aborted, Answer):
            late = await client.call("s3", "CompleteMultipartUpload", **where, MultipartUpload=_parts(bodies))
            insist(not isinstance(late, Answer), "an aborted upload was completed")

    async def _complete(
        self, client: Client, place: tuple[str, str], where: dict[str, Any], bodies: list[bytes]
    ) -> None:
        digests = b"".join(hashlib.md5(body, usedforsecurity=False).digest() for body in bodies)
        tag = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(bodies)}"
        self.bodies[tag] = b"".join(bodies)
        attempts = Attempts(self._written(place, self.objects[place].begin("put", tag), tag))
        params = {**where, "MultipartUpload": _parts(bodies)}
        if client.chance.random() < 0.3:
            # A client that is impatient asks again before it has an answer.
            client.world.clients.start(client.call("s3", "CompleteMultipartUpload", attempts.told(), **params))
        for _ in range(client.chance.randint(1, 4)):
            outcome = await client.call("s3", "CompleteMultipartUpload", attempts.told(), **params)
            if not isinstance(outcome, Answer | Refused):
                continue
            if client.chance.random() < 0.8:
                break
        attempts.close()

    # The end

    async def check(self, client: Client) -> None:
        """See `Workload`."""
        for (bucket, key), history in self.objects.items():
            for _ in self.world.living():
                told = tell(history, history.begin("list-versions"), _versions)
                await client.call("s3", "ListObjectVersions", told, Bucket=bucket, Prefix=key)
                told = tell(history, history.begin("get"), self._read)
                await self._get(client, told, Bucket=bucket, Key=key)
        self._check_notifications()
        if self.world.plan.calm:
            idle = self.world.idle_blobs()
            insist(not idle, "nobody was killed, yet these blobs were left behind:", idle)

    async def check_later(self, client: Client) -> None:
        """See `Workload`. Every version, and every part of an upload that was left alone, still has its body."""
        for bucket, key in self.objects:
            listed = await client.must("s3", "ListObjectVersions", Bucket=bucket, Prefix=key)
            for row in listed.get("Versions", []):
                tag = row["ETag"].strip('"')
                found = await self._get(client, _ignore, Bucket=bucket, Key=key, VersionId=row["VersionId"])
                insist(isinstance(found, Answer) and self._read(found.result) == tag, "no body of", key, tag, found)
        for upload in self.uploads:
            await client.must("s3", "CompleteMultipartUpload", **upload)
            found = await self._get(client, _ignore, Bucket=upload["Bucket"], Key=upload["Key"])
            insist(isinstance(found, Answer), "no body of a late upload:", upload, found)

    def _check_notifications(self) -> None:
        heard: set[str] = set()
        for run, _, error in self.world.ground.journal.ended:
            if run.function == LISTENER and not error:
                records = [record["s3"]["object"] for record in run.payload["Records"]]
                heard.update(about["eTag"] for about in records if "eTag" in about)
        given_up = [event.payload for reason, event in self.world.given_up.values() if reason.startswith("its lease")]
        for tag, ended in self.written.items():
            excused = any(tag.encode() in payload for payload in given_up)
            if ended == "acknowledged":
                insist(tag in heard or excused, "nobody was told of the acknowledged write of", tag)
            elif ended == "refused":
                insist(tag not in heard, "a write that was refused was told to the listener:", tag)


def _parts(bodies: list[bytes]) -> dict[str, Any]:
    digests = [hashlib.md5(body, usedforsecurity=False).hexdigest() for body in bodies]
    return {"Parts": [{"PartNumber": number, "ETag": f'"{tag}"'} for number, tag in enumerate(digests, 1)]}


def _ignore(outcome: Outcome) -> None:
    pass


def _deleted(result: dict[str, Any]) -> str:
    return MARKER if result.get("DeleteMarker") else "deleted"


def _versions(result: dict[str, Any]) -> Hashable:
    """The ETags of the versions, how many delete markers there are, and whether one of them is the newest."""
    markers = result.get("DeleteMarkers", [])
    tags = tuple(row["ETag"].strip('"') for row in result.get("Versions", []))
    return tags, len(markers), any(row["IsLatest"] for row in markers)
