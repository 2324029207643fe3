"""The ASGI entry: pages through Django, live updates through Channels."""

import os
from threading import Thread

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "telemetry_site.settings")
pages = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.db import connections  # noqa: E402

from core.history.configuration import note_or_log  # noqa: E402
from dashboard.routing import websocket_urlpatterns  # noqa: E402


def note() -> None:
    """Compare the settings with the record, and give the connection of this thread back to the pool."""
    try:
        note_or_log("web")
    finally:
        connections.close_all()


# In a thread of its own: the server imports this file inside its event loop, where no query is allowed.
noting = Thread(target=note)
noting.start()
noting.join()

application = ProtocolTypeRouter(
    {
        "http": pages,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
