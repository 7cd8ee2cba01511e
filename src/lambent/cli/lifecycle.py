"""`lambent down`, `status` and `env`."""

from __future__ import annotations

import os
import signal
import time
from typing import Annotated

import typer

from .clock import written
from .common import (
    DataOption,
    EndpointOption,
    Failure,
    RegionOption,
    authority,
    complain,
    data_folder,
    find_endpoint,
    health,
    own_endpoint,
    running_node,
)

STOP_TIMEOUT_S = 30.0


def down(data: DataOption = None) -> None:
    """Stop the cloud that runs on the data folder; what it holds stays."""
    folder = data_folder(data)
    node = running_node(folder)
    if node is None:
        print("no cloud is running")
        return
    os.kill(node["pid"], signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while running_node(folder) is not None:
        if time.monotonic() > deadline:
            raise Failure(f"process {node['pid']} has not stopped within {STOP_TIMEOUT_S:.0f} s")
        time.sleep(0.02)
    print(f"stopped {node['endpoint']}")


def status(endpoint: EndpointOption = None, data: DataOption = None) -> None:
    """Show whether the cloud runs, and what is built into it."""
    # Deferred: drawing tables is of no use to the other commands of this file.
    from rich.console import Console
    from rich.table import Table

    address = find_endpoint(endpoint, data)
    found = health(address, data)
    console = Console()
    if found is None:
        console.print(f"[bold]stopped[/]  nobody answers at {address}")
        raise typer.Exit(3)
    if found["status"] != "ok":
        console.print(f"[bold red]{found['status']}[/]  {address}  {found['reason']}")
        raise typer.Exit(4)
    process = f"  process {found['pid']}" if "pid" in found else ""  # only told on its own machine
    console.print(f"[bold green]running[/]  {address}  Lambent {found['version']}{process}")
    if found.get("ahead_s"):  # nodes of older versions tell none
        console.print(f"clock    {written(found['ahead_s'])} ahead of this machine's")
    if "data" in found:
        console.print(f"data     {found['data']}")
    nodes = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("node", "endpoint", "up", "requests/s", "leases", "warm", "running"):
        nodes.add_column(name, no_wrap=True)
    for node in found["nodes"]:
        load = node["load"]
        nodes.add_row(
            node["name"],
            node["endpoint"],
            "draining" if node["draining"] else _span(time.time() - node["started_ms"] / 1000),
            *(str(load.get(name, 0)) for name in ("requests_per_s", "leases", "warm", "running")),
        )
    console.print(nodes)
    table = Table("service", "operations built", "of", box=None, padding=(0, 2, 0, 0))
    for name, service in sorted(found["services"].items()):
        table.add_row(name, str(service["operations"]), str(service["modelled"]))
    console.print(table)


def _span(seconds: float) -> str:
    """A length of time as people say it: 40 s, 12 min, 5 h, 3 d."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"


def env(
    endpoint: EndpointOption = None,
    data: DataOption = None,
    region: RegionOption = "us-east-1",
    account: Annotated[str, typer.Option(help="A 12-digit account to be root of.")] = "",
) -> None:
    """Print the lines that point boto3, the AWS CLI and SAM at the cloud: eval "$(lambent env)"."""
    if account and not (len(account) == 12 and account.isdigit()):
        raise Failure(f"{account!r} is not a 12-digit account number")
    # Not what AWS_ENDPOINT_URL says: that is this command's own output of some time ago, perhaps of another address.
    address = endpoint.rstrip("/") if endpoint else own_endpoint(data)
    print(f"export AWS_ENDPOINT_URL={address}")
    trusted = authority(data)
    if address.startswith("https://") and trusted is not None:
        print(f"export AWS_CA_BUNDLE={trusted}")
    print(f"export AWS_DEFAULT_REGION={region}")
    print("unset AWS_SESSION_TOKEN AWS_PROFILE")
    if (health(address, data) or {}).get("auth") == "strict":
        complain("this cloud knows no conventional keys: use the root key that its first start showed, or one of IAM's")
        return
    print(f"export AWS_ACCESS_KEY_ID={account or 'test'}")
    print("export AWS_SECRET_ACCESS_KEY=test")
