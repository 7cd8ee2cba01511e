"""Signatures of requests, and where the keys come from."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from typing import Any

from awscrt import auth
from awscrt.http import HttpHeaders, HttpRequest

from lambent.blobs.errors import BlobsError
from lambent.blobs.urls import S3Location
from lambent.contracts.clock import SystemClock

DEFAULT_REGION = "us-east-1"
_UNSIGNED = "UNSIGNED-PAYLOAD"


def region_of(location: S3Location) -> str:
    """The region of the URL, else the environment's, else us-east-1."""
    found = location.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return found or DEFAULT_REGION


class Signer:
    """Signs with the keys of the URL, else those of the environment, else what botocore's chain of providers finds.

    The time is the machine's, never a clock that tests move, for the store compares it with its own; `correct` takes
    over the store's when the two are far apart.
    """

    def __init__(self, location: S3Location) -> None:
        self._location = location
        self._region = region_of(location)
        self._machine = SystemClock()
        self._skew = timedelta()
        self._frozen: tuple[str, str, str | None] | None = None
        self._provider: Any = None
        self._refreshable: Any = None

    async def ready(self) -> None:
        """Have keys that hold; `BlobsError` when there are none."""
        if self._provider is None:
            await self._find()
        if self._refreshable is not None and self._refreshable.refresh_needed():
            self._use(await asyncio.to_thread(self._refreshable.get_frozen_credentials))

    def sign(self, method: str, target: str, headers: dict[str, str]) -> dict[str, str]:
        """`headers`, a Host among them, and those of the signature. `target` is path and query, encoded."""
        request = HttpRequest(method, target, HttpHeaders(list(headers.items())))
        config = auth.AwsSigningConfig(
            algorithm=auth.AwsSigningAlgorithm.V4,
            signature_type=auth.AwsSignatureType.HTTP_REQUEST_HEADERS,
            credentials_provider=self._provider,
            region=self._region,
            service="s3",
            date=self._now() + self._skew,
            use_double_uri_encode=False,
            should_normalize_uri_path=False,
            signed_body_value=_UNSIGNED,
            signed_body_header_type=auth.AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256,
        )
        auth.aws_sign_request(request, config).result()  # at once: the keys are here
        return dict(request.headers)

    def correct(self, date: datetime) -> None:
        """Sign by the store's time from now on."""
        self._skew = date - self._now()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._machine.now_ns() / 1e9, UTC)

    async def _find(self) -> None:
        location = self._location
        if location.access_key:
            self._keep(location.access_key, location.secret_key, None)
        elif os.environ.get("AWS_ACCESS_KEY_ID") and os.environ.get("AWS_SECRET_ACCESS_KEY"):
            token = os.environ.get("AWS_SESSION_TOKEN") or None
            self._keep(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], token)
        else:
            found = await asyncio.to_thread(_chain)
            if found is None:
                raise BlobsError(
                    f"no keys for {location}: give access_key and secret_key in its URL, or set AWS_ACCESS_KEY_ID and "
                    "AWS_SECRET_ACCESS_KEY"
                )
            if hasattr(found, "refresh_needed"):
                self._refreshable = found
            self._use(await asyncio.to_thread(found.get_frozen_credentials))

    def _use(self, frozen: Any) -> None:
        self._keep(frozen.access_key, frozen.secret_key, frozen.token)

    def _keep(self, access_key: str, secret_key: str, token: str | None) -> None:
        if (access_key, secret_key, token) != self._frozen:
            self._frozen = (access_key, secret_key, token)
            self._provider = auth.AwsCredentialsProvider.new_static(access_key, secret_key, token)


def _chain() -> Any:
    from botocore.session import Session  # deferred: heavy, and rarely needed

    return Session().get_credentials()
