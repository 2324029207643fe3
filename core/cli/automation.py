"""Commands about automated work: tier1_status, task_routing_report, test_status, agent_performance,
file_test_status. They read the site's database; a bad result is a result, so their exit code is 0 with it too.
"""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict

from ..automation import reports
from .commands import DONE, PACKAGE, command, days, option, whole_number
from .tables import Column, moment, number, numeric, percent, print_facts, print_json, print_table

Report = reports.AutomationSummary | reports.AgentReport | reports.RoutingReport | reports.RunReport
SHOWN = 5  # of the ten measurements that --json has
DAYS = option("--days", type=days, default=30, help="of the last so many UTC days (30)")


@command("tier1_status", "routing, tests, coverage and agents together", DAYS, reads_history=True)
def cmd_tier1_status(args: Namespace) -> int:
    """How routing, tests, coverage, tests of files and agents stand together, of the last --days UTC days.

    Tests of files are counted by the latest run of each file, however old.
    """
    summary = reports.history("tier1_status").summary(args.days)
    facts = _summary_facts(summary)
    if _is_answered(args, summary, facts, "automated work", f"the functions of {PACKAGE}.automation"):
        return DONE
    print_facts(f"Automated work{_period(args.days)}", facts)
    return DONE


@command("task_routing_report", "how right and how sure routings were", DAYS, reads_history=True)
def cmd_task_routing_report(args: Namespace) -> int:
    """Accuracy and confidence of routings by task type and strategy, of the last --days UTC days.

    Accuracy is of those whose outcome is known.
    """
    report = reports.history("task_routing_report").routing(args.days)
    if _is_answered(args, report, report.lines, "task routing", f"{PACKAGE}.record_task_routing"):
        return DONE
    heads = ["routings", "known", "right", "accuracy", "confidence", "mean duration"]
    for title, names, lines in (
        (f"Routings{_period(args.days)}", ["task type", "strategy"], report.lines),
        ("By task type", ["task type"], report.by_task_type),
        ("By strategy", ["strategy"], report.by_strategy),
    ):
        columns = [*map(Column, names), *numeric(heads, "right", "mean duration", "known")]
        rows = [[*_names_of(line, names), *_routing_cells(line)] for line in lines]
        print_table(title, columns, [*rows, ["all", *[""] * (len(names) - 1), *_routing_cells(report.total)]])
    return DONE


@command("test_status", "runs, what fails most, and coverage", DAYS, reads_history=True)
def cmd_test_status(args: Namespace) -> int:
    """Test runs by suite, the tests that fail most, and where coverage goes, of the last --days UTC days.

    A run succeeded when at least one test passed and none failed.
    """
    report = reports.history("test_status").runs(args.days)
    known = report.suites or report.coverage
    if _is_answered(args, report, known, "test run", f"{PACKAGE}.record_test_execution"):
        return DONE
    heads = ["runs", "succeeded", "success", "mean duration", "passed", "failed", "errors", "skipped"]
    numbers = numeric(heads, "skipped", "errors", "passed", "succeeded", "mean duration")
    columns = [Column("suite"), *numbers, Column("last run (UTC)", drop=6)]
    rows = [[line.suite, *_suite_cells(line)] for line in report.suites]
    print_table(f"Test runs{_period(args.days)}", columns, [*rows, ["all", *_suite_cells(report.total)]])
    if report.most_failing:
        print_table(
            "Fail most",
            [Column("test"), Column("suite"), *numeric(["failures"]), Column("last (UTC)", drop=1)],
            [
                [test.test, test.suite, number(test.failures), moment(test.last_failed_at)]
                for test in report.most_failing
            ],
        )
    if report.coverage:
        _print_coverage(report.coverage)
    return DONE


@command("agent_performance", "what became of assignments", DAYS, reads_history=True)
def cmd_agent_performance(args: Namespace) -> int:
    """Assignments of each agent: completed, success, duration, automation and human review, of the last --days.

    Every rate is of the completed ones.
    """
    report = reports.history("agent_performance").agents(args.days)
    if _is_answered(args, report, report.agents, "assignment", f"{PACKAGE}.record_agent_assignment"):
        return DONE
    heads = [
        *("assignments", "completed", "succeeded", "success", "mean duration"),
        *("automated", "human review"),
    ]
    rows = [[line.agent_id, *_agent_cells(line)] for line in report.agents]
    columns = [Column("agent"), *numeric(heads, "succeeded", "mean duration", "completed")]
    print_table(f"Agents{_period(args.days)}", columns, [*rows, ["all", *_agent_cells(report.total)]])
    return DONE


