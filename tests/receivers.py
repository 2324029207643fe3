"""Real receivers: a web server that answers as a test says, a mail server, and how a server runs in a test."""

import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

Answer = Callable[[BaseHTTPRequestHandler], None]


class Received(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> dict:
        return json.loads(self.body)


class Receiver:
    """Takes what is posted to it. `answer` may be replaced while it runs."""

    def __init__(self) -> None:
        self.taken: list[Received] = []
        self.answer: Answer = status(200)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.taken.append(Received(self.path, dict(self.headers), body))
                with suppress(OSError):  # whoever posted is gone
                    receiver.answer(self)

            def log_message(self, *_words: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


def status(code: int, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in {"Content-Length": "0", **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()

    return answer


def drip(handler: BaseHTTPRequestHandler) -> None:
    """An answer that never ends, a byte at a time."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    drip_bytes(handler)


def drip_bytes(handler: socketserver.StreamRequestHandler) -> None:
    while True:
        handler.wfile.write(b"a")
        handler.wfile.flush()
        time.sleep(0.05)


def flood(handler: BaseHTTPRequestHandler) -> None:
    """An answer without an end, as fast as it can."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
    while True:
        handler.wfile.write(b"x" * 65536)


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[str]:
    """The address of a server that answers in a thread of its own meanwhile."""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    with serving(receiver.server):
        yield receiver


class MailServer:
    """Speaks SMTP as far as a client needs it; `after_data` is what it says to a mail, '' for nothing at all.

    `greet` may be replaced while it runs.
    """

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.after_data = "250 taken"
        self.greet = lambda handler: handler.wfile.write(b"220 here\r\n")
        mails, server_state = self.mails, self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):  # whoever came is gone
                    server_state.greet(self)
                while word := self.rfile.readline().decode().strip().upper():
                    if word == "DATA":
                        self._say("354 go on")
                        mails.append(self._mail())
                        if not server_state.after_data:
                            time.sleep(30)
                            return
                        self._say(server_state.after_data)
                    else:
                        self._say("221 bye" if word == "QUIT" else "250 fine")

            def _mail(self) -> str:
                lines = []
                while (line := self.rfile.readline().decode()).rstrip("\r\n") != ".":
                    lines.append(line)
                return "".join(lines)

            def _say(self, text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]


@contextmanager
def taking_mail() -> Iterator[MailServer]:
    mail = MailServer()
    with serving(mail.server):
        yield mail


def nobody_listens() -> str:
    """An address on which nothing answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/hook"
