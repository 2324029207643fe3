"""Control messages between server processes over the Channels layer: their loss does no harm."""

import asyncio
import logging
from typing import Any
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.http import HttpRequest

from core.values.trouble import Trouble
from dashboard.live import looking
from dashboard.live.follower import follower, session_digest
from dashboard.live.group import GROUP, tell

logger = logging.getLogger(__name__)

LISTEN_SECONDS = 3600.0
PAUSE_SECONDS = 1.0

_listeners: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]] = WeakKeyDictionary()


def tell_signed_out(*, request: HttpRequest, **_signal: Any) -> None:
    """Somebody signs out: every process closes their sockets. Unreached, it does so within seconds anyway."""
    session_key = request.session.session_key
    if session_key is not None:
        _tell("a sign-out was", {"type": "session.ended", "session": session_digest(session_key)})


def tell_voted(**_signal: Any) -> None:
    """Somebody approved one of several: live pages of every process show it. Unreached, they do so within seconds."""
    _tell("a vote was", {"type": "vote.given"})


def tell_touched(*, request_id: str, **_signal: Any) -> None:
    """Something beside a request changed, as a comment, or an approval that is held: its pages show it.

    Unreached, they do so later.
    """
    _tell("what changed beside a request was", {"type": "request.touched", "request": request_id})


def _tell(what: str, message: dict[str, Any]) -> None:
    try:
        tell(message)
    except Exception as error:
        logger.warning("%s not told to the other processes", what, exc_info=error)


def _hear(message: dict[str, Any]) -> None:
    if message["type"] == "vote.given":
        follower.look_at_votes()
    elif message["type"] == "request.touched":
        follower.touch(message["request"])
    elif message["type"] == looking.KIND:
        follower.hear_lookers(message)
    else:
        follower.end_session(message["session"])


def listen() -> None:
    """Listen in the running event loop; once, however often this is called."""
    loop = asyncio.get_running_loop()
    layer, task = get_channel_layer(), _listeners.get(loop)
    if layer is not None and (task is None or task.done()):
        _listeners[loop] = loop.create_task(_listen(layer))


async def _listen(layer: Any) -> None:
    trouble = Trouble(logger)
    while True:
        try:
            channel = await layer.new_channel()
            while True:
                await layer.group_add(GROUP, channel)  # again each time: a membership expires after a day
                trouble.ends("control messages are heard again")
                # Not `wait_for`: it forgets an end of the process that comes with a message, and waits for the next.
                async with asyncio.timeout(LISTEN_SECONDS):
                    message = await layer.receive(channel)
                await sync_to_async(_hear, thread_sensitive=False)(message)
        except TimeoutError:
            continue  # nobody spoke for an hour
        except Exception as error:
            trouble.begins("control messages are not heard: %s", error)
            await asyncio.sleep(PAUSE_SECONDS)
