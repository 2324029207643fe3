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
    """uvicorn's, which waits for the first request for ever, and for the rest of a begun one as well."""

    # Those of this process that have not asked for anything yet, the oldest first.
    half_open: "OrderedDict[Connection, asyncio.TimerHandle]" = OrderedDict()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.ws_protocol_class is WebSocketsSansIOProtocol:
            self.ws_protocol_class = Socket

    def connection_made(self, transport: Any) -> None:
        """Somebody connected."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """More came; what begins another request on an open connection has its time too."""
        idle = self.cycle is not None and self.cycle.response_complete
        if idle and self not in self.half_open:
            self._wait()
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """It asked."""
        self._asked()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._asked()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self.half_open[self] = self.loop.call_later(HEADER_SECONDS, self._close)
        if len(self.half_open) > settings.TELEMETRY_HALF_OPEN:
            next(iter(self.half_open))._close()

    def _asked(self) -> None:
        timer = self.half_open.pop(self, None)
        if timer is not None:
            timer.cancel()

    def _close(self) -> None:
        self._asked()
        self.transport.abort()
