"""Streams of server-sent events that stay open while nothing happens: what a thousand cost the web process."""

import asyncio
import time
from collections.abc import Iterator

from tests.bench.door.caller import OPENED_AT_ONCE, Caller
from tests.bench.live.serving import Server, Site
from tests.bench.measure import Row

STREAMS, TOKENS = 1_000, 40
SECONDS = 8.0
MOST_PERCENT, MOST_KILOBYTES = 15.0, 40.0
MADE = f"""
import django; django.setup()
from django.contrib.auth.models import User
from core.history.people import tokens
user = User.objects.get(username="owner")
for number in range({TOKENS}):
    print(tokens.make(user, tokens.TokenSpec("stream", f"stream-{{number}}", False, tokens.SCOPES, 30))[1])
"""


def rows(site: Site, server: Server) -> Iterator[Row]:
    """Half of them wait for the end of a request, half for any event."""
    secrets = site.output("-c", MADE).split()
    percent, kilobytes = asyncio.run(_held(server, secrets))
    size = f"{STREAMS:,} open"
    aim, met = f"under {MOST_PERCENT:g} %", percent < MOST_PERCENT
    yield Row("silent streams, of a processor", size, percent, None, "%", None, aim, met)
    aim, met = f"under {MOST_KILOBYTES:g} kB", kilobytes < MOST_KILOBYTES
    yield Row("  server's memory, a stream", size, kilobytes, None, "kB", None, aim, met)


async def _held(server: Server, secrets: list[str]) -> tuple[float, float]:
    callers = [Caller(server.port, secret) for secret in secrets]
    asked = [await caller.call("POST", "/api/v1/requests", {"type": "deploy"}) for caller in callers]
    paths = [f"/api/v1/requests/{said['id']}/stream" for _status, said in asked]
    for caller in callers:
        caller.close()
    opening, before = asyncio.Semaphore(OPENED_AT_ONCE), server.kilobytes()

    async def open_(number: int) -> asyncio.StreamWriter:
        of = number % TOKENS
        path = paths[of] if number % 2 else "/api/v1/events/stream"
        async with opening:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secrets[of]}\r\n\r\n"
            writer.write(head.encode())
            await reader.readuntil(b"retry: 2000")
        reading.append(asyncio.ensure_future(reader.read()))
        return writer

    reading: list[asyncio.Future[bytes]] = []
    writers = await asyncio.gather(*map(open_, range(STREAMS)))
    await asyncio.sleep(SECONDS)  # each was silent once
    kilobytes = (server.kilobytes() - before) / STREAMS
    spent, began = server.seconds(), time.monotonic()
    await asyncio.sleep(SECONDS)
    percent = 100 * (server.seconds() - spent) / (time.monotonic() - began)
    assert not any(one.done() for one in reading), "a stream ended"
    for writer in writers:
        writer.close()
    await asyncio.gather(*reading, return_exceptions=True)
    return percent, kilobytes
