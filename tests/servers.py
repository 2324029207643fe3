"""Servers that tests may stop, hang and restart, and a proxy that can lose a reply."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.store import embedded
from tests.accounts import client_of as client_of
from tests.accounts import limit_every_server
from tests.leftovers import look_through
from tests.memory_disk import memory_folder

limit_every_server()


class FaultyServer:
    """An embedded server with a data directory of its own."""

    def __init__(self, data_dir: Path, *, durable: bool) -> None:
        self.data_dir = data_dir
        self._durable = durable
        self.start()

    @property
    def process(self):
        return self._server.process

    def start(self) -> None:
        self._server = embedded.start(self.data_dir, durable=self._durable)
        self.url = self._server.url

    def stop(self) -> None:
        self.resume()
        self._server.stop()

    def hang(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGCONT)

    def forget(self) -> None:
        """Stop, and delete what was on disk."""
        self.stop()
        for path in self.data_dir.glob("appendonlydir/*"):
            path.unlink()


@contextmanager
def faulty_server(*, durable: bool = False) -> Iterator[FaultyServer]:
    """A server for one test; its directory is short enough for a socket path."""
    with memory_folder("core-") as folder:
        server = FaultyServer(folder, durable=durable)
        try:
            yield server
            server.resume()
            if server.process.poll() is None:
                look_through(server.url)
        finally:
            server.stop()


class Proxy:
    """Stands before a server on loopback and can swallow the reply to one command, or cut everybody off."""

    def __init__(self, target: str) -> None:
        self._target = target.removeprefix("unix://")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        self._lose: bytes | None = None
        self.lost = 0
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_reply_to(self, marker: bytes) -> None:
        """Let the next command holding `marker` through, then close before its reply passes."""
        self._lose = marker

    def cut(self) -> None:
        """Drop every connection that is open now."""
        for end in list(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                self._open |= {client, server}
                losing = threading.Event()
                threading.Thread(target=self._forward, args=(client, server, losing), daemon=True).start()
                threading.Thread(target=self._back, args=(server, client, losing), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket, losing: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 20):
                if self._lose is not None and self._lose in data:
                    self._lose = None
                    losing.set()
                server.sendall(data)
        self._end(client, server)

    def _back(self, server: socket.socket, client: socket.socket, losing: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 20):
                if losing.is_set():
                    self.lost += 1
                    break
                client.sendall(data)
        self._end(server, client)

    def _end(self, *ends: socket.socket) -> None:
        for end in ends:
            self._open.discard(end)
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy_before(url: str) -> Iterator[Proxy]:
    """A proxy for one test."""
    proxy = Proxy(url)
    try:
        yield proxy
    finally:
        proxy.close()
