"""The ASGI entry: pages through Django, live updates through Channels, agents through a door of their own.

Importing it opens no connection and starts no thread, so a server may load it before it forks.
"""

import os
from threading import Lock, Thread
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "telemetry_site.settings")
django.setup(set_prefix=False)

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.db import connections  # noqa: E402

from core.api.door import Door  # noqa: E402
from core.history.configuration import note_or_log  # noqa: E402
from core.history.database.sqlite import connection_pool  # noqa: E402
from dashboard.routing import websocket_urlpatterns  # noqa: E402
from telemetry_site import garbage  # noqa: E402
from telemetry_site.doors import Doors  # noqa: E402
from telemetry_site.pages import Pages  # noqa: E402

_pages: Any = ProtocolTypeRouter(
    {"http": Pages(), "websocket": AuthMiddlewareStack(URLRouter(websocket_urlpatterns))}
)
door = Door(_pages)
routes = Doors(door)
_unnoted = Lock()  # taken once in the life of a process, and never given back
garbage.settle()


async def application(scope: Any, receive: Any, send: Any) -> None:
    """The whole site. With its first request a process tells the record which settings it runs with."""
    if _unnoted.acquire(blocking=False):
        connection_pool.keep()
        # In a thread of its own: the first request may be a probe, which must not wait for the database.
        Thread(target=_note, name="note-settings", daemon=True).start()
    await routes(scope, receive, send)


def _note() -> None:
    try:
        note_or_log("web")
    finally:
        connections.close_all()
