"""Hosts: network namespaces on one bridge where this machine allows it, else processes side by side.

A host can be cut off as a pulled cable would: what is under way stalls, new connections time out, and nobody is told.
Between processes side by side a proxy stands in for the cable (`proxy.py`), for the hosts that serve others.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from .proxy import Proxy

Address = tuple[str, int]


class Host:
    """One host. `address` is where it listens, `command` what a command line begins with to run there."""

    def __init__(self, name: str, address: str, command: tuple[str, ...] = (), cable: str = "") -> None:
        self.name = name
        self.address = address
        self.command = command
        self._cable = cable
        self._proxies: dict[int, Proxy] = {}

    @property
    def real(self) -> bool:
        """Whether it is a network namespace."""
        return bool(self._cable)

    def reach(self, port: int) -> Address:
        """Where others find what listens on `port` here, by a way that `cut` cuts."""
        if self.real:
            return self.address, port
        if port not in self._proxies:
            self._proxies[port] = Proxy((self.address, port))
        return self._proxies[port].address

    def cut(self) -> None:
        """Pull the cable."""
        self._set("down")

    def mend(self) -> None:
        """Put the cable back."""
        self._set("up")

    def _set(self, state: str) -> None:
        if self.real:
            _ip("link", "set", self._cable, state)
        for proxy in self._proxies.values():
            proxy.stalled = state == "down"

    def close(self) -> None:
        """End the proxies."""
        for proxy in self._proxies.values():
            proxy.close()


@contextmanager
def hosts(*names: str, spaces: bool | None = None) -> Iterator[dict[str, Host]]:
    """Hosts by name, gone afterwards. `spaces` False has processes side by side even where namespaces work."""
    if spaces is None:
        spaces = namespaces_work()
    found = dict(_namespaces(names)) if spaces else {name: Host(name, "127.0.0.1") for name in names}
    try:
        yield found
    finally:
        for host in found.values():
            host.close()
        if spaces:
            _remove(names)


def namespaces_work() -> bool:
    """Whether this process may make network namespaces and bridges."""
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("setpriv"):
        return False
    probe = f"lb{os.getpid()}"
    made = [
        subprocess.run(["ip", *rest], capture_output=True, check=False).returncode == 0
        for rest in (("netns", "add", probe), ("link", "add", probe, "type", "bridge"))
    ]
    subprocess.run(["ip", "netns", "del", probe], capture_output=True, check=False)
    subprocess.run(["ip", "link", "del", probe], capture_output=True, check=False)
    return all(made)


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nobody listens on, below those that the system hands out by itself (another might be given it)."""
    for port in range(20_000 + os.getpid() % 5_000, 32_000):
        with socket.socket() as probe, socket.socket() as twin:
            try:
                probe.bind((address, port))
                twin.bind((address, port + 10_000))  # SeaweedFS serves gRPC there
            except OSError:
                continue
            if port not in _handed_out:
                _handed_out.add(port)
                return port
    raise OSError("no port is free")


_handed_out: set[int] = set()


def _namespaces(names: tuple[str, ...]) -> Iterator[tuple[str, Host]]:
    number = os.getpid() % 250
    bridge = f"lb{os.getpid()}"
    _ip("link", "add", bridge, "type", "bridge")
    _ip("address", "add", f"10.213.{number}.1/24", "dev", bridge)
    _ip("link", "set", bridge, "up")
    for place, name in enumerate(names, 10):
        space, cable, address = f"{bridge}-{name}", f"lv{os.getpid()}{name}"[:15], f"10.213.{number}.{place}"
        _ip("netns", "add", space)
        _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("link", "set", cable, "master", bridge, "up")
        for rest in (
            ("address", "add", f"{address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            _ip("-n", space, *rest)
        yield name, Host(name, address, ("ip", "netns", "exec", space), cable)


def _remove(names: tuple[str, ...]) -> None:
    bridge = f"lb{os.getpid()}"
    for name in names:
        subprocess.run(["ip", "netns", "del", f"{bridge}-{name}"], capture_output=True, check=False)
    subprocess.run(["ip", "link", "del", bridge], capture_output=True, check=False)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
