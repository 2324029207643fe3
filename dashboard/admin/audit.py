"""The audit record in the admin, and its export."""

from collections.abc import Iterator
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
from dashboard.admin.words import KINDS
from dashboard.exports import proof


class KindFilter(admin.SimpleListFilter):
    """By what is asked, and then by kind, in words. The kinds are known, so the record is not searched for them."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Each group with its words."""
        return [(name, word) for name, (word, _) in KINDS.items()]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """All, the groups, and the kinds of the one that is chosen."""
        chosen = self.value() or ""

        def choice(value: str, word: str) -> dict[str, Any]:
            address = changelist.get_query_string({self.parameter_name: value})
            return {"selected": value == chosen, "query_string": address, "display": word}

        everything = changelist.get_query_string(remove=[self.parameter_name])
        yield {"selected": not chosen, "query_string": everything, "display": "All"}
        for name, word in self.lookup_choices:
            yield choice(str(name), str(word))
            kinds = kinds_of(name)
            if chosen == name or chosen in kinds:
                yield from (choice(kind, f"· {words.ENTRIES[kind]}") for kind in kinds)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Entries of the chosen group or kind."""
        chosen = self.value()
        return queryset.filter(kind__in=kinds_of(chosen) or [chosen]) if chosen else queryset


def kinds_of(group: str) -> list[str]:
    """The kinds of entries in a group of `KINDS`; none for what is no group."""
    _, beginnings = KINDS.get(group, ("", ()))
    return [kind for kind in words.ENTRIES if kind.startswith(beginnings)]


@admin.register(AuditEntry)
class AuditEntryAdmin(OfRequestAdmin):
    """Who did what, when."""

    list_display = ["sequence", "at", "what", "actor", "agent_id", "request", "said"]
    list_filter = [KindFilter, "at"]
    search_fields = ["actor", "agent_id", "request_id", "details", "event_id"]
    search_help_text = "Person, agent, request id or words of the details"
    ordering = ["-sequence"]
    show_facets = admin.ShowFacets.NEVER

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
        kind = request.GET.get("kind", "")
        found = {"last_check": AuditCheck.objects.filter(pk=1).first(), "kind": "" if kind in KINDS else kind}
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
