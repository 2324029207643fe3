"""A client of HTTP on a bare socket, so that what it costs itself is little beside what it measures."""

import asyncio
import json
from typing import Any

OPENED_AT_ONCE = 50


class Caller:
    """One connection that stays open, and the token that it brings."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def close(self) -> None:
        """Hang up; the next call connects again."""
        if self._ends is not None:
            self._ends[1].close()
        self._ends = None

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status and what was answered. `body`: an object, or JSON that is written already."""
        if self._ends is None:
            self._ends = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            return await self._exchange(*self._ends, method, path, body)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.close()
            raise

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str, path: str, body: Any
    ) -> tuple[int, Any]:
        text = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
        )
        writer.write(head.encode() + text)
        said = await reader.readuntil(b"\r\n\r\n")
        length = int(said.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        answer = await reader.readexactly(length)
        return int(said[9:12]), json.loads(answer) if answer else None
