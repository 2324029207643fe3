"""The record in the admin site: to be searched and read, never to be changed."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import BadRequest, PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.db import DataError, OperationalError, transaction
from django.db.models import F, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.urls import NoReverseMatch, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.history.audit import entries as audit
from core.history.audit import kinds
from core.history.proof import json_lines
from core.models import (
    AgentAssignment,
    AgentRun,
    ApprovalRecord,
    AuditCheck,
    AuditEntry,
    CoverageRecord,
    DecisionIntent,
    FileTestRecord,
    LLMCall,
    SetAsideEntry,
    TaskRouting,
    TestExecution,
    TestFailure,
    UsageHour,
)
from core.usage.call import dollars


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

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list under its own name, where Django says “Select ... to view”."""
        named = {"title": str(self.opts.verbose_name_plural).capitalize(), **(extra_context or {})}
        return _shown(request, lambda: super(ReadOnlyAdmin, self).changelist_view(request, named))

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


def _request_link(request_id: object) -> SafeString | str:
    if request_id is None:
        return "-"
    try:
        address = reverse("approval", args=[request_id])
    except NoReverseMatch:  # it is damaged
        return str(request_id)
    return format_html('<a href="{}">{}</a>', address, str(request_id)[:8])


class KindFilter(admin.SimpleListFilter):
    """By kind, in words. The kinds are known, so the record is not searched for them."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Each kind with its words."""
        return list(kinds.LABELS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Entries of the chosen kind."""
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what, when."""

    list_display = ["sequence", "at", "what", "actor", "agent_id", "request", "said"]
    list_filter = [KindFilter, "at"]
    search_fields = ["actor", "agent_id", "request_id", "details", "event_id"]
    search_help_text = "Person, agent, request id or words of the details"
    date_hierarchy = "at"
    ordering = ["-sequence"]

    @admin.display(description="request")
    def request(self, entry: AuditEntry) -> SafeString | str:
        """The request's own page."""
        return _request_link(entry.request_id)

    @admin.display(description="what", ordering="kind")
    def what(self, entry: AuditEntry) -> str:
        """The kind in words."""
        return kinds.label(entry.kind)

    @admin.display(description="in short")
    def said(self, entry: AuditEntry) -> str:
        """What a reader looks for first; the entry's own page has all of it."""
        return kinds.in_short(entry.details)

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
        """The record as JSON Lines, a piece at a time. That it was exported is recorded first."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        chosen = {name: request.POST.get(name, "") for name in ("from", "to", "kind", "agent")}
        try:
            selection = json_lines.Selection.of(*chosen.values())
        except ValueError as error:
            raise BadRequest(str(error)) from error
        with transaction.atomic():
            said = {name: value for name, value in chosen.items() if value}
            audit.append([audit.new_fact("record.exported", request.user.get_username(), chosen=said)])
        asynchronous = isinstance(request, ASGIRequest)
        pieces = json_lines.async_pieces(selection) if asynchronous else json_lines.pieces(selection)
        name = f"audit-{timezone.now():%Y-%m-%dT%H%M%SZ}.jsonl"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        return StreamingHttpResponse(pieces, content_type="application/x-ndjson", headers=headers)


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

    list_display = ["created_at", "user", "approved", "outcome", "accepted_at", "reason", "request"]
    list_filter = ["outcome", "approved", "created_at"]
    search_fields = ["request_id", "user__username", "reason"]
    search_help_text = "Person, reason or request id"
    date_hierarchy = "created_at"
    list_select_related = ["user"]

    @admin.display(description="request")
    def request(self, intent: DecisionIntent) -> SafeString | str:
        """The request's own page."""
        return _request_link(intent.request_id)


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
        return format_html('<a href="{}?{}">page</a>', reverse("agent"), urlencode({"id": run.agent_id}))


@admin.register(SetAsideEntry)
class SetAsideEntryAdmin(ReadOnlyAdmin):
    """What the recorder could not read."""

    list_display = ["at", "position", "error"]
    date_hierarchy = "at"


@admin.register(LLMCall)
class LLMCallAdmin(ReadOnlyAdmin):
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

    @admin.display(description="cost in dollars", ordering="cost_nano")
    def cost(self, call: LLMCall) -> str:
        """Exact to the nano-dollar."""
        return f"{dollars(call.cost_nano):f}"


@admin.register(UsageHour)
class UsageHourAdmin(ReadOnlyAdmin):
    """The sums that pages are made of."""

    list_display = ["hour", "workflow", "tier", "provider", "model", "calls", "cost"]
    list_filter = ["tier", "provider", "hour"]
    search_fields = ["workflow", "model"]
    search_help_text = "Workflow or model"
    date_hierarchy = "hour"

    @admin.display(description="cost in dollars", ordering="cost_nano")
    def cost(self, hour: UsageHour) -> str:
        """Exact to the nano-dollar."""
        return f"{dollars(hour.cost_nano):f}"


@admin.register(TaskRouting)
class TaskRoutingAdmin(ReadOnlyAdmin):
    """Whom tasks were given to, how sure that was, and whether it was right."""

    list_display = ["at", "task_type", "strategy", "assigned_to", "tier", "confidence", "success"]
    list_filter = ["success", "at"]
    search_fields = ["routing_id", "task_type", "strategy", "assigned_to", "tier"]
    search_help_text = "Task type, strategy, agent, tier or routing id"
    date_hierarchy = "at"


class TestFailures(admin.TabularInline):  # type: ignore[type-arg]  # generic for type checkers alone
    """The tests that failed in a run."""

    model = TestFailure
    fields = ["test"]
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False


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
