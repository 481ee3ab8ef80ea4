"""What if the answer to a write is lost on its way?"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit


class Link:
    """A way to a server, which hangs up when the server answers a request that has ``loses`` in it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None and parts.port is not None
        self.loses: bytes | None = None
        self._server = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[0] + f"@127.0.0.1:{port}"))
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        # `close` alone does not wake who waits in `accept`.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                losing = threading.Event()
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._carry, args=(source, target, client, losing), daemon=True).start()

    def _carry(
        self, source: socket.socket, target: socket.socket, client: socket.socket, losing: threading.Event
    ) -> None:
        with contextlib.suppress(OSError), source, target:
            while part := source.recv(65536):
                if source is client and self.loses is not None and self.loses in part:
                    losing.set()
                if source is not client and losing.is_set():
                    break
                target.sendall(part)
            for end in (source, target):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def linked(url: str) -> Iterator[Link]:
    link = Link(url)
    try:
        yield link
    finally:
        link.close()
