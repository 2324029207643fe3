"""Records of automated work in SQL: each id once for ever, the first end of a thing stands."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Model

from core.automation import records
from core.history.database import locks
from core.models import (
    AgentAssignment,
    CoverageRecord,
    FileTestRecord,
    TaskRouting,
    TestExecution,
    TestFailure,
)
from core.values.moments import at

PRUNED_AT_ONCE = 1_000
DATED: tuple[type[Model], ...] = (TaskRouting, TestExecution, CoverageRecord, FileTestRecord, AgentAssignment)


def record(said: Mapping[str, str]) -> None:
    """Write what one outbox entry tells. KeyError, ValueError or TypeError when it makes no sense."""
    kind = said["kind"]
    if kind not in _EFFECTS:
        raise ValueError(f"kind is {kind!r}")
    told = records.KINDS[kind].from_json(said["record"])
    _EFFECTS[kind](told, at(said["recorded_ms"]))


def prune(now: datetime, days: int) -> int:
    """Delete what was recorded before the last `days` days; returns how many records there were.

    Short transactions of 1,000 records: the recorder writes in between, and a killed prune goes on at the next.
    """
    until, pruned = now - timedelta(days=days), 0
    for table in DATED:
        while count := _prune_some(table, until):
            pruned += count
    return pruned


def _prune_some(table: type[Model], until: datetime) -> int:
    with transaction.atomic():
        locks.hold_recorder()  # it ends what began long ago, in an order of its own
        old = table._default_manager.filter(at__lt=until).order_by("at").values_list("pk", flat=True)
        chosen = list(old[:PRUNED_AT_ONCE])
        table._default_manager.filter(pk__in=chosen).delete()
        return len(chosen)


def _routing(told: records.TaskRouting, moment: datetime) -> None:
    completed_at = None if told.success is None else moment
    _add(TaskRouting, told, moment, completed_at=completed_at)


def _routing_outcome(told: records.TaskRoutingOutcome, moment: datetime) -> None:
    routing = TaskRouting.objects.filter(routing_id=told.routing_id).first()
    if routing is None:
        raise ValueError("the outcome of a routing that was never told")
    if routing.success is None:
        end = {
            "success": told.success,
            "duration_seconds": _duration(told.duration_seconds, routing.at, moment),
        }
        TaskRouting.objects.filter(pk=routing.pk).update(**end, completed_at=moment)


def _execution(told: records.TestExecution, moment: datetime) -> None:
    if TestExecution.objects.filter(execution_id=told.execution_id).exists():
        return
    said = _fields(told, "failing_tests")
    execution = TestExecution.objects.create(**said, at=moment, succeeded=told.succeeded)
    TestFailure.objects.bulk_create(
        TestFailure(execution=execution, test=test) for test in told.failing_tests
    )


def _file_test(told: records.FileTest, moment: datetime) -> None:
    _add(FileTestRecord, told, moment, outcome=told.outcome)


def _assignment_outcome(told: records.AgentAssignmentOutcome, moment: datetime) -> None:
    assignment = AgentAssignment.objects.filter(assignment_id=told.assignment_id).first()
    if assignment is None:
        raise ValueError("the end of an assignment that was never told")
    if assignment.completed_at is None:
        end = _fields(told, "assignment_id")
        end["duration_seconds"] = _duration(told.duration_seconds, assignment.at, moment)
        AgentAssignment.objects.filter(pk=assignment.pk).update(**end, completed_at=moment)


def _add(table: type[Model], told: records.AutomationRecord, moment: datetime, **more: Any) -> None:
    """Insert what was told as a row, where its id is not there yet: one query."""
    row = table(**vars(told), at=moment, **more)
    table._default_manager.bulk_create([row], ignore_conflicts=True)


def _fields(told: records.AutomationRecord, *but: str) -> dict[str, Any]:
    return {name: value for name, value in vars(told).items() if name not in but}


def _duration(told: float | None, began: datetime, ended: datetime) -> float:
    # Redis's clock may be set back.
    return max(0.0, (ended - began).total_seconds()) if told is None else told


_EFFECTS: Mapping[str, Callable[[Any, datetime], None]] = {
    records.TaskRouting.kind: _routing,
    records.TaskRoutingOutcome.kind: _routing_outcome,
    records.TestExecution.kind: _execution,
    records.Coverage.kind: partial(_add, CoverageRecord),
    records.FileTest.kind: _file_test,
    records.AgentAssignment.kind: partial(_add, AgentAssignment),
    records.AgentAssignmentOutcome.kind: _assignment_outcome,
}
