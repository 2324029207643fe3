"""Reports against figures computed by hand, and their cost in queries."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import HistoryUnavailable, models
from core.automation import reports as automation_history
from core.history.automation.reports import AutomationReports

reports = AutomationReports()

pytestmark = pytest.mark.usefixtures("transactional_db")


def route(agent, task_type, strategy, confidence, success, seconds=None) -> None:
    agent.record_task_routing(
        task_type=task_type, strategy=strategy, assigned_to="a", confidence=confidence, success=success,
        duration_seconds=seconds,
    )  # fmt: skip


def test_routing_by_task_type_and_strategy(agent, record):
    route(agent, "bug", "keywords", 0.9, True, 10)
    route(agent, "bug", "keywords", 0.7, False, 20)
    route(agent, "bug", "keywords", 0.5, None)
    route(agent, "bug", "model", 0.6, True)
    route(agent, "docs", "model", 0.2, None)
    record()
    report = reports.routing(2)
    known = [
        (
            line.task_type, line.strategy, line.routings, line.settled, line.right, line.accuracy,
            line.mean_confidence and round(line.mean_confidence, 9), line.mean_duration,
        )
        for line in [report.total, *report.lines, *report.by_task_type, *report.by_strategy]
    ]  # fmt: skip
    assert known == [
        ("", "", 5, 3, 2, 2 / 3, 0.58, 15.0),
        ("bug", "keywords", 3, 2, 1, 0.5, 0.7, 15.0),
        ("bug", "model", 1, 1, 1, 1.0, 0.6, None),
        ("docs", "model", 1, 0, 0, None, 0.2, None),
        ("bug", "", 4, 3, 2, 2 / 3, 0.675, 15.0),
        ("docs", "", 1, 0, 0, None, 0.2, None),
        ("", "keywords", 3, 2, 1, 0.5, 0.7, 15.0),
        ("", "model", 2, 1, 1, 1.0, 0.4, None),
    ]


def run_suite(agent, suite, passed, failing=(), seconds=1.0, **counts) -> None:
    agent.record_test_execution(
        suite=suite, passed=passed, failed=len(failing), failing_tests=failing, duration_seconds=seconds,
        **counts,
    )  # fmt: skip


def test_runs_and_the_tests_that_fail_most(agent, record):
    run_suite(agent, "unit", 10, seconds=30)
    run_suite(agent, "unit", 8, ["test_a", "test_b"], seconds=60)
    run_suite(agent, "unit", 9, ["test_a"], skipped=2)
    run_suite(agent, "unit", 0, skipped=5)  # nothing ran, so that was no success
    run_suite(agent, "browser", 3, errors=1, seconds=10)
    run_suite(agent, "browser", 3, ["test_a"], seconds=10)
    record()
    report = reports.runs(2)
    assert [
        (line.suite, line.runs, line.succeeded, line.success_rate, line.mean_duration, line.passed, line.failed,
         line.errors, line.skipped)
        for line in [report.total, *report.suites]
    ] == [
        ("", 6, 1, 1 / 6, 112 / 6, 33, 4, 1, 7),
        ("unit", 4, 1, 0.25, 23.0, 27, 3, 0, 7),
        ("browser", 2, 0, 0.0, 10.0, 6, 1, 1, 0),
    ]  # fmt: skip
    latest = models.TestExecution.objects.filter(suite="unit").first().at
    assert (report.total.last_run_at, report.suites[0].last_run_at) == (
        models.TestExecution.objects.first().at,
        latest,
    )
    failing = [(test.test, test.suite, test.failures) for test in report.most_failing]
    assert failing == [("test_a", "unit", 2), ("test_a", "browser", 1), ("test_b", "unit", 1)]


def test_only_the_ten_worst_tests_are_named(agent, record):
    for number in range(12):
        run_suite(agent, "unit", 1, [f"test_{at}" for at in range(number + 1)])
    record()
    assert [(test.test, test.failures) for test in reports.runs(2).most_failing] == [
        (f"test_{number}", 12 - number) for number in range(10)
    ]


def test_the_coverage_trend_of_each_suite(agent, record):
    for covered in (50, 60, *range(61, 75)):
        agent.record_coverage(suite="unit", lines_covered=covered, lines_total=100)
    agent.record_coverage(suite="browser", lines_covered=1, lines_total=3)
    agent.record_coverage(suite="browser", lines_covered=1, lines_total=4)
    record()
    browser, unit = reports.runs(2).coverage
    assert (browser.suite, unit.suite) == ("browser", "unit")
    assert (unit.latest.percent, unit.change, len(unit.points)) == (74.0, 24.0, 10)
    assert [point.percent for point in unit.points] == list(range(65, 75))
    assert browser.change == pytest.approx(-100 / 12)
    assert (browser.latest.lines_covered, browser.latest.lines_total) == (1, 4)


def work(agent, name, end=None, seconds=None) -> None:
    assignment = agent.record_agent_assignment(agent_id=name, task_type="t")
    if end is not None:
        success, automated, reviewed = end
        agent.complete_agent_assignment(
            assignment_id=assignment, success=success, automated=automated, human_review=reviewed,
            duration_seconds=seconds,
        )  # fmt: skip


def test_what_became_of_assignments(agent, record):
    work(agent, "fixer", (True, True, False), 10)
    work(agent, "fixer", (True, True, True), 20)
    work(agent, "fixer", (False, False, True), 60)
    work(agent, "fixer")
    work(agent, "writer", (True, False, False), 5)
    work(agent, "idler")
    record()
    report = reports.agents(2)
    assert [tuple(vars(line).values()) for line in [report.total, *report.agents]] == [
        ("", 6, 4, 3, 0.75, 23.75, 0.5, 0.5),
        ("fixer", 4, 3, 2, 2 / 3, 30.0, 2 / 3, 2 / 3),
        ("idler", 1, 0, 0, None, None, None, None),
        ("writer", 1, 1, 1, 1.0, 5.0, 0.0, 0.0),
    ]


HOUR = timedelta(hours=1)
CHANGED = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_latest_run_of_each_file_and_what_is_stale(agent, record):
    tell = agent.record_file_test
    tell(file_path="a.py", failed=1, source_modified_at=CHANGED)
    tell(file_path="a.py", passed=3, source_modified_at=CHANGED + HOUR)  # mended
    tell(file_path="b.py", passed=3, source_modified_at=CHANGED)
    tell(file_path="b.py", source_modified_at=CHANGED + HOUR)  # changed, and nothing ran since
    tell(file_path="c.py", passed=2, errors=1)
    tell(file_path="d.py", source_modified_at=CHANGED)  # never ran
    tell(file_path="e.py", skipped=1)
    tell(file_path="f.py", passed=1)
    tell(file_path="f.py", source_modified_at=datetime.now(UTC) + HOUR)
    tell(file_path="g.py", passed=1, source_modified_at=CHANGED + HOUR)
    tell(file_path="g.py", failed=1, source_modified_at=CHANGED)  # an older copy, and it failed
    record()
    report = reports.files()
    assert [(line.file_path, line.outcome, line.stale) for line in report.lines] == [
        ("a.py", "passed", False),
        ("b.py", "passed", True),
        ("c.py", "failed", False),
        ("d.py", "not_run", True),
        ("e.py", "skipped", False),
        ("f.py", "passed", True),
        ("g.py", "failed", True),
    ]
    assert (report.files, report.failed, report.stale, report.left_out) == (7, 2, 4, 0)
    assert [line.file_path for line in reports.files(failed=True).lines] == ["c.py", "g.py"]
    assert [line.file_path for line in reports.files(stale=True).lines] == ["b.py", "d.py", "f.py", "g.py"]
    either = reports.files(failed=True, stale=True, limit=3)
    assert ([line.file_path for line in either.lines], either.left_out) == (["b.py", "c.py", "d.py"], 2)
    assert report.lines[1].source_modified_at == CHANGED + HOUR
    assert (report.lines[3].last_run_at, report.lines[2].errors) == (None, 1)


def test_the_summary_says_what_the_reports_say(agent, record):
    route(agent, "bug", "keywords", 0.9, True, 10)
    run_suite(agent, "unit", 8, ["test_a"], seconds=60)
    agent.record_coverage(suite="unit", lines_covered=1, lines_total=4)
    agent.record_file_test(file_path="a.py", failed=1)
    work(agent, "fixer", (True, True, False), 10)
    record()
    summary = reports.summary(2)
    assert summary.routing == reports.routing(2).total
    assert summary.tests == reports.runs(2).total
    assert summary.coverage == reports.runs(2).coverage
    assert summary.agents == reports.agents(2).total
    assert (summary.files.files, summary.files.failed, summary.files.lines) == (1, 1, [])


def test_of_nothing_there_is_no_rate():
    summary = reports.summary()
    assert (summary.routing.routings, summary.routing.accuracy, summary.routing.mean_confidence) == (
        0,
        None,
        None,
    )
    assert (summary.tests.runs, summary.tests.success_rate, summary.tests.mean_duration) == (0, None, None)
    assert (summary.agents.assignments, summary.agents.automation_rate) == (0, None)
    assert (summary.coverage, summary.files.files) == ([], 0)


@pytest.mark.parametrize("days", [1, 2, 30])
def test_a_period_is_of_whole_utc_days_with_today(agent, record, days):
    for _ in range(2):
        route(agent, "bug", "keywords", 0.5, True)
    record()
    inside, before = models.TaskRouting.objects.all()
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = midnight - timedelta(days=days - 1)
    models.TaskRouting.objects.filter(pk=inside.pk).update(at=start)
    models.TaskRouting.objects.filter(pk=before.pk).update(at=start - timedelta(microseconds=1))
    assert reports.routing(days).total.routings == 1


@pytest.mark.parametrize("days", [0, -1, 3661, 1.5, "7", True, None])
def test_a_bad_number_of_days_is_named(days):
    for report in (reports.routing, reports.runs, reports.agents, reports.summary):
        with pytest.raises(ValueError, match="days"):
            report(days)


def fill(rows: int) -> None:
    """Rows straight into the tables: the reports alone are the subject."""
    numbers, at, few = range(rows), datetime.now(UTC), rows // 10
    models.TaskRouting.objects.bulk_create(
        models.TaskRouting(
            routing_id=n, at=at, task_type=f"t{n % few}", strategy="s", assigned_to="a", confidence=0.5
        )
        for n in numbers
    )
    runs = models.TestExecution.objects.bulk_create(
        models.TestExecution(
            execution_id=n, at=at, suite=f"s{n % few}", succeeded=False, passed=1, failed=1, errors=0, skipped=0,
            duration_seconds=1,
        )
        for n in numbers
    )  # fmt: skip
    models.TestFailure.objects.bulk_create(models.TestFailure(execution=run, test="t") for run in runs)
    models.CoverageRecord.objects.bulk_create(
        models.CoverageRecord(coverage_id=n, at=at, suite=f"s{n % few}", lines_covered=1, lines_total=2)
        for n in numbers
    )
    models.FileTestRecord.objects.bulk_create(
        models.FileTestRecord(
            file_test_id=n,
            at=at,
            file_path=f"{n}.py",
            outcome="passed",
            passed=1,
            failed=0,
            errors=0,
            skipped=0,
        )
        for n in numbers
    )
    models.AgentAssignment.objects.bulk_create(
        models.AgentAssignment(assignment_id=n, agent_id=f"a{n % few}", task_type="t", at=at) for n in numbers
    )


def queries_of(report) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        report()
    return len(queries)


def test_each_report_costs_the_same_few_queries_at_10_and_at_1000_rows():
    every = [reports.routing, reports.runs, reports.agents, reports.files, reports.summary]
    fill(10)
    few = [queries_of(report) for report in every]
    models.TestExecution.objects.all().delete()
    for table in (models.TaskRouting, models.CoverageRecord, models.FileTestRecord, models.AgentAssignment):
        table.objects.all().delete()
    fill(1000)
    assert [queries_of(report) for report in every] == few == [1, 4, 2, 2, 6]


def test_where_nothing_is_registered_the_command_is_named(monkeypatch):
    assert isinstance(automation_history.history("test_status"), AutomationReports)
    monkeypatch.setattr(automation_history, "_registered", [])
    with pytest.raises(HistoryUnavailable, match="telemetry test_status"):
        automation_history.history("test_status")
