"""What all tables of the record share in the admin: they are read, never changed."""

from collections.abc import Callable
from datetime import UTC
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db import DataError, OperationalError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.admin.titled import Titled
from dashboard.display.text import said


class NeverChanged:
    """No add, no change, no delete, whoever asks."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    has_change_permission = has_delete_permission = has_add_permission


class ReadOnlyAdmin(NeverChanged, Titled, admin.ModelAdmin):  # type: ignore[type-arg]  # generic for type checkers alone
    """A table that is searched and read."""

    date_hierarchy = "at"
    show_full_result_count = False
    change_form_template = "admin/read_only_form.html"
    list_per_page = 50

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list."""
        return _shown(request, lambda: super(ReadOnlyAdmin, self).changelist_view(request, extra_context))

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """One row."""
        return _shown(request, lambda: super(ReadOnlyAdmin, self).changeform_view(request, *args, **kwargs))

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The list; without its years where a row has a time that is in none."""
        found = super().get_changelist_instance(request)
        if getattr(request, "odd_times", False):
            found.date_hierarchy = None
        return found


def _shown(request: HttpRequest, show: Callable[[], HttpResponse]) -> HttpResponse:
    """The page; where it has a time that this zone or no calendar has, then in UTC, and as it stands there."""
    try:
        return _rendered(show())
    except (ValueError, TypeError, AttributeError, OverflowError, DataError, OperationalError):
        request.odd_times = True  # type: ignore[attr-defined]
        with timezone.override(UTC):
            return _rendered(show())


def _rendered(response: HttpResponse) -> HttpResponse:
    return response.render() if isinstance(response, SimpleTemplateResponse) else response


class OfRequestAdmin(ReadOnlyAdmin):
    """Rows that belong to a request."""

    @admin.display(description="request")
    def request(self, row: Any) -> SafeString | str:
        """A link to its own page, its id where that is damaged, a dash where there is none."""
        if row.request_id is None:
            return "-"
        try:
            address = reverse("approval", args=[row.request_id])
        except NoReverseMatch:  # it is damaged
            return str(row.request_id)
        return format_html('<a href="{}">{}</a>', address, str(row.request_id)[:8])

    @admin.display(description="kind", ordering="approval_type")
    def kind(self, row: Any) -> SafeString:
        """What it is a request for, in quotes: its agent chose it."""
        return said(row.approval_type)
