"""The audit record in the admin, and its export."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.urls import path

from core.history.audit.kinds import in_short
from core.models import AuditCheck, AuditEntry
from dashboard import words
from dashboard.admin.read_only import OfRequestAdmin
from dashboard.exports import proof


class KindFilter(admin.SimpleListFilter):
    """By kind, in words. The kinds are known, so the record is not searched for them."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Each kind with its words."""
        return list(words.ENTRIES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Entries of the chosen kind."""
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(OfRequestAdmin):
    """Who did what, when."""

    list_display = ["sequence", "at", "what", "actor", "agent_id", "request", "said"]
    list_filter = [KindFilter, "at"]
    search_fields = ["actor", "agent_id", "request_id", "details", "event_id"]
    search_help_text = "Person, agent, request id or words of the details"
    ordering = ["-sequence"]

    @admin.display(description="what", ordering="kind")
    def what(self, entry: AuditEntry) -> str:
        """The kind in words; an unknown one as it is."""
        return words.ENTRIES.get(entry.kind, entry.kind)

    @admin.display(description="in short")
    def said(self, entry: AuditEntry) -> str:
        """What a reader looks for first; the entry's own page has all of it."""
        return in_short(entry.details)

    def get_urls(self) -> list[Any]:
        """The list's own, and the export."""
        here = self.admin_site.admin_view(self.export)
        return [path("export/", here, name="core_auditentry_export"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, with what the last verification found."""
        found = {"last_check": AuditCheck.objects.filter(pk=1).first(), "kind": request.GET.get("kind", "")}
        return super().changelist_view(request, {**found, **(extra_context or {})})

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """The record as JSON Lines."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            return proof.sent(request, request.POST)
        except ValueError as error:
            raise BadRequest(str(error)) from error
