"""Around every view: who acts is remembered, and what a database refuses gets a page that says what to do."""

import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import FieldDoesNotExist
from django.db import DataError, IntegrityError, InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin
from django.views.defaults import page_not_found

from core.errors import StoreUnavailable
from core.history.people.accounts import DeletedMeanwhile
from core.history.people.actor import recorded_as
from core.history.people.hashing import RETRY_SECONDS, TooManyTries
from dashboard import words

logger = logging.getLogger(__name__)

Answers = Callable[[HttpRequest], Any]

# Away, locked, full or read-only; anything else that a database says is a fault of ours.
AWAY = (OperationalError, InterfaceError, InternalError)
# What two people who save at once can run into: PostgreSQL's words, and those of SQLite.
OVERTAKEN = ("ForeignKeyViolation", "UniqueViolation")
OVERTAKEN_SQLITE = ("FOREIGN KEY constraint", "UNIQUE constraint")


# What no page of ours uses, it cannot be made to use. Passkeys are for this site alone, which is the default.
UNUSED = (
    "accelerometer autoplay camera display-capture encrypted-media geolocation gyroscope hid idle-detection "
    "local-fonts magnetometer microphone midi payment picture-in-picture screen-wake-lock serial usb "
    "xr-spatial-tracking"
)
PERMISSIONS = ", ".join(f"{name}=()" for name in UNUSED.split())


def headers(get_response: Answers) -> Answers:
    """Middleware, before all others, so that error pages have them too: what browsers may do and keep."""
    return lambda request: _with_headers(get_response(request))


def _with_headers(response: Any) -> Any:
    response.headers.setdefault("Permissions-Policy", PERMISSIONS)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    return response


def remember_request(get_response: Answers) -> Answers:
    """Middleware, after authentication: changes of people and rights are recorded with who made them."""

    def serve(request: HttpRequest) -> Any:
        with recorded_as(request):
            return get_response(request)

    return serve


class AnswersWhenAway(MiddlewareMixin):
    """Answers for any view whose Redis or database is away, or where somebody else was faster.

    What the database said is in the log: it names hosts.
    """

    async_capable = False

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page, or the notice beside the button that was pressed."""
        if isinstance(error, TooManyTries):
            return _busy(request)
        if isinstance(error, Http404):
            return page_not_found(
                request, error
            )  # with DEBUG on too: who follows an old link is no developer
        if isinstance(error, StoreUnavailable):
            logger.error("Redis is needed for a page", exc_info=error)
            return render(request, "503.html", {"why": words.unavailable(error)}, status=503)
        if isinstance(error, DataError) or _is_odd_filter(request, error):
            return render(request, "400.html", status=400)  # such as a NUL in the address of a filter
        if request.method == "POST" and _overtaken(error):
            logger.warning("%s: somebody else was faster: %s", request.path, error)
            return render(request, "409.html", status=409)
        if not isinstance(error, AWAY) and not _not_migrated(error):
            return None
        logger.error("the database is needed for a page", exc_info=error)
        request.user = AnonymousUser()  # to ask who it is would ask the database again
        if request.headers.get("HX-Request") == "true":
            notice = {"kind": "refused", "text": f"{words.NOTHING_DECIDED} {words.DATABASE_AWAY}"}
            response = render(request, "dashboard/_notice.html", notice, status=503)
        else:
            response = render(request, "503.html", {"why": words.DATABASE_AWAY}, status=503)
        response["Retry-After"] = "60"
        return response

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """An address that there is not, with DEBUG on too."""
        if settings.DEBUG and response.status_code == 404 and request.resolver_match is None:
            return page_not_found(request, Http404())
        return response


def _is_odd_filter(request: HttpRequest, error: Exception) -> bool:
    """Filters of the admin are taken from the address as they are: a year beyond all years, half a pattern."""
    match = request.resolver_match
    if request.method not in ("GET", "HEAD") or match is None or match.app_name != "admin" or not request.GET:
        return False
    return isinstance(error, (FieldDoesNotExist, OverflowError, ValueError)) or str(error).startswith(
        "user-defined function"
    )


def _busy(request: HttpRequest) -> HttpResponse:
    """No password is compared now; asking who it is would be one more."""
    request.user = AnonymousUser()
    response = render(request, "429.html", {"why": words.BUSY}, status=429)
    response["Retry-After"] = str(RETRY_SECONDS)
    return response


def _not_migrated(error: Exception) -> bool:
    # PostgreSQL's word for it; SQLite calls it an OperationalError.
    return type(error.__cause__).__name__ == "UndefinedTable"


def _overtaken(error: Exception) -> bool:
    if not isinstance(error, IntegrityError):
        return False
    refused = type(error.__cause__).__name__ in OVERTAKEN or str(error).startswith(OVERTAKEN_SQLITE)
    return refused or isinstance(error, DeletedMeanwhile)
