"""Automated work in the admin: routing, tests, coverage and assignments."""

from django.contrib import admin

from core.models import (
    AgentAssignment,
    CoverageRecord,
    FileTestRecord,
    TaskRouting,
    TestExecution,
    TestFailure,
)
from dashboard.admin.read_only import NeverChanged, ReadOnlyAdmin


@admin.register(TaskRouting)
class TaskRoutingAdmin(ReadOnlyAdmin):
    """Whom tasks were given to, how sure that was, and whether it was right."""

    list_display = ["at", "task_type", "strategy", "assigned_to", "tier", "confidence", "success"]
    list_filter = ["success", "at"]
    search_fields = ["routing_id", "task_type", "strategy", "assigned_to", "tier"]
    search_help_text = "Task type, strategy, agent, tier or routing id"
    date_hierarchy = "at"


class TestFailures(NeverChanged, admin.TabularInline):  # type: ignore[type-arg]  # as in read_only
    """The tests that failed in a run."""

    model = TestFailure
    fields = ["test"]


@admin.register(TestExecution)
class TestExecutionAdmin(ReadOnlyAdmin):
    """Runs of test suites, with the tests that failed."""

    list_display = [
        *("at", "suite", "succeeded", "passed", "failed", "errors", "skipped"),
        *("duration_seconds", "triggered_by"),
    ]
    list_filter = ["succeeded", "at"]
    search_fields = ["execution_id", "suite", "triggered_by"]
    search_help_text = "Suite, who triggered it, or execution id"
    date_hierarchy = "at"
    inlines = [TestFailures]


@admin.register(CoverageRecord)
class CoverageRecordAdmin(ReadOnlyAdmin):
    """How many lines the tests reached."""

    list_display = ["at", "suite", "percent_of_lines", "lines_covered", "lines_total"]
    list_filter = ["at"]
    search_fields = ["coverage_id", "suite", "execution_id"]
    search_help_text = "Suite, coverage id or execution id"
    date_hierarchy = "at"

    @admin.display(description="coverage")
    def percent_of_lines(self, record: CoverageRecord) -> str:
        """As people read it."""
        return f"{record.percent:.1f} %"


@admin.register(FileTestRecord)
class FileTestRecordAdmin(ReadOnlyAdmin):
    """Tests by file."""

    list_display = [
        "at",
        "file_path",
        "outcome",
        "passed",
        "failed",
        "errors",
        "skipped",
        "source_modified_at",
    ]
    list_filter = ["outcome", "at"]
    search_fields = ["file_path", "file_test_id", "execution_id"]
    search_help_text = "Path, file test id or execution id"
    date_hierarchy = "at"


@admin.register(AgentAssignment)
class AgentAssignmentAdmin(ReadOnlyAdmin):
    """What agents took on, and how it ended."""

    list_display = [
        *("at", "agent_id", "task_type", "completed_at", "success", "automated", "human_review"),
        "duration_seconds",
    ]
    list_filter = ["success", "automated", "human_review", "at"]
    search_fields = ["assignment_id", "agent_id", "task_type", "routing_id"]
    search_help_text = "Agent, task type, assignment id or routing id"
    date_hierarchy = "at"
