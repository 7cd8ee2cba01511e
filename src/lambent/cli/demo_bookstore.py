"""`lambent demo bookstore`: the book store is deployed, gets its pages, a reader and some books, and is open.

What is put in goes the way of a browser: signed in at the user pool, through the API, covers by S3's form.
"""

from __future__ import annotations

import json
import mimetypes
import re
import secrets
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from rich.console import Console

from . import runtimes
from .common import Failure, authority, client, health
from .demo_common import ensure_running, find_application, program, waiting, where
from .deploy import deploy_template

STACK = "bookstore"
STAGE = "prod"
READER = "reader@example.com"
PASSWORD = "Paper-and-Ink-1"
TIMEOUT_S = 60.0
DRAWN_WITHIN_S = 90.0
POLL_S = 0.1
_FOR_GOOD = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript", ".md": "text/markdown", ".svg": "image/svg+xml", ".webp": "image/webp"}
_console = Console(highlight=False)


def show(data: Path, region: str) -> None:
    """Deploy the book store on the cloud of the data folder, fill its shelves, and say where it is."""
    source = find_application(STACK)
    address = ensure_running(data)
    runtime = runtimes.prepare(data)
    outputs = deploy_template(source, STACK, {"Runtime": runtime}, address, region)
    config = make_config(outputs, address, region)
    publish(source / "frontend" / "dist", outputs["WebsiteBucket"], config, address, region)
    password = PASSWORD if (health(address, data) or {}).get("auth") != "strict" else f"Aa1-{secrets.token_urlsafe(12)}"
    make_reader(outputs["UserPoolId"], READER, password, address, region)
    store = Store(config, READER, password)
    with waiting(_console, "putting books on the shelves"):
        added = store.fill(source / "demo")
    _tell(outputs, config, password, added, address, where(data, address))


def api_id(url: str) -> str:
    """The API in the URL that the stack's output has for it."""
    found = re.match(r"https?://([a-z0-9]+)\.execute-api\.", url)
    if found is None:
        raise Failure(f"the stack's ApiUrl is no address of an API: {url}")
    return found[1]


def make_config(outputs: dict[str, str], address: str, region: str) -> dict[str, str]:
    """What the pages need to know. The addresses need no name resolution: not every browser knows the names below
    localhost."""
    return {
        "apiUrl": f"{address}/_aws/execute-api/{api_id(outputs['ApiUrl'])}/{STAGE}",
        "coversUrl": f"{address}/{outputs['CoversBucket']}",
        "region": region,
        "userPoolId": outputs["UserPoolId"],
        "clientId": outputs["ClientId"],
        "cognitoEndpoint": f"{address}/",
    }


def publish(pages: Path, bucket: str, config: dict[str, str], address: str, region: str) -> None:
    """Upload the pages and their configuration, as `aws s3 sync` would; what carries a digest in its name is kept by
    browsers for good, the rest is asked for again."""
    objects = client("s3", address, region)
    names = {str(path.relative_to(pages)): path for path in sorted(pages.rglob("*")) if path.is_file()}
    if "index.html" not in names:
        raise Failure(f"the pages are not built: {pages} has no index.html")
    for name, path in names.items():
        kind = _TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        cache = _FOR_GOOD if name.startswith("assets/") else "no-cache"
        objects.put_object(
            Bucket=bucket, Key=name, Body=path.read_bytes(), ContentType=_with_charset(kind), CacheControl=cache
        )
    body = json.dumps(config, indent=2).encode()
    objects.put_object(
        Bucket=bucket, Key="config.json", Body=body, ContentType="application/json", CacheControl="no-store"
    )


def _with_charset(kind: str) -> str:
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def make_reader(pool: str, email: str, password: str, address: str, region: str) -> None:
    """A confirmed user of the pool with this password, made if there is none."""
    users = client("cognito-idp", address, region)
    attributes = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]
    try:
        users.admin_create_user(UserPoolId=pool, Username=email, UserAttributes=attributes, MessageAction="SUPPRESS")
    except users.exceptions.UsernameExistsException:
        pass
    users.admin_set_user_password(UserPoolId=pool, Username=email, Password=password, Permanent=True)


