"""Websockets of one server, all in this process, and when each of them heard what was told."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import websockets

from tests.bench.live.serving import Server

IDLE_SECONDS = 2.0
PATIENCE, GREETING_SECONDS = 20.0, 120.0
AT_ONCE = 20  # sockets that are opened together

Tell = Callable[[str], Awaitable[Callable[[], object]]]


@dataclass(frozen=True)
class Side:
    """A way to bring a change to sockets: `tell` begins it, and what it returned makes room for the next."""

    server: Server
    path: str
    session: str
    tell: Tell
    changes: int = 1  # that the server hears of for each mark
    every: int = 1  # of how many marks it hears one: some ways would take minutes
    greets: bool = False  # whether a new socket is told something


class Readers:
    """So many sockets of one side."""

    def __init__(self, side: Side, count: int) -> None:
        self.side, self.count = side, count
        self.seconds: list[float] = []  # from the telling to each socket
        self.lost = 0
        self.kilobytes = 0.0  # of the server, for a socket
        self.told = 0
        self._mark = ""
        self._heard = 0
        self._greetings = 0
        self._started = 0.0
        self._all = asyncio.Event()
        self._readers: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """While all of them are open, and have heard what every new one hears."""
        before = self.side.server.kilobytes()
        connections: list[websockets.ClientConnection] = []
        for start in range(0, self.count, AT_ONCE):
            opened = (self._connect() for _ in range(min(AT_ONCE, self.count - start)))
            connections += await asyncio.gather(*opened)
        await asyncio.wait_for(self._greeted(), GREETING_SECONDS)
        await asyncio.sleep(1.0)
        self.kilobytes = (self.side.server.kilobytes() - before) / self.count
        try:
            yield
        finally:
            for reader in self._readers:
                reader.cancel()
            await asyncio.gather(*(connection.close() for connection in connections))

    async def _greeted(self) -> None:
        while self.side.greets and self._greetings < self.count:
            await asyncio.sleep(0.05)

    async def _connect(self) -> websockets.ClientConnection:
        host = f"localhost:{self.side.server.port}"
        headers = {"Cookie": f"session={self.side.session}", "Origin": f"http://{host}"}
        address = f"ws://{host}{self.side.path}"
        connection = await websockets.connect(
            address, additional_headers=headers, max_size=None, ping_interval=None, open_timeout=60
        )
        self._readers.append(asyncio.create_task(self._read(connection)))
        return connection

    async def timed(self, mark: str, *, counts: bool) -> None:
        """Tell it, and wait until every socket has heard of it."""
        seen = len(self.seconds)
        self._mark, self._heard = mark, 0
        self._all.clear()
        self._started = time.perf_counter()
        done = await self.side.tell(mark)
        try:
            await asyncio.wait_for(self._all.wait(), PATIENCE)
        except TimeoutError:
            self.lost += self.count - self._heard
        self._mark = ""
        done()
        if counts:
            self.told += 1
        else:
            del self.seconds[seen:]

    async def _read(self, connection: websockets.ClientConnection) -> None:
        first = True
        async for message in connection:
            self._greetings += first
            first = False
            text = message if isinstance(message, str) else message.decode()
            if self._mark and self._mark in text:
                self.seconds.append(time.perf_counter() - self._started)
                self._heard += 1
                if self._heard == self.count:
                    self._mark = ""
                    self._all.set()
