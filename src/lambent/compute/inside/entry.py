"""First program of an execution environment: opens the doors, waits for its orders, becomes the runtime client.

It runs under the function's interpreter (Python 3.9 or newer, isolated, without site-packages), before any code of
the user. A listening socket belongs to the network namespace in which it was made, whoever accepts on it: so the
sockets are made here, and given to Lambent over the control socket. Nothing is left open for the user's code.

Usage: entry.py CONTROL_FD PORT...   (port 0 means any; the bound ports are sent with the sockets)
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if port:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(64)
    return listener


def _open_doors(control: socket.socket, ports: list[int]) -> list[int]:
    listeners = [_listen(port) for port in ports]
    bound = [listener.getsockname()[1] for listener in listeners]
    rights = struct.pack(f"{len(listeners)}i", *(listener.fileno() for listener in listeners))
    control.sendmsg([json.dumps(bound).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    for listener in listeners:
        listener.close()
    return bound


def _exactly(control: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = control.recv(count - len(data))
        if not part:
            os._exit(0)
        data += part
    return bytes(data)


def _orders(control: socket.socket) -> dict:  # type: ignore[type-arg]
    (length,) = struct.unpack(">I", _exactly(control, 4))
    orders: dict = json.loads(_exactly(control, length))  # type: ignore[type-arg]
    return orders


def _die_with_parent() -> None:
    # Only where no sandbox does it: SIGKILL when Lambent ends, however it ends.
    import ctypes
    import signal

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _builtins() -> None:
    # Python runs with -S, so that the host's site-packages stay out; exit(), quit() and help() are still expected.
    import site

    site.setquit()
    site.setcopyright()
    site.sethelper()


def main() -> None:
    """Run the steps in order; see above."""
    control = socket.socket(fileno=int(sys.argv[1]))
    if "--die-with-parent" in sys.argv:
        _die_with_parent()
        sys.argv.remove("--die-with-parent")
    bound = _open_doors(control, [int(port) for port in sys.argv[2:]])
    # Everything the runtime client needs from the standard library: loaded while Lambent prepares the orders.
    import decimal  # noqa: F401
    import importlib  # noqa: F401
    import logging  # noqa: F401
    import traceback  # noqa: F401

    orders = _orders(control)
    control.close()
    environment = orders["environment"]
    environment.setdefault("AWS_LAMBDA_RUNTIME_API", f"127.0.0.1:{bound[0]}")
    # Log records travel in the pipe that carries what is printed, so that their order is kept.
    environment["_LAMBDA_TELEMETRY_LOG_FD"] = str(os.dup(1))
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(environment["LAMBDA_TASK_ROOT"])
    if "program" in orders:
        del os.environ["_LAMBDA_TELEMETRY_LOG_FD"]
        program = orders["program"]
        os.execve(program[0], program, dict(os.environ))
    _builtins()
    import time

    time.tzset()
    sys.path[:] = orders["path"]
    sys.argv = [orders["main"], environment["_HANDLER"]]
    from awslambdaric.bootstrap import run
    from awslambdaric.lambda_runtime_client import LambdaRuntimeClient

    run(environment["_HANDLER"], LambdaRuntimeClient(environment["AWS_LAMBDA_RUNTIME_API"], False))


if __name__ == "__main__":
    main()
