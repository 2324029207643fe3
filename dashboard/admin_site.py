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

TOLD_IN = ("agents", "automation", "usage")  # files of core/models: what agents told, which nobody answered


class RecordSite(AdminSite):
    """Django's, with a page that is no table: the queue is in Redis."""

    site_header = site_title = words.SITE
    index_title = words.RECORD_AND_PEOPLE

    def register(self, model_or_iterable: Any, *args: Any, **options: Any) -> None:
        """What others bring along has no page: mails that are not used, and secrets of second factors."""
        models = (
            model_or_iterable if isinstance(model_or_iterable, (list, tuple, set)) else [model_or_iterable]
        )
        ours = [model for model in models if not model.__module__.startswith("allauth.")]
        if ours:
            super().register(ours, *args, **options)

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

        # Nothing here has a page of its own elsewhere, to which `r/` would lead.
        theirs = [one for one in super().get_urls() if getattr(one, "name", "") != "view_on_site"]
        return [*queue.urls(self), *theirs]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """People, what is set for them, the record, and the queue for those who may see it."""
        from dashboard.admin import queue

        listed: list[Any] = []
        for app in super().get_app_list(request, app_label):
            listed += self._parts(app) if app["app_label"] == "core" else [app]
        if app_label is None and queue.may_see(request.user):
            listed.append(queue.entry())
        return listed

    def _parts(self, app: dict[str, Any]) -> list[dict[str, Any]]:
        """Tables that people change, the record of answers, and what agents told: each under a head of its own."""
        from dashboard.admin import words as admin_words
        from dashboard.admin.read_only import NeverChanged

        tables: dict[str, list[Any]] = {admin_words.POLICY: [], app["name"]: [], admin_words.TOLD: []}
        for table in app["models"]:
            model = table["model"]
            told = app["name"] if model.__module__.rpartition(".")[2] not in TOLD_IN else admin_words.TOLD
            read = isinstance(self._registry[model], NeverChanged)
            tables[told if read else admin_words.POLICY].append(table)
        return [{**app, "name": name, "models": found} for name, found in tables.items() if found]
