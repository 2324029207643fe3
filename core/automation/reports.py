"""What the record says of automated work. The Django project says here who reads it.

Rates are 0..1 and None where there is nothing to divide by; durations are seconds; times are aware UTC.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ..errors import HistoryUnavailable


@dataclass(frozen=True)
class RoutingLine:
    """Routings of one task type by one strategy. `accuracy` is of those whose outcome is known."""

    task_type: str
    strategy: str
    routings: int
    settled: int
    right: int
    accuracy: float | None
    mean_confidence: float | None
    mean_duration: float | None


@dataclass(frozen=True)
class RoutingReport:
    """`lines`: most routings first. The sums name '' for what they do not tell apart."""

    days: int
    total: RoutingLine
    by_task_type: list[RoutingLine]
    by_strategy: list[RoutingLine]
    lines: list[RoutingLine]


@dataclass(frozen=True)
class SuiteLine:
    """The runs of one suite ('' for all), and the tests in them."""

    suite: str
    runs: int
    succeeded: int
    success_rate: float | None
    mean_duration: float | None
    passed: int
    failed: int
    errors: int
    skipped: int
    last_run_at: datetime | None


@dataclass(frozen=True)
class FailingTest:
    """A test that failed in so many runs of a suite."""

    test: str
    suite: str
    failures: int
    last_failed_at: datetime


@dataclass(frozen=True)
class CoveragePoint:
    """A measurement."""

    at: datetime
    lines_covered: int
    lines_total: int
    percent: float


@dataclass(frozen=True)
class CoverageTrend:
    """Coverage of one suite. `change` is in percentage points from the period's first measurement to its latest.

    `points`: the latest ten, oldest first.
    """

    suite: str
    latest: CoveragePoint
    change: float
    points: list[CoveragePoint]


@dataclass(frozen=True)
class RunReport:
    """`suites`: most runs first. `most_failing`: at most ten, worst first. `coverage`: by name of the suite."""

    days: int
    total: SuiteLine
    suites: list[SuiteLine]
    most_failing: list[FailingTest]
    coverage: list[CoverageTrend]


@dataclass(frozen=True)
class AgentLine:
    """Assignments of one agent ('' for all). Every rate is of the completed ones."""

    agent_id: str
    assignments: int
    completed: int
    succeeded: int
    success_rate: float | None
    mean_duration: float | None
    automation_rate: float | None
    human_review_rate: float | None


@dataclass(frozen=True)
class AgentReport:
    """`agents`: most assignments first."""

    days: int
    total: AgentLine
    agents: list[AgentLine]


@dataclass(frozen=True)
class FileLine:
    """The latest run of a file's tests; `outcome` is passed, failed, skipped or not_run.

    Stale: it never ran, or a change is known that the latest run did not test.
    """

    file_path: str
    outcome: str
    stale: bool
    last_run_at: datetime | None
    source_modified_at: datetime | None
    passed: int
    failed: int
    errors: int
    skipped: int
    duration_seconds: float | None


@dataclass(frozen=True)
class FileReport:
    """Counts of all files, and the files that were asked for, by path; `left_out` are beyond the limit."""

    files: int
    failed: int
    stale: int
    lines: list[FileLine]
    left_out: int


@dataclass(frozen=True)
class AutomationSummary:
    """Routing, tests, coverage and agents together."""

    days: int
    routing: RoutingLine
    tests: SuiteLine
    coverage: list[CoverageTrend]
    agents: AgentLine
    files: FileReport


class AutomationHistory(Protocol):
    """What the project offers. `days`: of the last so many UTC days, today included."""

    def routing(self, days: int = 30) -> RoutingReport:
        """How right routings were, and how sure."""

    def runs(self, days: int = 30) -> RunReport:
        """How test runs ended, what fails most, and where coverage goes."""

    def agents(self, days: int = 30) -> AgentReport:
        """What became of assignments."""

    def files(self, *, failed: bool = False, stale: bool = False, limit: int = 500) -> FileReport:
        """The latest run of each file; only the failed, or only the stale ones. Both: either is enough."""

    def summary(self, days: int = 30) -> AutomationSummary:
        """All of it in short."""


_registered: list[AutomationHistory] = []


def register(history: AutomationHistory) -> None:
    """Called by the project when it starts."""
    _registered[:] = [history]


def history(command: str) -> AutomationHistory:
    """The registered history, or HistoryUnavailable naming the command of `manage.py telemetry` that has it."""
    if not _registered:
        raise HistoryUnavailable(
            "automation reports are read from the site's database, which this process does not have: "
            f"run `python manage.py telemetry {command}` where the site runs"
        )
    return _registered[0]
