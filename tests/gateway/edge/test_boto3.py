"""boto3 against the edge and the auth room together: every way in which the SDK signs and sends a body."""

from __future__ import annotations

import asyncio
import io
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
import uvloop
from botocore.config import Config
from botocore.exceptions import ClientError

from lambent.auth import Endpoint, Verifier, authenticate_form, read_form
from lambent.contracts.caller import Credential, root
from lambent.contracts.clock import SystemClock
from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Request, Response
from lambent.contracts.ids import Ids
from lambent.gateway import tls
from lambent.gateway.edge import serve

pytestmark = pytest.mark.slow
KEY = Credential(access_key="AKIDEXAMPLE", secret="secret/+=", caller=root("123456789012"))
S3 = Endpoint("s3", "rest-xml")


class Store:
    """A bucket of one object, and what authentication said about each request."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.verifier = Verifier()
        self.body = b""
        self.trailers: dict[str, str] = {}
        self.kinds: list[tuple[str, str, str]] = []

    async def handle(self, request: Request) -> Response:
        declared = request.headers.get("x-amz-content-sha256", "")
        declared = declared if declared.startswith(("STREAMING", "UNSIGNED")) else "sha256" if declared else ""
        now_ns = self.clock.now_ns()
        try:
            if request.method == "POST":
                done = await authenticate_form(self.verifier, await read_form(request), "b", self.find, now_ns)
            else:
                done = await self.verifier.authenticate(
                    request, S3, self.find, now_ns, streaming=True, resource=request.path
                )
            data = await done.body.read(1 << 26)
        except ServiceError as error:
            text = f"<Error><Code>{error.code}</Code><Message>{error.message}</Message></Error>"
            return Response(error.status, [("content-type", "application/xml")], text.encode())
        self.kinds.append((request.method, done.kind, declared))
        if request.method in ("PUT", "POST"):
            self.body = data
            self.trailers = getattr(done.body, "trailers", {})
            return Response(200, [("etag", '"x"')])
        return Response(200, [("content-type", "text/plain")], self.body)

    def find(self, access_key: str) -> Credential | None:
        """The one key."""
        return KEY if access_key == KEY.access_key else None


@contextmanager
def served(store: Store, folder: Path) -> Iterator[int]:
    """The store behind an edge in a thread; its port."""
    started: list[Any] = []
    ready = threading.Event()

    async def main() -> None:
        context = tls.generated(folder, SystemClock())
        server = await serve(store.handle, "127.0.0.1", 0, clock=store.clock, ids=Ids(), ssl_context=context)
        stop = asyncio.Event()
        started.extend([server.port, asyncio.get_running_loop(), stop])
        ready.set()
        await stop.wait()
        await server.close(1)

    def work() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(10)
    try:
        yield started[0]
    finally:
        started[1].call_soon_threadsafe(started[2].set)
        thread.join(10)


def client(
    port: int, folder: Path, scheme: str = "http", secret: str = KEY.secret, signature: str | None = None
) -> Any:
    return boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=f"{scheme}://localhost:{port}",
        aws_access_key_id=KEY.access_key,
        aws_secret_access_key=secret,
        verify=str(tls.authority(folder)) if scheme == "https" else None,
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}, signature_version=signature),
    )


BODIES = [b"", b"small", b"x" * 100_000, b"y" * 3_000_000]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_bodies_of_every_size_and_form(scheme: str, tmp_path: Path) -> None:
    store = Store()
    with served(store, tmp_path) as port:
        s3 = client(port, tmp_path, scheme)
        for data in BODIES:
            for body in (data, io.BytesIO(data)):
                s3.put_object(Bucket="b", Key="a b/ü(1)+~.txt", Body=body, Metadata={"a": " b  c "})
                assert store.body == data
                assert s3.get_object(Bucket="b", Key="a b/ü(1)+~.txt")["Body"].read() == data
        s3.put_object(Bucket="b", Key="k", Body=io.BytesIO(BODIES[3]), ChecksumAlgorithm="CRC32")
        assert store.body == BODIES[3]
        if scheme == "https":
            assert ("PUT", "header", "STREAMING-UNSIGNED-PAYLOAD-TRAILER") in store.kinds
            assert "x-amz-checksum-crc32" in store.trailers
        else:
            assert ("PUT", "header", "sha256") in store.kinds
        s3.close()


@pytest.mark.parametrize("signature", [None, "s3v4"])
def test_presigned_urls_and_forms(tmp_path: Path, signature: str | None) -> None:
    store = Store()
    with served(store, tmp_path) as port:
        s3 = client(port, tmp_path, signature=signature)
        url = s3.generate_presigned_url("put_object", Params={"Bucket": "b", "Key": "a b", "ContentType": "text/x"})
        put = urllib.request.Request(url, data=b"by url", method="PUT", headers={"Content-Type": "text/x"})
        with urllib.request.urlopen(put) as response:
            assert response.status == 200
        with urllib.request.urlopen(
            s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "a b"})
        ) as got:
            assert got.read() == b"by url"
        post = s3.generate_presigned_post("b", "${filename}", Conditions=[["content-length-range", 1, 10]])
        parts = [f'--x\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in post["fields"].items()]
        parts.append('--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nby form\r\n--x--\r\n')
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        with urllib.request.urlopen(urllib.request.Request(post["url"], "".join(parts).encode(), headers)) as sent:
            assert sent.status == 200
        assert store.body == b"by form"
        assert [kind for _, kind, _ in store.kinds] == ["query", "query", "post"]
        s3.close()


def test_a_large_upload_with_a_wrong_key_reads_its_refusal(tmp_path: Path) -> None:
    store = Store()
    with served(store, tmp_path) as port:
        for scheme in ("http", "https"):
            s3 = client(port, tmp_path, scheme, secret="wrong")
            for body in (b"x", b"x" * 8_000_000):
                with pytest.raises(ClientError) as refused:
                    s3.put_object(Bucket="b", Key="k", Body=body)
                assert refused.value.response["Error"]["Code"] == "SignatureDoesNotMatch"
            s3.close()
    assert store.kinds == []