@command(
    "file_test_status",
    "the latest test run of each file",
    option("--failed", action="store_true", help="only files whose latest run failed"),
    option("--stale", action="store_true", help="only files that changed since, or never ran"),
    option("--limit", type=whole_number, default=500, help="at most so many files (500)"),
    reads_history=True,
)
def cmd_file_test_status(args: Namespace) -> int:
    """The latest run of each file's tests, by path; with --failed and --stale, those that are either."""
    report = reports.history("file_test_status").files(failed=args.failed, stale=args.stale, limit=args.limit)
    if args.json:
        print_json(asdict(report))
        return DONE
    if not report.files:
        print(f"No test of a file is recorded. Agents tell them with {PACKAGE}.record_file_test.")
        return DONE
    columns = [
        *(Column("file"), Column("latest run"), *numeric(["passed", "failed"])),
        *(Column("stale"), Column("run (UTC)", drop=1), Column("changed (UTC)", drop=2)),
    ]
    counts = f"{number(report.failed)} failed, {number(report.stale)} stale"
    print_table(f"Files: {number(report.files)}, {counts}", columns, map(_file_cells, report.lines))
    if report.left_out:
        print(f"{number(report.left_out)} more files are left out; --limit shows more.")
    return DONE


def _is_answered(args: Namespace, report: Report, known: Sequence[object], what: str, recorder: str) -> bool:
    """Print the report as JSON where that is asked for, or that nothing is known; whether one of these was all."""
    if args.json:
        print_json(asdict(report))
    elif not known:
        print(f"No {what} was recorded{_period(args.days)}. Agents tell of it with {recorder}.")
    return args.json or not known


def _period(days: int) -> str:
    return " today (UTC)" if days == 1 else f" in the last {number(days)} UTC days"


def _share(rate: float | None) -> str:
    return percent(None if rate is None else 100 * rate)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f} s"


def _names_of(line: reports.RoutingLine, names: Sequence[str]) -> list[str]:
    return [{"task type": line.task_type, "strategy": line.strategy}[name] for name in names]


def _routing_cells(line: reports.RoutingLine) -> list[str]:
    return [
        *map(number, (line.routings, line.settled, line.right)),
        *map(_share, (line.accuracy, line.mean_confidence)),
        _seconds(line.mean_duration),
    ]


def _suite_cells(line: reports.SuiteLine) -> list[str | None]:
    return [
        *(number(line.runs), number(line.succeeded), _share(line.success_rate), _seconds(line.mean_duration)),
        *map(number, (line.passed, line.failed, line.errors, line.skipped)),
        None if line.last_run_at is None else moment(line.last_run_at),
    ]


def _agent_cells(line: reports.AgentLine) -> list[str]:
    return [
        *map(number, (line.assignments, line.completed, line.succeeded)),
        *(_share(line.success_rate), _seconds(line.mean_duration)),
        *map(_share, (line.automation_rate, line.human_review_rate)),
    ]


def _file_cells(line: reports.FileLine) -> list[str | None]:
    times = (line.last_run_at, line.source_modified_at)
    return [
        *(line.file_path, line.outcome.replace("_", " ")),
        *(number(line.passed), number(line.failed + line.errors), "yes" if line.stale else "no"),
        # Without seconds, so that there is room for the path.
        *(None if at is None else moment(at)[:16] for at in times),
    ]


def _print_coverage(trends: Sequence[reports.CoverageTrend]) -> None:
    numbers = numeric(["covered", "lines", "coverage", "change"], "covered", "lines")
    columns = [Column("suite"), *numbers, Column("the latest", drop=3), Column("measured (UTC)", drop=4)]
    print_table("Coverage", columns, map(_coverage_cells, trends))


def _coverage_cells(trend: reports.CoverageTrend) -> list[str]:
    latest = trend.latest
    return [
        *(trend.suite, number(latest.lines_covered), number(latest.lines_total)),
        *(percent(latest.percent), f"{trend.change:+.1f} points"),
        *(" ".join(f"{point.percent:.1f}" for point in trend.points[-SHOWN:]), moment(latest.at)),
    ]


def _summary_facts(summary: reports.AutomationSummary) -> list[tuple[str, str]]:
    routing, tests, agents, files = summary.routing, summary.tests, summary.agents, summary.files
    facts = []
    if routing.routings:
        facts += [
            ("routings", number(routing.routings)),
            ("routing accuracy", f"{_share(routing.accuracy)} of {number(routing.settled)} known"),
            ("routing confidence", _share(routing.mean_confidence)),
        ]
    if tests.runs:
        facts += [
            ("test runs", number(tests.runs)),
            ("successful runs", _share(tests.success_rate)),
            ("mean duration of a run", _seconds(tests.mean_duration)),
        ]
    for trend in summary.coverage:
        facts.append(
            (f"coverage of {trend.suite}", f"{percent(trend.latest.percent)} ({trend.change:+.1f} points)")
        )
    if files.files:
        counts = f"{number(files.failed)} failed, {number(files.stale)} stale"
        facts.append(("files with tests", f"{number(files.files)}: {counts}"))
    if agents.assignments:
        facts += [
            ("assignments", f"{number(agents.assignments)}, {number(agents.completed)} completed"),
            ("successful assignments", _share(agents.success_rate)),
            ("automated", _share(agents.automation_rate)),
            ("reviewed by a person", _share(agents.human_review_rate)),
        ]
    return facts
