"""The least that can hold thousands who wait: an ASGI application with no token, no check and nothing to repair.

python -m tests.bench.door.bare REDIS_URL PORT

It asks by the same door in Python, and whoever waits is told what the outbox says, which one thread follows.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from threading import Thread
from typing import Any

import uvicorn

from core import ApprovalGate
from core.store.outbox import Watcher

Message = dict[str, Any]
WAIT_SECONDS = 30.0
_ended: dict[str, "asyncio.Future[str]"] = {}  # by the id of a request, how it ended
_following: list[Thread] = []


async def application(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    loop = asyncio.get_running_loop()
    if not _following:
        _following.append(Thread(target=follow, args=(loop, Watcher()), daemon=True))
        _following[0].start()
    if scope["method"] == "POST":
        said = json.loads((await receive())["body"])
        request_id = await loop.run_in_executor(None, ask, said)
        _ended[request_id] = loop.create_future()
        status, body = 201, {"id": request_id}
    else:
        status, body = await outcome(scope["path"].split("/")[-2])
    text = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})


def ask(said: Message) -> str:
    gate = ApprovalGate(agent_id=said["agent"])
    return gate.open_request(said["type"], said["context"], said["timeout"]).request_id


async def outcome(request_id: str) -> tuple[int, Message]:
    try:
        status = await asyncio.wait_for(asyncio.shield(_ended[request_id]), WAIT_SECONDS)
    except TimeoutError:
        return 202, {"id": request_id}
    del _ended[request_id]
    return 200, {"id": request_id, "approved": status == "approved"}


def follow(loop: asyncio.AbstractEventLoop, watcher: Watcher) -> None:
    while True:
        for entry in watcher.wait(WAIT_SECONDS):
            if entry.type == "ended":
                loop.call_soon_threadsafe(tell, entry.fields["request_id"], entry.fields["status"])


def tell(request_id: str, status: str) -> None:
    if request_id in _ended:
        _ended[request_id].set_result(status)


if __name__ == "__main__":
    uvicorn.run(application, port=int(sys.argv[2]), lifespan="off", log_level="error", access_log=False)
