"""The cable between processes side by side."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from .proxy import Proxy

PATIENCE_S = 5.0


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that sends back what it gets, on one connection after another."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    while piece := connection.recv(100):
                        connection.sendall(piece)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()
        server.shutdown(socket.SHUT_RDWR)
    thread.join(PATIENCE_S)


def test_bytes_pass_wait_and_pass_again(echo: tuple[str, int]) -> None:
    proxy = Proxy(echo)
    with socket.create_connection(proxy.address, PATIENCE_S) as client:
        client.sendall(b"one")
        assert client.recv(100) == b"one"
        proxy.stalled = True
        client.sendall(b"two")
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.recv(100)
        proxy.stalled = False
        client.settimeout(PATIENCE_S)
        assert client.recv(100) == b"two"
    proxy.close()


def test_who_hangs_up_on_everybody_leaves_nothing(echo: tuple[str, int]) -> None:
    proxy = Proxy(echo)
    with socket.create_connection(proxy.address, PATIENCE_S) as client:
        client.sendall(b"one")
        assert client.recv(100) == b"one"
        proxy.close()
        assert client.recv(100) == b""
    with pytest.raises(ConnectionError):
        socket.create_connection(proxy.address, PATIENCE_S)
