"""What the demo agents tell of automated work: test runs, coverage, tests of files, routings, assignments."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from core import CoordinationSignals, automation

SUITE, TESTS, SKIPPED, LINES = "checkout unit", 1_284, 3, 18_420
FILES = ("basket/totals.py", "payments/cards.py", "payments/retries.py", "shipping/rates.py")
FLAKY = (
    "test_cards.py::test_a_declined_card_is_not_tried_again",
    "test_retries.py::test_a_timeout_is_tried_once",
    "test_rates.py::test_an_island_costs_more",
)


class DemoTests:
    """The tests of a service: what ran, what failed, how much they cover, and which files changed since."""

    def __init__(self) -> None:
        self._covered = 15_900
        self._changed = {
            file: datetime.now(UTC) - timedelta(minutes=random.randint(5, 900)) for file in FILES
        }

    def run(self, failing: int) -> dict[str, int]:
        """One run of the suite with so many failures, told with its coverage; its counts."""
        self._changed[random.choice(FILES)] = datetime.now(UTC)
        names = random.sample(FLAKY, failing)
        counts = {"passed": TESTS - failing, "failed": failing, "skipped": SKIPPED}
        run = automation.record_test_execution(
            suite=SUITE,
            passed=TESTS - failing,
            failed=failing,
            skipped=SKIPPED,
            duration_seconds=round(random.uniform(38, 55), 1),
            triggered_by="deploy-bot",
            failing_tests=names,
        )
        self._covered += random.randint(-8, 35)
        automation.record_coverage(
            suite=SUITE, lines_covered=self._covered, lines_total=LINES, execution_id=run
        )
        self._tell_files(names, run)
        return counts

    def _tell_files(self, failing: list[str], run: str) -> None:
        for file, changed in self._changed.items():
            module = f"test_{file.rpartition('/')[2]}"
            failed = sum(name.startswith(module) for name in failing)
            automation.record_file_test(
                file_path=f"checkout/{file}",
                passed=random.randint(30, 90),
                failed=failed,
                duration_seconds=round(random.uniform(0.4, 6), 2),
                source_modified_at=changed,
                execution_id=run,
            )
        automation.record_file_test(
            file_path="checkout/basket/vouchers.py", source_modified_at=datetime.now(UTC)
        )


class Skill(NamedTuple):
    """Who is good at a type of task, and how often the choice of them proves right."""

    task_type: str
    assigned_to: str
    tier: str
    right: float


SKILLS = (
    Skill("invoice", "payments-agent", "capable", 0.95),
    Skill("disk alert", "ops-shell", "capable", 0.85),
    Skill("old data", "data-janitor", "cheap", 0.9),
    Skill("market question", "research-crawler", "cheap", 0.75),
)
STRATEGIES = ("keywords", "model")


class DemoRouter:
    """Gives tasks to the other agents: tells whom, signals them, and tells later how it turned out."""

    def __init__(self, agent_id: str) -> None:
        self._signals = CoordinationSignals(agent_id=agent_id, enable_streaming=True)
        self._open: list[Callable[[], None]] = []

    def route(self) -> str:
        """Give one task away; what was done, in words. The oldest of three open tasks ends meanwhile."""
        skill, strategy = random.choice(SKILLS), random.choice(STRATEGIES)
        routing = automation.record_task_routing(
            task_type=skill.task_type,
            strategy=strategy,
            assigned_to=skill.assigned_to,
            tier=skill.tier,
            confidence=round(random.uniform(0.55, 0.98), 2),
        )
        work = automation.record_agent_assignment(
            agent_id=skill.assigned_to, task_type=skill.task_type, routing_id=routing
        )
        self._signals.signal(
            "task_assigned", target_agent=skill.assigned_to, payload={"task": skill.task_type}
        )
        self._open.append(lambda: _end(routing, work, random.random() < skill.right))
        if len(self._open) > 2:
            self._open.pop(0)()
        return f"Gave a task of type {skill.task_type} to {skill.assigned_to}"


def _end(routing: str, work: str, right: bool) -> None:
    reviewed = random.random() < 0.3
    automation.complete_agent_assignment(
        assignment_id=work,
        success=right or reviewed,
        automated=not reviewed,
        human_review=reviewed,
    )
    automation.complete_task_routing(routing_id=routing, success=right)
