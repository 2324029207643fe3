"""Automated work in SQL: each id once for ever, the first end stands, poison set aside alone."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command

from core import models
from core.history.automation.effects import prune
from core.history.recorder.recorder import Recorder
from tests.history.samples import some_of

OUTBOX = "{telemetry}:outbox"
TABLES = [
    *(models.TaskRouting, models.TestExecution, models.TestFailure),
    *(models.CoverageRecord, models.FileTestRecord, models.AgentAssignment),
]


def tell_everything(agent) -> None:
    agent.record_task_routing(
        task_type="bug fix", strategy="keywords", assigned_to="fixer", tier="capable", confidence=0.75,
        routing_id="r",
    )  # fmt: skip
    agent.complete_task_routing(routing_id="r", success=True, duration_seconds=2.5)
    agent.record_test_execution(
        suite="unit", passed=8, failed=2, errors=1, skipped=3, duration_seconds=60, triggered_by="commit",
        failing_tests=["test_a", "test_b"], execution_id="e",
    )  # fmt: skip
    agent.record_coverage(suite="unit", lines_covered=2, lines_total=3, execution_id="e", coverage_id="c")
    agent.record_file_test(
        file_path="src/größer.py", passed=1, source_modified_at=datetime(2026, 1, 2, tzinfo=UTC),
        duration_seconds=0.5, execution_id="e", file_test_id="f",
    )  # fmt: skip
    agent.record_agent_assignment(agent_id="fixer", task_type="bug fix", routing_id="r", assignment_id="a")
    agent.complete_agent_assignment(
        assignment_id="a", success=False, automated=True, human_review=True, duration_seconds=30
    )


def everything() -> list[list[dict]]:
    return [list(table.objects.order_by("pk").values()) for table in TABLES]


def without_times(row) -> dict:
    return {
        name: value for name, value in vars(row).items() if name not in ("id", "_state", "at", "completed_at")
    }


def test_what_was_told_is_recorded_field_by_field(agent, record):
    before = datetime.now(UTC) - timedelta(seconds=1)
    tell_everything(agent)
    assert record() == 7
    routing, execution = models.TaskRouting.objects.get(), models.TestExecution.objects.get()
    assert without_times(routing) == {
        "routing_id": "r", "task_type": "bug fix", "strategy": "keywords", "assigned_to": "fixer",
        "tier": "capable", "confidence": 0.75, "success": True, "duration_seconds": 2.5,
    }  # fmt: skip
    assert without_times(execution) == {
        "execution_id": "e", "suite": "unit", "triggered_by": "commit", "succeeded": False, "passed": 8,
        "failed": 2, "errors": 1, "skipped": 3, "duration_seconds": 60.0,
    }  # fmt: skip
    assert [failure.test for failure in execution.failures.all()] == ["test_a", "test_b"]
    assert without_times(models.CoverageRecord.objects.get()) == {
        "coverage_id": "c", "suite": "unit", "lines_covered": 2, "lines_total": 3, "execution_id": "e",
    }  # fmt: skip
    assert without_times(models.FileTestRecord.objects.get()) == {
        "file_test_id": "f", "file_path": "src/größer.py", "outcome": "passed", "passed": 1, "failed": 0,
        "errors": 0, "skipped": 0, "duration_seconds": 0.5, "execution_id": "e",
        "source_modified_at": datetime(2026, 1, 2, tzinfo=UTC),
    }  # fmt: skip
    assignment = models.AgentAssignment.objects.get()
    assert without_times(assignment) == {
        "assignment_id": "a", "agent_id": "fixer", "task_type": "bug fix", "routing_id": "r",
        "success": False, "automated": True, "human_review": True, "duration_seconds": 30.0,
    }  # fmt: skip
    after = datetime.now(UTC) + timedelta(seconds=1)
    assert before < execution.at <= assignment.at <= assignment.completed_at < after
    assert models.AuditEntry.objects.count() == 0  # the chain is about decisions
    assert models.SetAsideEntry.objects.count() == 0


def test_told_twice_counts_once(agent, record):
    tell_everything(agent)
    record()
    before = everything()
    tell_everything(agent)
    agent.record_task_routing(
        task_type="other", strategy="other", assigned_to="other", confidence=0, routing_id="r"
    )
    agent.record_test_execution(suite="other", passed=1, duration_seconds=1, execution_id="e")
    record()
    assert everything() == before
    assert models.SetAsideEntry.objects.count() == 0


def test_reading_the_whole_outbox_again_records_nothing_twice(agent, record, clean_redis):
    tell_everything(agent)
    record()
    before = everything()
    models.Cursor.objects.update(position="0")
    Recorder(clean_redis).step()
    assert everything() == before


def test_the_first_end_stands(agent, record):
    tell_everything(agent)
    agent.complete_task_routing(routing_id="r", success=False)
    agent.complete_agent_assignment(assignment_id="a", success=True, automated=False, human_review=False)
    record()
    assert models.TaskRouting.objects.get().success is True
    assert models.AgentAssignment.objects.get().success is False
    assert models.SetAsideEntry.objects.count() == 0


def test_without_a_duration_the_time_between_the_calls_counts_by_the_servers_clock(agent, record, raw):
    agent.record_task_routing(task_type="t", strategy="s", assigned_to="a", confidence=1, routing_id="r")
    agent.record_agent_assignment(agent_id="a", task_type="t", assignment_id="a")
    agent.complete_task_routing(routing_id="r", success=True)
    agent.complete_agent_assignment(assignment_id="a", success=True, automated=True, human_review=False)
    entries = [fields for _, fields in raw.xrange(OUTBOX)]
    raw.delete(OUTBOX)
    for fields, milliseconds in zip(entries, (1_000, 2_000, 4_500, 1_500), strict=True):
        raw.xadd(OUTBOX, {**fields, "recorded_ms": milliseconds})
    record()
    assert models.TaskRouting.objects.get().duration_seconds == 3.5
    assert models.AgentAssignment.objects.get().duration_seconds == 0  # the clock was set back


ROUTING = {
    "routing_id": "x", "task_type": "t", "strategy": "s", "assigned_to": "a", "confidence": 1,
}  # fmt: skip
POISON = {
    "no kind": {"kind": None},
    "an unknown kind": {"kind": "exploded"},
    "no record": {"record": None},
    "no time": {"recorded_ms": None},
    "a time in words": {"recorded_ms": "noon"},
    "a time beyond every calendar": {"recorded_ms": "9" * 30},
    "no JSON": {"record": "{"},
    "a list": {"record": "[]"},
    "a deep nest": {"record": "[" * 100_000},
    "a missing field": {"record": json.dumps({**ROUTING} | {"extra": 1}).replace("strategy", "other")},
    "a NUL": {"record": json.dumps({**ROUTING, "task_type": "a\0b"})},
    "a lone surrogate": {"record": json.dumps({**ROUTING, "task_type": "\ud800"})},
    "a name that is too long": {"record": json.dumps({**ROUTING, "task_type": "x" * 256})},
    "a confidence that is NaN": {"record": json.dumps({**ROUTING, "confidence": float("nan")})},
    "a confidence in words": {"record": json.dumps({**ROUTING, "confidence": "high"})},
    "success in words": {"record": json.dumps({**ROUTING, "success": "false"})},
    "an outcome of nothing": {
        "kind": "task_routing_outcome", "record": json.dumps({"routing_id": "never told", "success": True}),
    },
    "an end of nothing": {
        "kind": "agent_assignment_outcome",
        "record": json.dumps(
            {"assignment_id": "never told", "success": True, "automated": True, "human_review": True}
        ),
    },
    "a number beyond the column": {
        "kind": "coverage",
        "record": json.dumps(
            {"coverage_id": "c", "suite": "s", "lines_covered": 1, "lines_total": 10**30}
        ),
    },
    "more lines covered than there are": {
        "kind": "coverage",
        "record": json.dumps({"coverage_id": "c", "suite": "s", "lines_covered": 2, "lines_total": 1}),
    },
}  # fmt: skip


@pytest.mark.parametrize("damage", some_of(POISON))
def test_a_poisoned_entry_is_set_aside_alone(agent, record, raw, damage):
    agent.record_coverage(suite="before", lines_covered=1, lines_total=1)
    whole = {
        "type": "automation", "kind": "task_routing", "recorded_ms": "5", "record": json.dumps(ROUTING),
        **damage,
    }  # fmt: skip
    position = raw.xadd(OUTBOX, {name: value for name, value in whole.items() if value is not None})
    agent.record_coverage(suite="after", lines_covered=1, lines_total=1)
    record()
    suites = models.CoverageRecord.objects.order_by("pk").values_list("suite", flat=True)
    assert list(suites) == ["before", "after"]
    [aside] = models.SetAsideEntry.objects.all()
    assert aside.position == position
    assert "\0" not in aside.fields + aside.error
    assert models.TaskRouting.objects.count() == 0


def test_fields_of_a_later_version_are_ignored(record, raw):
    told = json.dumps({**ROUTING, "mood": "fine"})
    raw.xadd(OUTBOX, {"type": "automation", "kind": "task_routing", "recorded_ms": "5", "record": told})
    record()
    assert models.TaskRouting.objects.get().task_type == "t"


def test_pruning_deletes_what_is_older_and_says_how_much(agent, record):
    tell_everything(agent)
    record()
    now = datetime.now(UTC)
    assert prune(now, 1) == 0
    models.CoverageRecord.objects.update(at=now - timedelta(days=29))
    for table in (models.TaskRouting, models.TestExecution, models.FileTestRecord, models.AgentAssignment):
        table.objects.update(at=now - timedelta(days=30, seconds=1))
    assert prune(now, 30) == 4
    assert [table.objects.count() for table in TABLES] == [0, 0, 0, 1, 0, 0]


def test_more_than_one_transaction_full_is_pruned(transactional_db):
    old = datetime.now(UTC) - timedelta(days=31)
    models.CoverageRecord.objects.bulk_create(
        models.CoverageRecord(coverage_id=n, at=old, suite="s", lines_covered=1, lines_total=1)
        for n in range(2_500)
    )
    assert prune(datetime.now(UTC), 30) == 2_500
    assert models.CoverageRecord.objects.count() == 0


def test_the_command_prunes_by_the_setting_and_with_0_keeps_everything(transactional_db, settings, capsys):
    old = datetime.now(UTC) - timedelta(days=8)
    models.CoverageRecord.objects.create(coverage_id="c", at=old, suite="s", lines_covered=1, lines_total=1)
    settings.TELEMETRY_AUTOMATION_DAYS = 0
    call_command("prune")
    assert "automated work are kept for ever (TELEMETRY_AUTOMATION_DAYS=0)" in capsys.readouterr().out
    settings.TELEMETRY_AUTOMATION_DAYS = 7
    call_command("prune")
    assert "1 records of automated work older than 7 days deleted" in capsys.readouterr().out
