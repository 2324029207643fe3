"""Calls of models and their sums in the admin."""

from django.contrib import admin

from core.models import LLMCall, UsageHour
from core.usage.money import EXACT_PLACES, money
from dashboard.admin.read_only import ReadOnlyAdmin


class CostAdmin(ReadOnlyAdmin):
    """Rows with a cost."""

    @admin.display(description="cost", ordering="cost_nano")
    def cost(self, row: LLMCall | UsageHour) -> str:
        """Exact to the nano-dollar."""
        return money(row.cost_nano, EXACT_PLACES)


@admin.register(LLMCall)
class LLMCallAdmin(CostAdmin):
    """Every recorded call of a model."""

    list_display = [
        "at",
        "agent_id",
        "workflow",
        "stage",
        "tier",
        "model",
        "cost",
        "input_tokens",
        "output_tokens",
    ]
    list_filter = ["tier", "provider", "at"]
    search_fields = ["call_id", "agent_id", "workflow", "stage", "model"]
    search_help_text = "Agent, workflow, stage, model or call id"
    date_hierarchy = "at"


@admin.register(UsageHour)
class UsageHourAdmin(CostAdmin):
    """The sums that pages are made of."""

    list_display = ["hour", "workflow", "tier", "provider", "model", "calls", "cost"]
    list_filter = ["tier", "provider", "hour"]
    search_fields = ["workflow", "model"]
    search_help_text = "Workflow or model"
    date_hierarchy = "hour"
