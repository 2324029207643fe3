"""The web server's side of a connection: one that says nothing is closed, and takes nobody else's place.

Given to uvicorn as `--http telemetry_site.connections:Connection`.
"""

import asyncio
from collections import OrderedDict
from functools import lru_cache
from typing import Any

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State

HEADER_SECONDS = 10.0
BODY_SECONDS = 30.0
READ_SECONDS = 30.0  # in which a client takes some of what it asked for
BESIDE_BYTES = 64 * 1024  # of a request: its address and headers, and what else is not its body
WRITE = "telemetry.write"  # of a socket's scope, among its extensions: dashboard/live/consumers.py takes it from there


@lru_cache(maxsize=8)
def _frame(text: str) -> bytes:
    """A text as it goes over the wire: all sockets that are told it are given the same bytes."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


class Socket(WebSocketsSansIOProtocol):
    """uvicorn's websocket, to which texts may also be written at once: no task and no encoding for each socket."""

    async def run_asgi(self) -> None:
        """Say so to whoever serves it."""
        self.scope["extensions"][WRITE] = {"write": self.write}  # type: ignore[index]  # uvicorn knows its own alone
        await super().run_asgi()

    def write(self, texts: list[str]) -> bool:
        """Send texts, from the socket's own loop; False, and nothing is sent, where it takes none at once."""
        opened = self.handshake_complete and not self.close_sent and self.conn.state is State.OPEN
        if not opened or self.transport.is_closing() or not self.writable.is_set() or self.conn.extensions:
            return False
        self.transport.write(b"".join(map(_frame, texts)))
        return True


class Connection(HttpToolsProtocol):
    """uvicorn's, which waits for the first request for ever, and for the rest of a begun one as well, however long."""

    # Those of this process whose request has not come whole yet, the oldest first.
    half_open: "OrderedDict[Connection, asyncio.TimerHandle]" = OrderedDict()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._beside = 0
        self._unread: asyncio.TimerHandle | None = None
        if self.ws_protocol_class is WebSocketsSansIOProtocol:
            self.ws_protocol_class = Socket

    def connection_made(self, transport: Any) -> None:
        """Somebody connected."""
        super().connection_made(transport)
        self._wait(HEADER_SECONDS)

    def data_received(self, data: bytes) -> None:
        """More came; what begins another request on an open connection has its time too."""
        cycle = self.cycle
        if self not in self.half_open and cycle is not None and (cycle.response_complete or cycle.more_body):
            self._wait(HEADER_SECONDS if cycle.response_complete else BODY_SECONDS)
        self._beside += len(data)
        super().data_received(data)
        if self._beside > BESIDE_BYTES:
            self._close()

    def on_headers_complete(self) -> None:
        """It asked; what it sends with that has its time too. One whose head is too large is no request."""
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > BESIDE_BYTES:
            raise ValueError("the head of a request is too large")
        if self in self.half_open:
            self._wait(BODY_SECONDS)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of what it sends; what frames it may be as long as it is."""
        self._beside -= 2 * len(body)
        super().on_body(body)
        if self.flow.read_paused:
            self._asked()  # it waits for us

    def on_message_complete(self) -> None:
        """It has come whole."""
        self._beside = 0
        self._asked()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """It is a socket from here on."""
        self._asked()
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        """It reads too little of its answer; one that reads nothing would keep its place for ever."""
        super().pause_writing()
        self._unread = self.loop.call_later(READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It has read enough."""
        super().resume_writing()
        self._read()

    def on_response_complete(self) -> None:
        """It was answered."""
        super().on_response_complete()
        self._abort_unread()

    def timeout_keep_alive_handler(self) -> None:
        """It asks for nothing more."""
        super().timeout_keep_alive_handler()
        self._abort_unread()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._asked()
        self._read()
        super().connection_lost(exc)

    def _wait(self, seconds: float) -> None:
        """For the rest; who was longest without a whole request is closed where they are too many."""
        timer = self.half_open.get(self)
        if timer is not None:
            timer.cancel()
        self.half_open[self] = self.loop.call_later(seconds, self._close)
        if len(self.half_open) > settings.TELEMETRY_HALF_OPEN:
            next(iter(self.half_open))._close()

    def _asked(self) -> None:
        timer = self.half_open.pop(self, None)
        if timer is not None:
            timer.cancel()

    def _read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _abort_unread(self) -> None:
        """A connection that is to be closed once the rest is read does not wait for that without end."""
        if self._unread is None and self.transport.is_closing() and self.transport.get_write_buffer_size():
            self._unread = self.loop.call_later(READ_SECONDS, self.transport.abort)

    def _close(self) -> None:
        self._asked()
        self.transport.abort()
