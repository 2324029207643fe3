"""Django, with each page made in one go: all middleware and the view in one thread, without a change of it."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from servestatic.middleware import ServeStaticMiddleware
from servestatic.responders import MissingFileError

Answers = Callable[[HttpRequest], Any]


class Pages(ASGIHandler):
    """Django's, which else goes to the event loop and back around each view and each middleware that knows it."""

    def load_middleware(self, is_async: bool = False) -> None:
        """None of ours waits for anything that the event loop could do meanwhile."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> Any:
        """The answer of all middleware and the view."""
        return await sync_to_async(self.get_response, thread_sensitive=True)(request)


class Files:
    """ServeStatic's middleware, which knows the event loop alone, where only a request for a file goes there."""

    def __init__(self, get_response: Answers) -> None:
        served = ServeStaticMiddleware(sync_to_async(get_response))
        self._prefix, self._serve, self._otherwise = served.static_prefix, async_to_sync(served), get_response

    def __call__(self, request: HttpRequest) -> Any:
        """A file, or what comes after."""
        if request.path_info.startswith(self._prefix):
            with suppress(MissingFileError, ValueError, OSError):  # with DEBUG alone: there is no such file
                return self._serve(request)
        return self._otherwise(request)
