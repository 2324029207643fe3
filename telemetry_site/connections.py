"""The web server's side of a connection: one that says nothing is closed, and takes nobody else's place.

Given to uvicorn as `--http telemetry_site.connections:Connection`.
"""

import asyncio
from collections import OrderedDict
from typing import Any

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS = 10.0


class Connection(HttpToolsProtocol):
    """uvicorn's, which waits for the first request for ever, and for the rest of a begun one as well."""

    # Those of this process that have not asked for anything yet, the oldest first.
    half_open: "OrderedDict[Connection, asyncio.TimerHandle]" = OrderedDict()

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
