"""Requests and attempts to decide them in the admin."""

from datetime import datetime

from django.contrib import admin
from django.db.models import F

from core.models import ApprovalRecord, DecisionIntent, Rule
from dashboard.admin.read_only import OfRequestAdmin


@admin.register(ApprovalRecord)
class ApprovalRecordAdmin(OfRequestAdmin):
    """Every request with its outcome."""

    list_display = ["requested_at", "kind", "agent_id", "status", "responder", "ended", "request"]
    list_filter = ["status", "channel", "requested_at"]
    search_fields = ["request_id", "agent_id", "approval_type", "responder", "reason"]
    search_help_text = "Agent, kind, person, reason or request id"
    date_hierarchy = "requested_at"

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