class Store:
    """The book store as a browser uses it, signed in."""

    def __init__(self, config: dict[str, str], email: str, password: str) -> None:
        self._config = config
        own = authority() if config["apiUrl"].startswith("https://") else None
        self._trust = ssl.create_default_context(cafile=str(own)) if own is not None else None
        self._token = self._sign_in(email, password)

    def _sign_in(self, email: str, password: str) -> str:
        asked = {
            "AuthFlow": "USER_PASSWORD_AUTH",
            "ClientId": self._config["clientId"],
            "AuthParameters": {"USERNAME": email, "PASSWORD": password},
        }
        target = "AWSCognitoIdentityProviderService.InitiateAuth"
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
        found = self._ask("POST", self._config["cognitoEndpoint"], json.dumps(asked).encode(), headers)
        return str(json.loads(found)["AuthenticationResult"]["IdToken"])

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API; returns the decoded answer."""
        headers = {"Authorization": self._token, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        answer = self._ask(method, self._config["apiUrl"] + path, data, headers)
        return json.loads(answer) if answer else None

    def _ask(self, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        request = urllib.request.Request(url, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=self._trust) as answer:
                found: bytes = answer.read()
                return found
        except urllib.error.HTTPError as error:
            said = error.read(2000).decode(errors="replace").strip()
            raise Failure(f"{method} {url} answered {error.code}: {said}") from None
        except OSError as error:
            raise Failure(f"{method} {url} failed: {error}") from None

    def books(self) -> list[dict[str, Any]]:
        """All books."""
        found: list[dict[str, Any]] = []
        query = ""
        while True:
            page = self.call("GET", f"/books{query}")
            found += page["books"]
            if "next" not in page:
                return found
            query = f"?next={page['next']}"

    def fill(self, folder: Path) -> int:
        """Add the books of a folder that are not there yet, with their covers, and wait until these are drawn. Returns
        how many were added."""
        there = {book["title"] for book in self.books()}
        waited: set[str] = set()
        added = 0
        for book in json.loads((folder / "books.json").read_text()):
            cover = book.pop("cover", "")
            if book["title"] in there:
                continue
            made = self.call("POST", "/books", book)
            added += 1
            if cover:
                self._upload(made["id"], folder / "covers" / cover)
                waited.add(made["id"])
        self._await_pictures(waited)
        return added

    def _upload(self, book: str, cover: Path) -> None:
        kind = _TYPES[cover.suffix]
        form = self.call("POST", f"/books/{book}/cover", {"contentType": kind})
        boundary = f"lambent{secrets.token_hex(12)}"
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in form["fields"].items()
        ]
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{cover.name}"\r\n'
        parts += [
            f"{head}Content-Type: {kind}\r\n\r\n".encode(),
            cover.read_bytes(),
            f"\r\n--{boundary}--\r\n".encode(),
        ]
        self._ask("POST", form["url"], b"".join(parts), {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    def _await_pictures(self, waited: set[str]) -> None:
        deadline = time.monotonic() + DRAWN_WITHIN_S
        while waited:
            waited -= {book["id"] for book in self.books() if "thumbnail" in book}
            if time.monotonic() > deadline:
                raise Failure(f"{len(waited)} covers were not drawn within {DRAWN_WITHIN_S:.0f} s; see lambent logs")
            time.sleep(POLL_S if waited else 0)


def _tell(
    outputs: dict[str, str], config: dict[str, str], password: str, added: int, address: str, found: tuple[str, str]
) -> None:
    at, on = found
    print(f"\nThe book store is open{f', with {added} new books' if added else ''}.\n")
    print(f"website     {outputs['WebsiteUrl']}")
    print(f"            {address}/_aws/s3-website/{outputs['WebsiteBucket']}/  (where the name is not found)")
    print(f"API         {config['apiUrl']}/books")
    print(f"sign in     {READER}  {password}")
    print("\nTry it: search and sort; open a book; sign in, add a book with a cover of yours, and delete it again.")
    print(f"Sign up with any address: the code comes to the built-in mailbox, `{program()} mail{at}`.")
    print(f"Take it away with `{program()} destroy --stack-name {STACK} --empty-buckets{at}`.")
    print(f"Lambent goes on running at {address}; stop it with `{program()} down{on}`.")
