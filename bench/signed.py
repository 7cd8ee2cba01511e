"""Signed requests, made once and replayed: the generator of load must not be what is measured."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

CREDENTIALS = Credentials("test", "test")
REGION = "us-east-1"
_LUA = """
local file = assert(io.open("%s", "rb"))
local requests, n = {}, 0
while true do
  local length = file:read("*line")
  if not length then break end
  n = n + 1
  requests[n] = file:read(tonumber(length))
end
file:close()
local i = 0
request = function() i = i %% n + 1; return requests[i] end
"""


def sign(service: str, method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    """One HTTP/1.1 request with a Signature Version 4 header, as bytes for the line."""
    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers or {}))
    request.headers["Host"] = urlsplit(url).netloc
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    auth(CREDENTIALS, service, REGION).add_auth(request)
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    if method != "GET":
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def write_script(folder: Path, name: str, requests: Iterable[bytes]) -> Path:
    """A wrk script that replays `requests` in turn; the requests lie in a file beside it."""
    data = folder / f"{name}.requests"
    with data.open("wb") as out:
        for request in requests:
            out.write(f"{len(request)}\n".encode() + request)
    script = folder / f"{name}.lua"
    script.write_text(_LUA % data)
    return script
