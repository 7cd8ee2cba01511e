"""What commands share: the data folder, the running cloud's address, and clients for it."""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer

DEFAULT_ENDPOINT = "http://127.0.0.1:4566"
HEALTH_TIMEOUT_S = 5.0

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="The data folder (default: the platform's place for application data)."),
]
EndpointOption = Annotated[
    str | None,
    typer.Option(
        "--endpoint",
        envvar="LAMBENT_ENDPOINT",
        help="The cloud's address (default: AWS_ENDPOINT_URL, else the running one's).",
    ),
]
StoreOption = Annotated[
    str,
    typer.Option(
        "--store",
        envvar="LAMBENT_STORE",
        show_envvar=True,
        help="A store that many nodes share: postgresql://USER@HOST/DATABASE (default: RocksDB in the data folder).",
    ),
]
BlobsOption = Annotated[
    str,
    typer.Option(
        "--blobs",
        envvar="LAMBENT_BLOBS",
        show_envvar=True,
        help="Where bodies go with --store: s3://BUCKET?endpoint=http://HOST:PORT (default: into the store).",
    ),
]
RegionOption = Annotated[str, typer.Option("--region", envvar="AWS_DEFAULT_REGION", help="The region to work in.")]


class Failure(Exception):
    """Something the user can mend; shown as one line, exit code 1."""


def complain(message: str) -> None:
    """One line on standard error."""
    print(f"lambent: {message}", file=sys.stderr, flush=True)


def data_folder(data: Path | None) -> Path:
    """The data folder: the option, else LAMBENT_DATA, else the platform's place for application data."""
    if data is not None:
        return data.expanduser().absolute()
    if os.environ.get("LAMBENT_DATA"):
        return Path(os.environ["LAMBENT_DATA"]).expanduser().absolute()
    # Deferred: only commands that fall back to the default need it.
    import platformdirs

    return Path(platformdirs.user_data_dir("lambent", appauthor=False))


def node_file(folder: Path) -> Path:
    """Where a running node says its process id and address."""
    return folder / "node.json"


def running_node(folder: Path) -> dict[str, Any] | None:
    """The node that runs on `folder`: {"pid": int, "endpoint": str}; None when none does, or the note is no node's."""
    try:
        node = json.loads(node_file(folder).read_text())
        pid, endpoint = int(node["pid"]), str(node["endpoint"])
        # Signals to 0, -1 and other negative numbers reach groups of processes: such a note is never one of ours.
        if pid <= 1 or not _is_ours(pid):
            return None
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    return {"pid": pid, "endpoint": endpoint}


def _is_ours(pid: int) -> bool:
    """Whether the process is a Lambent: after kill -9, its number may belong to another by now."""
    if not Path("/proc/self/cmdline").exists():
        return True  # no /proc on this platform
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False  # it has ended
    return any(word.rpartition(b"/")[2] == b"lambent" and after == b"up" for word, after in pairwise(words))


def find_endpoint(endpoint: str | None, data: Path | None = None) -> str:
    """The address given, else AWS_ENDPOINT_URL, as AWS's own tools have it, else that of the cloud on the data folder;
    a folder that was named goes before the environment."""
    if endpoint is None and data is None:
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
    return endpoint.rstrip("/") if endpoint else own_endpoint(data)


def own_endpoint(data: Path | None = None) -> str:
    """The address of the node that runs on the data folder, else the default one."""
    node = running_node(data_folder(data))
    if node is None:
        return DEFAULT_ENDPOINT
    found: str = node["endpoint"]
    # One that serves on every address is found on this machine's own.
    return found.replace("://0.0.0.0:", "://127.0.0.1:").replace("://[::]:", "://[::1]:")


def authority(data: Path | None = None) -> Path | None:
    """The certificate of the authority that the cloud on the data folder made for itself; None when it made none."""
    made = data_folder(data) / "tls" / "authority.pem"
    return made if made.exists() else None


def _trust(endpoint: str, data: Path | None) -> ssl.SSLContext | None:
    """What to trust at `endpoint`: what the system trusts, what AWS's tools are told to, and our own authority."""
    if not endpoint.startswith("https://"):
        return None
    context = ssl.create_default_context()
    for made in (authority(data), os.environ.get("AWS_CA_BUNDLE")):
        if made:
            with contextlib.suppress(OSError):
                context.load_verify_locations(made)
    return context


def health(endpoint: str, data: Path | None = None) -> dict[str, Any] | None:
    """What /_lambent/health answers; None when nobody answers there."""
    try:
        address, trust = f"{endpoint}/_lambent/health", _trust(endpoint, data)
        with urllib.request.urlopen(address, timeout=HEALTH_TIMEOUT_S, context=trust) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:  # it runs, and says what it lacks
        try:
            told: dict[str, Any] = json.load(error)
            return told if "status" in told else None
        except ValueError:
            return None
    except (urllib.error.URLError, OSError, ValueError):
        return None


def require_health(endpoint: str) -> dict[str, Any]:
    """As `health`, but a cloud that does not answer is a failure."""
    found = health(endpoint)
    if found is None:
        raise Failure(f"no cloud answers at {endpoint}; start one with `lambent up --detach`")
    if found["status"] != "ok":
        raise Failure(f"the cloud at {endpoint} has {found['status']}: {found['reason']}")
    return found


def client(service: str, endpoint: str, region: str) -> Any:
    """A boto3 client for the cloud, with the user's own credentials, or the conventional ones where there are none."""
    # Deferred: boto3 takes a third of a second to load, which `up` and `env` need not wait for.
    import boto3
    from botocore.config import Config

    session = boto3.Session(region_name=region)
    keys = {}
    if session.get_credentials() is None:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    config = Config(retries={"max_attempts": 2}, s3={"addressing_style": "path"}, read_timeout=900)
    own = authority() if endpoint.startswith("https://") else None
    # What the environment says to trust is meant for other clouds, when this is the one on our own data folder.
    if own is not None and (endpoint == own_endpoint() or not os.environ.get("AWS_CA_BUNDLE")):
        keys["verify"] = str(own)
    return session.client(service, endpoint_url=endpoint, config=config, **keys)  # type: ignore[call-overload]
