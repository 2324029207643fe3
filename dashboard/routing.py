"""The addresses of the websockets."""

from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.urls import path, re_path

from dashboard.live.consumers import LiveConsumer


class UnknownSocket(AsyncWebsocketConsumer):
    """An address without a socket."""

    channel_layer_alias = "none"

    async def connect(self) -> None:
        """Refuse."""
        await self.close()


# Django's types know views alone; Channels routes ASGI applications by the same patterns.
_socket: Any = LiveConsumer.as_asgi()
_nothing: Any = UnknownSocket.as_asgi()
websocket_urlpatterns: list[Any] = [
    path("ws/live/", _socket),
    path("ws/approvals/<uuid:request_id>/", _socket),
    path("ws/usage/", _socket, {"topic": "usage"}),
    path("ws/agents/", _socket, {"topic": "agents"}),
    # ?id=: as a part of the path, a name such as .. would be lost in the browser.
    path("ws/agent/", _socket, {"topic": "agent"}),
    re_path("", _nothing),
]
