"""The websocket of a page: lets in whom the page lets in, then passes on what the follower hands it."""

import asyncio
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import Error

from core.errors import StoreUnavailable
from dashboard import access, control
from dashboard.live import LIVE, Subscription, follower

UNAVAILABLE = 1011


class LiveConsumer(AsyncWebsocketConsumer):
    """Sends only; what a browser says here is ignored, decisions are POST requests."""

    # No layer per socket: control messages reach the process once (dashboard/control.py).
    channel_layer_alias = "none"

    async def connect(self) -> None:
        """Refuse strangers before accepting; then subscribe to the page's topic."""
        self.subscription: Subscription | None = None
        topic = str(self.scope["url_route"]["kwargs"].get("request_id", LIVE))
        try:
            rights = await database_sync_to_async(_rights)(self.scope["user"], topic)
        except (StoreUnavailable, Error):
            await self.close(UNAVAILABLE)
            return
        session_key = self.scope["session"].session_key
        if rights is None or session_key is None:
            await self.close()
            return
        await self.accept()
        control.listen()
        self.subscription = Subscription(topic, rights["decide"], session_key, asyncio.get_running_loop())
        self.sender = asyncio.create_task(self._send_queued(self.subscription))
        # In a thread: a region is rendered there, and an approval page reads SQL.
        await database_sync_to_async(follower.subscribe)(self.subscription)

    async def disconnect(self, code: int) -> None:
        """The socket is gone."""
        if self.subscription is not None:
            follower.unsubscribe(self.subscription)
            self.sender.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Nothing a browser says here has a meaning."""

    async def _send_queued(self, subscription: Subscription) -> None:
        while True:
            message = await subscription.queue.get()
            if isinstance(message, int):
                await self.close(message)
                return
            await self.send(text_data=message)


def _rights(user: Any, topic: str) -> dict[str, bool] | None:
    if not access.may_view(user):
        return None
    if topic != LIVE and access.read_approval(topic) is None:
        return None
    return {"decide": access.may_decide(user)}
