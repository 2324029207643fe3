"""The admin site itself: its names, and the queue of jobs beside its tables.

It stands outside of dashboard/admin, whose tables register with it while they are imported.
"""

from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver

from dashboard import words
from dashboard.display.marks import with_marks


class RecordSite(AdminSite):
    """Django's, with a page that is no table: the queue is in Redis."""

    site_header = site_title = words.SITE
    index_title = words.RECORD_AND_PEOPLE

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Every page of the admin shows what hides in a text: lists, filters, history and confirmations alike."""
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def marked(*args: Any, **kwargs: Any) -> Any:
            return with_marks(inner(*args, **kwargs))

        return marked

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Those of the queue before those of the tables."""
        from dashboard.admin import queue

        return [*queue.urls(self), *super().get_urls()]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The tables, and the queue for those who may see it."""
        from dashboard.admin import queue

        listed: list[Any] = super().get_app_list(request, app_label)
        if app_label is None and queue.may_see(request.user):
            listed.append(queue.entry())
        return listed
