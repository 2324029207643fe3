"""Requests and attempts to decide them in the admin."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest

from core.models import ApprovalRecord, DecisionIntent, Rule
from dashboard import words
from dashboard.admin.read_only import OfRequestAdmin


class StatusFilter(admin.SimpleListFilter):
    """By how it stands, in the words of the pages."""

    title = parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Each status with its word."""
        return list(words.STATUSES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Requests that stand so."""
        return queryset.filter(status=self.value()) if self.value() else queryset


@admin.register(ApprovalRecord)
class ApprovalRecordAdmin(OfRequestAdmin):
    """Every request with its outcome."""

    list_display = ["requested_at", "kind", "agent_id", "stands", "responder", "ended", "request"]
    list_filter = [StatusFilter, "channel", "requested_at"]
    readonly_fields = ["stands"]
    search_fields = ["request_id", "agent_id", "approval_type", "responder", "reason"]
    search_help_text = "Agent, kind, person, reason or request id"
    date_hierarchy = "requested_at"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """How it stands is where its status would be."""
        names = [name for name in super().get_fields(request, obj) if name != "stands"]
        return ["stands" if name == "status" else name for name in names]

    @admin.display(description="status", ordering="status")
    def stands(self, record: ApprovalRecord) -> str:
        """The word of the pages; a damaged one as it is."""
        return words.STATUSES.get(record.status, record.status)

    # Both databases then put what has not ended behind what has, newest first.
    @admin.display(description="ended at", ordering=F("ended_at").asc(nulls_first=True))
    def ended(self, record: ApprovalRecord) -> datetime | None:
        """When it ended, if it did."""
        return record.ended_at


@admin.register(DecisionIntent)
class DecisionIntentAdmin(OfRequestAdmin):
    """Every attempt of a person to decide, and what came of it."""

    list_display = ["created_at", "user", "approved", "outcome", "accepted_at", "reason", "request"]
    list_filter = ["outcome", "approved", "created_at"]
    search_fields = ["request_id", "user__username", "reason"]
    search_help_text = "Person, reason or request id"
    date_hierarchy = "created_at"
    list_select_related = ["user"]


@admin.register(Rule)
class RuleAdmin(OfRequestAdmin):
    """Every rule that people made, also those that are over. They are made and revoked on their own page."""

    list_display = [
        *("pk", "owner", "approved", "kind", "agent", "uses", "most_uses"),
        *("expires_at", "revoked_at", "request"),
    ]
    list_filter = ["approved", "created_at"]
    search_fields = ["owner__username", "approval_type", "agent", "reason"]
    search_help_text = "Person, kind, agent or reason"
    date_hierarchy = "created_at"
    list_select_related = ["owner"]
