"""Reports on automated work: each costs the same few queries, however many rows there are."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Avg, Count, F, Max, Q, Sum, Window
from django.db.models.functions import RowNumber

from core.automation.reports import (
    AgentLine,
    AgentReport,
    AutomationSummary,
    CoveragePoint,
    CoverageTrend,
    FailingTest,
    FileLine,
    FileReport,
    RoutingLine,
    RoutingReport,
    RunReport,
    SuiteLine,
)
from core.models import (
    AgentAssignment,
    CoverageRecord,
    FileTestRecord,
    TaskRouting,
    TestExecution,
    TestFailure,
)
from core.values.moments import start_of_days

MOST_FAILING = 10
POINTS = 10
Row = Mapping[str, Any]
Line = TypeVar("Line")

_ROUTING = {
    "routings": Count("pk"),
    "settled": Count("pk", filter=Q(success__isnull=False)),
    "right": Count("pk", filter=Q(success=True)),
    "confidence_sum": Sum("confidence"),
    "durations": Count("duration_seconds"),
    "duration_sum": Sum("duration_seconds"),
}
_RUNS = {
    "runs": Count("pk"),
    "succeeded_runs": Count("pk", filter=Q(succeeded=True)),
    "duration_sum": Sum("duration_seconds"),
    "passed_tests": Sum("passed"),
    "failed_tests": Sum("failed"),
    "error_tests": Sum("errors"),
    "skipped_tests": Sum("skipped"),
    "last_run_at": Max("at"),
}
_AGENTS = {
    "assignments": Count("pk"),
    "completed": Count("completed_at"),
    "succeeded": Count("pk", filter=Q(success=True)),
    "automated_count": Count("pk", filter=Q(automated=True)),
    "reviewed_count": Count("pk", filter=Q(human_review=True)),
    "mean_duration": Avg("duration_seconds"),
}


class AutomationReports:
    """The `AutomationHistory` of a Django project."""

    def routing(self, days: int = 30) -> RoutingReport:
        """How right routings were, and how sure: one query."""
        recorded = TaskRouting.objects.filter(at__gte=start_of_days(days)).order_by()
        rows = list(recorded.values("task_type", "strategy").annotate(**_ROUTING))
        return RoutingReport(
            days=days,
            total=_routing_line(_added(rows)),
            by_task_type=_by("task_type", rows),
            by_strategy=_by("strategy", rows),
            lines=_most_first(map(_routing_line, rows), lambda line: line.routings),
        )

    def runs(self, days: int = 30) -> RunReport:
        """How test runs ended, what fails most, and where coverage goes: four queries."""
        since = start_of_days(days)
        recorded = TestExecution.objects.filter(at__gte=since).order_by()
        rows = recorded.values("suite").annotate(**_RUNS)
        return RunReport(
            days=days,
            total=_suite_line({"suite": "", **recorded.aggregate(**_RUNS)}),
            suites=_most_first(map(_suite_line, rows), lambda line: line.runs),
            most_failing=_most_failing(since),
            coverage=_coverage(since),
        )

    def agents(self, days: int = 30) -> AgentReport:
        """What became of assignments: two queries."""
        recorded = AgentAssignment.objects.filter(at__gte=start_of_days(days)).order_by()
        rows = recorded.values("agent_id").annotate(**_AGENTS)
        return AgentReport(
            days=days,
            total=_agent_line({"agent_id": "", **recorded.aggregate(**_AGENTS)}),
            agents=_most_first(map(_agent_line, rows), lambda line: line.assignments),
        )

    def files(self, *, failed: bool = False, stale: bool = False, limit: int = 500) -> FileReport:
        """The latest run of each file; only the failed, or only the stale ones: two queries."""
        records = FileTestRecord.objects.order_by()
        latest = records.exclude(outcome="not_run").values("file_path").annotate(last=Max("pk"))
        runs = {
            row["file_path"]: row
            for row in records.filter(pk__in=latest.values("last")).values(*_FILE_FIELDS)
        }
        known = records.values("file_path").annotate(changed_at=Max("source_modified_at"))
        lines = [_file_line(row["file_path"], row["changed_at"], runs.get(row["file_path"])) for row in known]
        chosen = [
            line
            for line in sorted(lines, key=lambda line: line.file_path)
            if not (failed or stale) or (failed and line.outcome == "failed") or (stale and line.stale)
        ]
        return FileReport(
            files=len(lines),
            failed=sum(line.outcome == "failed" for line in lines),
            stale=sum(line.stale for line in lines),
            lines=chosen[:limit],
            left_out=max(0, len(chosen) - limit),
        )

    def summary(self, days: int = 30) -> AutomationSummary:
        """All of it in short: six queries."""
        since = start_of_days(days)
        routings = TaskRouting.objects.filter(at__gte=since).aggregate(**_ROUTING)
        runs = TestExecution.objects.filter(at__gte=since).aggregate(**_RUNS)
        assignments = AgentAssignment.objects.filter(at__gte=since).aggregate(**_AGENTS)
        return AutomationSummary(
            days=days,
            routing=_routing_line({"task_type": "", "strategy": "", **routings}),
            tests=_suite_line({"suite": "", **runs}),
            coverage=_coverage(since),
            agents=_agent_line({"agent_id": "", **assignments}),
            files=self.files(limit=0),
        )


def _rate(part: float | None, whole: int) -> float | None:
    return (part or 0) / whole if whole else None


def _most_first(lines: Iterable[Line], amount: Callable[[Line], int]) -> list[Line]:
    return sorted(lines, key=lambda line: (-amount(line), str(line)))


def _added(rows: Iterable[Row], **told_apart: str) -> Row:
    """The sum of rows as one; every sum of `_ROUTING` may be added."""
    added: dict[str, Any] = {"task_type": "", "strategy": "", **dict.fromkeys(_ROUTING, 0), **told_apart}
    for row in rows:
        for name in _ROUTING:
            added[name] += row[name] or 0
    return added


def _by(name: str, rows: Iterable[Row]) -> list[RoutingLine]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[name]].append(row)
    lines = (_routing_line(_added(group, **{name: value})) for value, group in groups.items())
    return _most_first(lines, lambda line: line.routings)


def _routing_line(row: Row) -> RoutingLine:
    return RoutingLine(
        task_type=row["task_type"],
        strategy=row["strategy"],
        routings=row["routings"],
        settled=row["settled"],
        right=row["right"],
        accuracy=_rate(row["right"], row["settled"]),
        mean_confidence=_rate(row["confidence_sum"], row["routings"]),
        mean_duration=_rate(row["duration_sum"], row["durations"]),
    )


def _suite_line(row: Row) -> SuiteLine:
    return SuiteLine(
        suite=row["suite"],
        runs=row["runs"],
        succeeded=row["succeeded_runs"],
        success_rate=_rate(row["succeeded_runs"], row["runs"]),
        mean_duration=_rate(row["duration_sum"], row["runs"]),
        passed=row["passed_tests"] or 0,
        failed=row["failed_tests"] or 0,
        errors=row["error_tests"] or 0,
        skipped=row["skipped_tests"] or 0,
        last_run_at=row["last_run_at"],
    )


def _agent_line(row: Row) -> AgentLine:
    completed = row["completed"]
    return AgentLine(
        agent_id=row["agent_id"],
        assignments=row["assignments"],
        completed=completed,
        succeeded=row["succeeded"],
        success_rate=_rate(row["succeeded"], completed),
        mean_duration=row["mean_duration"],
        automation_rate=_rate(row["automated_count"], completed),
        human_review_rate=_rate(row["reviewed_count"], completed),
    )


def _most_failing(since: datetime) -> list[FailingTest]:
    failures = TestFailure.objects.filter(execution__at__gte=since).order_by()
    rows = failures.values("test", suite=F("execution__suite")).annotate(
        failures=Count("pk"), last_failed_at=Max("execution__at")
    )
    worst = rows.order_by("-failures", "-last_failed_at", "suite", "test")[:MOST_FAILING]
    return [FailingTest(**row) for row in worst]


def _coverage(since: datetime) -> list[CoverageTrend]:
    """Of each suite the first measurement and the newest ten: one query."""
    numbered = CoverageRecord.objects.filter(at__gte=since).annotate(
        from_newest=Window(RowNumber(), partition_by="suite", order_by=["-at", "-pk"]),
        from_oldest=Window(RowNumber(), partition_by="suite", order_by=["at", "pk"]),
    )
    wanted = numbered.filter(Q(from_newest__lte=POINTS) | Q(from_oldest=1)).order_by("suite", "at", "pk")
    measured: dict[str, list[CoveragePoint]] = defaultdict(list)
    for row in wanted:
        measured[row.suite].append(CoveragePoint(row.at, row.lines_covered, row.lines_total, row.percent))
    return [
        CoverageTrend(suite, points[-1], points[-1].percent - points[0].percent, points[-POINTS:])
        for suite, points in measured.items()
    ]


_FILE_COUNTS = ("passed", "failed", "errors", "skipped")
_FILE_FIELDS = ("file_path", "outcome", "at", "source_modified_at", "duration_seconds", *_FILE_COUNTS)


def _file_line(path: str, changed_at: datetime | None, run: Row | None) -> FileLine:
    if run is None:
        return FileLine(path, "not_run", True, None, changed_at, 0, 0, 0, 0, None)
    # A run that did not say what it tested, tested what was there then.
    tested = run["source_modified_at"] or run["at"]
    return FileLine(
        file_path=path,
        outcome=run["outcome"],
        stale=changed_at is not None and changed_at > tested,
        last_run_at=run["at"],
        source_modified_at=changed_at,
        duration_seconds=run["duration_seconds"],
        **{name: run[name] for name in _FILE_COUNTS},
    )
