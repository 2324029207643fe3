"""Control messages between server processes over the Channels layer: their loss does no harm."""

import asyncio
import logging
from typing import Any
from weakref import WeakKeyDictionary

from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import get_channel_layer

from dashboard.live import follower

logger = logging.getLogger(__name__)

GROUP = "control"
LISTEN_SECONDS = 3600.0
PAUSE_SECONDS = 1.0

_listeners: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]] = WeakKeyDictionary()


def tell_signed_out(**_signal: Any) -> None:
    """Somebody signed out: every process looks who may still watch. Unreached, it looks within seconds anyway."""
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(layer.group_send)(GROUP, {"type": "session.ended"})
    except Exception as error:
        logger.warning("a sign-out was not told to the other processes: %s", error)


def listen() -> None:
    """Listen in the running event loop; once, however often this is called."""
    loop = asyncio.get_running_loop()
    layer, task = get_channel_layer(), _listeners.get(loop)
    if layer is not None and (task is None or task.done()):
        _listeners[loop] = loop.create_task(_listen(layer))


async def _listen(layer: Any) -> None:
    troubled = False
    while True:
        try:
            channel = await layer.new_channel()
            while True:
                await layer.group_add(GROUP, channel)  # again each time: a membership expires after a day
                if troubled:
                    logger.warning("control messages are heard again")
                troubled = False
                await asyncio.wait_for(layer.receive(channel), LISTEN_SECONDS)
                await sync_to_async(follower.check_access, thread_sensitive=False)()
        except TimeoutError:
            continue  # nobody spoke for an hour
        except Exception as error:
            if not troubled:
                logger.warning("control messages are not heard: %s", error)
            troubled = True
            await asyncio.sleep(PAUSE_SECONDS)
