"""The group of the Channels layer that every web process hears."""

import asyncio
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

GROUP = "control"
TELL_SECONDS = 1.0


def tell(message: dict[str, Any]) -> None:
    """Say something to all web processes; waits for a second at most."""
    layer = get_channel_layer()
    if layer is not None:
        async_to_sync(_send)(layer, message)


async def _send(layer: Any, message: dict[str, Any]) -> None:
    # The layer itself waits without a limit: a Redis that hangs must hold nobody up.
    await asyncio.wait_for(layer.group_send(GROUP, message), TELL_SECONDS)
