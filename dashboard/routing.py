"""The addresses of the websockets."""

from typing import Any

from django.urls import path

from dashboard.live.consumers import LiveConsumer

# Django's types know views alone; Channels routes ASGI applications by the same patterns.
_socket: Any = LiveConsumer.as_asgi()
websocket_urlpatterns: list[Any] = [
    path("ws/live/", _socket),
    path("ws/approvals/<uuid:request_id>/", _socket),
    path("ws/usage/", _socket, {"topic": "usage"}),
    path("ws/agents/", _socket, {"topic": "agents"}),
    # ?id=: as a part of the path, a name such as .. would be lost in the browser.
    path("ws/agent/", _socket, {"topic": "agent"}),
]
