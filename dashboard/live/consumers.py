"""The websocket of a page: lets in whom the page lets in, then passes on what the follower hands it."""

import asyncio
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import Error

from core.errors import StoreUnavailable
from core.store.approvals import valid_id
from core.values.names import checked_name
from dashboard import access
from dashboard.access import Audience
from dashboard.live import control, doorbells
from dashboard.live.doorbells import LIVE
from dashboard.live.follower import current_version, follower
from dashboard.live.subscription import Subscription
from dashboard.sign_in import demands

UNAVAILABLE = 1011
TOO_MANY = 4429
WRITE = "telemetry.write"  # what a web server of ours offers: telemetry_site/connections.py


class LiveConsumer(AsyncWebsocketConsumer):
    """Sends; what a browser may say here is which request it shows, and decisions are POST requests."""

    # No layer per socket: control messages reach the process once (dashboard/live/control.py).
    channel_layer_alias = "none"

    async def connect(self) -> None:
        """Refuse strangers before accepting; then subscribe to the page's topic."""
        self.subscription: Subscription | None = None
        session_key = self.scope["session"].session_key
        if session_key is None:
            await self.close()
            return
        try:
            topic, asked_at = _topic(self.scope), time.monotonic()
            version, audience = await database_sync_to_async(_audience)(session_key, topic)
        except ValueError:
            await self.close()
            return
        except (StoreUnavailable, Error):
            await self.close(UNAVAILABLE)
            return
        if audience is None:
            await self.close()
            return
        if follower.sockets_of(session_key) >= settings.TELEMETRY_SOCKETS_PER_SESSION:
            await self.close(TOO_MANY)
            return
        await self.accept()
        control.listen()
        loop = asyncio.get_running_loop()
        about = (topic, audience, session_key, loop, asked_at, version)
        self.subscription = Subscription(*about, write=_write_of(self.scope))
        self.sender = asyncio.create_task(self._send_queued(self.subscription))
        follower.subscribe(self.subscription)

    async def disconnect(self, code: int) -> None:
        """The socket is gone."""
        if self.subscription is not None:
            follower.unsubscribe(self.subscription)
            self.sender.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A page of the inbox says which request it shows, '' for none. Nothing else has a meaning."""
        if self.subscription is None or self.subscription.topic != LIVE or text_data is None:
            return
        if text_data == "" or valid_id(text_data):
            self.subscription.looks_at = text_data

    async def _send_queued(self, subscription: Subscription) -> None:
        while True:
            message = await subscription.queue.get()
            subscription.sending = True
            if isinstance(message, int):
                await self.close(message)
                return
            await self.send(text_data=message)
            subscription.sending = False


def _write_of(scope: Any) -> Callable[[list[str]], bool] | None:
    """What writes to this socket at once; None behind a web server that has no such thing."""
    offered = (scope.get("extensions") or {}).get(WRITE)
    return None if offered is None else offered["write"]  # type: ignore[no-any-return]


def _topic(scope: Any) -> str:
    """What the page at the other end shows; ValueError for an agent whose name cannot be one."""
    route = scope["url_route"]["kwargs"]
    if route.get("topic") == "agent":
        asked = parse_qs(scope["query_string"].decode("ascii"), errors="strict", max_num_fields=1)
        return doorbells.agent(checked_name(asked.get("id", [""])[0], "id"))
    return str(route.get("topic") or route.get("request_id", LIVE))


def _audience(session_key: str, topic: str) -> tuple[str | None, Audience | None]:
    """Which version of all rights held before this person's were looked at, and what came of it."""
    version = current_version()
    user = access.users_of_sessions([session_key]).get(
        session_key
    )  # read anew: the scope's is of before that
    audience = None if user is None or demands.is_missing(user) else Audience.of(user)
    if audience is None or topic == LIVE or doorbells.is_doorbell(topic):
        return version, audience
    return version, None if access.read_approval(topic) is None else audience
