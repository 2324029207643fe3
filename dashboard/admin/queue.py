"""The queue of jobs in the admin: django-rq's pages, for those who may, under our content policy."""

import logging
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern
from django.utils.http import url_has_allowed_host_and_scheme
from django_rq.admin import QueueAdmin
from django_rq.models import Dashboard
from rq.exceptions import NoSuchJobError

from core import jobs  # noqa: F401  a job of Redis must not run where its pages are shown
from core.store import queue as queues
from dashboard import words

logger = logging.getLogger(__name__)

PERMISSION = "django_rq.admin"
GONE = (NoSuchJobError, LookupError, ValueError, AssertionError, ImproperlyConfigured)
"""What django-rq raises for what is not there any more, or never was."""

# What our policy would block anyway, and Django's actions.js, which breaks on these pages: it looks for a counter
# that they lack. Each row that a script made clickable has a link. Text of jobs is escaped, so nothing of this
# can come from it.
_INLINE = (
    re.compile(rb"<style>.*?</style>", re.DOTALL),
    re.compile(rb'<script type="text/javascript">.*?</script>', re.DOTALL),
    re.compile(rb'<script type="text/javascript" src="[^"]*/actions(?:\.[0-9a-f]+)?\.js"></script>'),
    re.compile(rb'\s(?:style|onclick)="[^"]*"'),
)


def without_inline_code(page: bytes) -> bytes:
    """The page without scripts and styles of its own."""
    for inline in _INLINE:
        page = inline.sub(b"", page)
    return page


def _stays_here(response: HttpResponse, request: HttpRequest) -> bool:
    """django-rq sends people back to wherever the request says that they came from."""
    address = response.get("Location", "/")
    return url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())


def _guarded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        user: Any = request.user
        if user.is_authenticated and not user.has_perm(PERMISSION):
            raise PermissionDenied(words.NO_JOBS)
        try:
            response = view(request, *args, **kwargs)
        except queues.Unreachable as error:
            why = words.queue_away(error)
            return render(request, "503.html", {"why": why}, status=503)
        except GONE as error:
            logger.warning("%s is not there: %r", request.path, error)
            raise Http404(words.NO_JOB) from error
        if not _stays_here(response, request):
            return redirect("admin:django_rq_dashboard_changelist")
        if response.get("Content-Type", "").startswith("text/html") and hasattr(response, "content"):
            response.content = without_inline_code(response.content)
        return response

    return checked


@admin.register(Dashboard)
class GuardedQueueAdmin(QueueAdmin):  # type: ignore[misc]  # django-rq carries no types here
    """django-rq lets in every member of the staff; here the permission is asked for too."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """With the permission alone."""
        return bool(request.user.has_perm(PERMISSION))

    has_change_permission = has_view_permission
    has_module_permission = has_view_permission

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """There is no row to delete."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """django-rq's addresses, each behind the sign-in of the admin and the permission."""
        patterns: list[URLPattern] = super().get_urls()  # type: ignore[no-untyped-call]
        for found in patterns:
            if found.callback is not None:
                found.callback = _guarded(self.admin_site.admin_view(found.callback))
        return patterns
