"""When the database cannot be used, every page says so with 503 and what to do, instead of failing."""

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

logger = logging.getLogger(__name__)

RECORD_AWAY = (
    "The record cannot be read or written, so nothing was decided or changed. Try again in a minute. If it stays "
    "so, whoever runs the site looks at its log, its database and the disk below it."
)


class RecordAway:
    """Middleware: the innermost one, so that it hears of errors first."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """503 for a database that is away, locked, full or read-only; anything else is a fault of ours."""
        if not isinstance(exception, (OperationalError, InterfaceError)) and not _not_migrated(exception):
            return None
        logger.error("%s %s: the database cannot be used: %s", request.method, request.path, exception)
        # Without the request: who is signed in stands in that database too. And without the reason, which may
        # name hosts: it may be a stranger who reads this.
        page = render_to_string("503.html", {"why": RECORD_AWAY})
        return HttpResponse(page, status=503, headers={"Retry-After": "60"})


def _not_migrated(exception: Exception) -> bool:
    # PostgreSQL's word for it; SQLite calls it an OperationalError.
    return type(exception.__cause__).__name__ == "UndefinedTable"
