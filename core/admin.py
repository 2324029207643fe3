"""The record in the admin site: to be searched and read, never to be changed."""

import json
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import F, Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.models import ApprovalRecord, AuditEntry, DecisionIntent, SetAsideEntry


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for type checkers alone
    """No add, no change, no delete, whoever asks."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False


def _request_link(request_id: object) -> SafeString | str:
    if request_id is None:
        return "-"
    return format_html('<a href="{}">{}</a>', reverse("approval", args=[request_id]), str(request_id)[:8])


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what, when."""

    list_display = ["sequence", "at", "kind", "actor", "agent_id", "request", "said"]
    list_filter = ["kind", "at"]
    search_fields = ["actor", "agent_id", "request_id", "details", "event_id"]
    search_help_text = "Person, agent, request id or words of the details"
    date_hierarchy = "at"
    ordering = ["-sequence"]

    @admin.display(description="request")
    def request(self, entry: AuditEntry) -> SafeString | str:
        """The request's own page."""
        return _request_link(entry.request_id)

    @admin.display(description="in short")
    def said(self, entry: AuditEntry) -> str:
        """What a reader looks for first; the entry's own page has all of it."""
        details: dict[str, Any] = json.loads(entry.details)
        words = (details.get(name) for name in ("approval_type", "why", "outcome", "reason", "status"))
        return "; ".join(str(word) for word in words if word)[:200]


@admin.register(ApprovalRecord)
class ApprovalRecordAdmin(ReadOnlyAdmin):
    """Every request with its outcome."""

    list_display = ["requested_at", "approval_type", "agent_id", "status", "responder", "ended", "request"]
    list_filter = ["status", "channel", "requested_at"]
    search_fields = ["request_id", "agent_id", "approval_type", "responder", "reason"]
    search_help_text = "Agent, kind, person, reason or request id"
    date_hierarchy = "requested_at"

    # Both databases then put what has not ended behind what has, newest first.
    @admin.display(description="ended at", ordering=F("ended_at").asc(nulls_first=True))
    def ended(self, record: ApprovalRecord) -> datetime | None:
        """When it ended, if it did."""
        return record.ended_at

    @admin.display(description="request")
    def request(self, record: ApprovalRecord) -> SafeString | str:
        """The request's own page."""
        return _request_link(record.pk)


@admin.register(DecisionIntent)
class DecisionIntentAdmin(ReadOnlyAdmin):
    """Every attempt of a person to decide, and what came of it."""

    list_display = ["created_at", "user", "approved", "outcome", "reason", "request"]
    list_filter = ["outcome", "approved", "created_at"]
    search_fields = ["request_id", "user__username", "reason"]
    search_help_text = "Person, reason or request id"
    date_hierarchy = "created_at"
    list_select_related = ["user"]

    @admin.display(description="request")
    def request(self, intent: DecisionIntent) -> SafeString | str:
        """The request's own page."""
        return _request_link(intent.request_id)


@admin.register(SetAsideEntry)
class SetAsideEntryAdmin(ReadOnlyAdmin):
    """What the recorder could not read."""

    list_display = ["at", "position", "error"]
    date_hierarchy = "at"
