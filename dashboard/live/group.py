"""The group of the Channels layer that every web process hears."""

import asyncio
from typing import Any

GROUP = "control"
TELL_SECONDS = 1.0


async def send(layer: Any, message: dict[str, Any]) -> None:
    """Say something to all. The layer itself waits without a limit: a Redis that hangs must hold nobody up."""
    await asyncio.wait_for(layer.group_send(GROUP, message), TELL_SECONDS)
