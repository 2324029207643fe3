"""Runs of agents in the admin."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.models import AgentRun
from dashboard.admin.read_only import ReadOnlyAdmin
from dashboard.display.tags import agent_url


@admin.register(AgentRun)
class AgentRunAdmin(ReadOnlyAdmin):
    """Every run of an agent: when, how long, and how it ended."""

    list_display = [
        "started_at",
        "agent_id",
        "display_name",
        "state",
        "status",
        "ended_at",
        "last_task",
        "agent",
    ]
    list_filter = ["state", "overlaps", "started_at"]
    search_fields = ["agent_id", "display_name", "status", "instance_id", "last_task"]
    search_help_text = "Agent, display name, final status, process or last task"
    date_hierarchy = "started_at"

    @admin.display(description="agent")
    def agent(self, run: AgentRun) -> SafeString:
        """The agent's own page."""
        return format_html('<a href="{}">page</a>', agent_url(run.agent_id))
