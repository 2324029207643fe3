"""The floor of live pages: a stream tailed by a thread, its text handed to plain websockets.

python -m tests.bench.live.relay REDIS_URL PORT
"""

import asyncio
import sys
import threading
from typing import Any

import uvicorn

from tests.bench.live.names import STREAM
from tests.bench.measure import plain_client

url, port = sys.argv[1], int(sys.argv[2])
queues: set[asyncio.Queue[str]] = set()


def tail(loop: asyncio.AbstractEventLoop) -> None:
    client, last = plain_client(url), "$"
    while True:
        for _stream, entries in client.xread({STREAM: last}, block=0) or []:
            last = entries[-1][0]
            for _id, fields in entries:
                loop.call_soon_threadsafe(hand_over, fields[b"text"].decode())


def hand_over(text: str) -> None:
    for queue in queues:
        queue.put_nowait(text)


async def relay(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    queue: asyncio.Queue[str] = asyncio.Queue()
    if not queues:
        threading.Thread(target=tail, args=(asyncio.get_running_loop(),), daemon=True).start()
    queues.add(queue)
    try:
        while True:
            await send({"type": "websocket.send", "text": await queue.get()})
    finally:
        queues.discard(queue)


if __name__ == "__main__":
    options = {"ws_per_message_deflate": False, "lifespan": "off", "log_level": "error"}
    uvicorn.run(relay, port=port, ws="websockets-sansio", **options)
